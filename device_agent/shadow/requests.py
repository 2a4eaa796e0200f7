"""What a shadow is asked and told, and the answers."""

import asyncio
from typing import Any, Final, TypeAlias

import msgspec

from contract import documents
from contract.documents import ShadowError, ShadowSection, ShadowState, ShadowUpdate
from contract.errors import DocumentError
from device_agent.shadow.documents import Contents

ANSWER_S: Final = 20.0
"""An answer that takes longer will not come."""

Answer: TypeAlias = Contents | ShadowError | DocumentError | None
"""None: there was none in time. A DocumentError: there was one, and it cannot be read."""


class Request:
    """What was asked last, until it is answered."""

    def __init__(self, operation: str, token: str) -> None:
        self.operation = operation
        self.token = token
        self.answered = asyncio.Event()
        self.answer: Answer = None

    def is_answered_by(self, operation: str, token: str | None) -> bool:
        return operation.startswith(f"{self.operation}/") and token in (None, self.token)

    def settle(self, answer: Answer) -> None:
        self.answer = answer
        self.answered.set()


def update(patch: dict[str, Any], token: str) -> bytes:
    section = ShadowSection(values=patch.get("values", {}), rejected=patch.get("rejected", msgspec.UNSET))
    return documents.encode(ShadowUpdate(state=ShadowState(reported=section), client_token=token))


def removal(token: str) -> bytes:
    """What an agent of another version has reported cannot be merged with ours: it is taken out first."""
    return msgspec.json.encode({"state": {"reported": None}, "clientToken": token})


def refusal(operation: str, error: ShadowError | DocumentError | None) -> str:
    if isinstance(error, ShadowError):
        return f"{operation} refused: {error.code} {error.message}"
    return f"no answer to {operation} within {ANSWER_S:.0f} s"
