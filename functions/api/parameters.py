"""Parameters that several operations share."""

import re
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contract.rules import RULE_PATTERN
from functions.api.times import shown
from functions.errors import RequestError

Cursor = Annotated[str | None, Query(max_length=2048)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Name = Annotated[str | None, Query(max_length=400)]
Thing = Annotated[str, Path(max_length=200)]
Rule = Annotated[str, Path(max_length=200)]

_RULE = re.compile(RULE_PATTERN)


def model_name(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise RequestError("model", "the name of a device model", shown(text))
    return text


def rule_id(text: str) -> str:
    if not _RULE.fullmatch(text):
        raise RequestError("rule", "the id of a rule, such as too-warm or climate:no-data", shown(text))
    return text
