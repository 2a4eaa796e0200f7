"""The document as the file that is committed."""

import json
from pathlib import Path
from typing import Final

from functions.api.openapi.document import document

PATH: Final = Path(__file__).parents[1] / "openapi.json"


def text() -> str:
    """The same text for the same code, with a line for each thing that a review may want to see changed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
