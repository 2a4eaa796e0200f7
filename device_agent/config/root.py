"""The configuration's root keys that are more than a value: who the device is, whom it talks to, where it stores."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from contract import models
from contract.errors import IdentityError, ModelError, shown
from contract.identity import parse_thing
from contract.models import DeviceModel
from device_agent.config import values as values_of
from device_agent.config.table import Table
from device_agent.transport import Endpoint

QUEUE: Final = "queue"


def thing(root: Table) -> str:
    name = root.text("thing")
    try:
        return parse_thing(name) if name else name
    except IdentityError as error:
        root.problem("thing", error.expected, error.got)
        return name


def model(root: Table, base: Path) -> DeviceModel:
    """A shipped model by its name, or one from a file, relative to `base`, if the text looks like a path."""
    shipped = models.shipped()
    name = root.text("model")
    stand_in = next(iter(shipped.values()))
    if not name or name in shipped:
        return shipped.get(name, stand_in)
    if "/" not in name and not name.endswith(".json"):
        root.problem("model", f"one of {', '.join(shipped)}, or the path of a model's file", shown(name))
        return stand_in
    if not values_of.is_path(name) or not (base / name).is_file():
        root.problem("model", "the path of a model's file", f"{shown(name)}, which is none")
        return stand_in
    try:
        return models.load(base / name)
    except ModelError as error:
        root.problem("model", "the path of a device model", str(error))
        return stand_in


def endpoints(root: Table) -> tuple[Endpoint, ...]:
    found = []
    texts = root.texts("endpoints")
    if not texts and "endpoints" in root:
        root.problem("endpoints", "at least one host:port", "an empty list")
    for index, text in enumerate(texts):
        if (parsed := endpoint(text)) is None:
            root.problem(f"endpoints[{index}]", "host or host:port", shown(text))
        else:
            found.append(parsed)
    return tuple(found)


def queue(root: Table) -> Path:
    """The directory of the queue, which need not be there yet."""
    path = root.path("queue", default=QUEUE, must_exist=False)
    if not path.name:
        root.problem("queue", "a directory of its own", str(path))
        return root.base / QUEUE
    if path.is_file():
        what = "a file: the SQLite queue of an older agent? Let that one send it, or move it away"
        root.problem("queue", "a directory, or a name that is free", f"{path}, {what}")
    return path


def state(root: Table, queue: Path) -> Path:
    """The file of what must outlast a restart besides the queue."""
    path = root.optional_path("state", must_exist=False) or queue.with_name(f"{queue.name}.state")
    if path.is_dir():
        root.problem("state", "a file, or a name that is free", f"{path}, a directory")
    return path


def endpoint(text: str) -> Endpoint | None:
    """From `host` or `host:port`; None if it is neither."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != text or parts.username is not None or port == 0:
        return None
    return Endpoint(host, port)
