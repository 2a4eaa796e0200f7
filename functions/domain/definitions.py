"""Rules and models as they are kept: documents with their versions."""

from typing import Final

import msgspec

from functions.domain.access import By

MAX_RULES: Final = 2_000
MAX_MODELS: Final = 200
MAX_RULE_BYTES: Final = 16_384
MAX_MODEL_BYTES: Final = 131_072
MAX_ORIGIN_CHARS: Final = 64


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A rule or a model: its document as JSON, in the version that stands.

    `origin` names the set of files that it was applied from; None for one that was made by hand.
    """

    id: str
    text: str
    version: int
    created_at: int
    updated_at: int
    by: By
    origin: str | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it was from `at` on; without text it was deleted then."""

    id: str
    version: int
    at: int
    by: By
    text: str | None
    origin: str | None = None


class VersionsPage(msgspec.Struct, frozen=True):
    """Newest first."""

    versions: tuple[Version, ...]
    cursor: str | None


class Definitions(msgspec.Struct, frozen=True):
    rules: tuple[Definition, ...]
    models: tuple[Definition, ...]
