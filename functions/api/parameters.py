"""Parameters that several operations share."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from functions.api.times import shown
from functions.errors import RequestError

Cursor = Annotated[str | None, Query(max_length=2048)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Name = Annotated[str | None, Query(max_length=400)]
Thing = Annotated[str, Path(max_length=200)]


def model_name(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise RequestError("model", "the name of a device model", shown(text))
    return text
