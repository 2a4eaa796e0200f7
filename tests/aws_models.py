"""botocore reads the models of its services once for each process of tests, where it would once for each session.

A session parses some hundred kilobytes of JSON for its first client of a service; most of our tests open one of their
own. Within a session botocore shares what it read between clients and threads, so tests may share it as well.
"""

from collections import defaultdict
from typing import Any

import botocore.loaders

_read: dict[tuple[str, ...], dict[Any, Any]] = defaultdict(dict)


class _Loader(botocore.loaders.Loader):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._cache = _read[tuple(self.search_paths)]  # what `botocore.loaders.instance_cache` keeps


def share() -> None:
    botocore.loaders.Loader = _Loader  # type: ignore[misc]
