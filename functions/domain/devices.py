"""A device as the registry knows it, pages of devices, and which lists there are."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from contract.errors import shown
from contract.identity import ATTRIBUTE_PATTERN
from functions.domain.access import Reach, lineage
from functions.domain.presence import Status
from functions.domain.search import key_word, words_begin, words_of
from functions.errors import RequestError

MAX_NAME_CHARS: Final = 128
MAX_TAGS: Final = 20
MAX_TAG_FILTERS: Final = 4
_is_tag_key = re.compile(ATTRIBUTE_PATTERN).fullmatch
_SORTED_CHARS: Final = 80
"""Of a folded name in a sort key, of which DynamoDB takes 1 KB: folding may lengthen a name."""
_SEPARATOR: Final = "\x1f"
"""Below every character of a name, so that `ab` stands before `ab c`."""
# Marks that turn the reading direction around or that nobody sees: a name must be what it looks like.
_HIDDEN: Final = frozenset(map(chr, (0x061C, 0x180E, *range(0x200B, 0x200D), 0x200E, 0x200F, 0x2060, 0xFEFF))) | {
    chr(code) for first, last in ((0x202A, 0x202E), (0x2066, 0x206F)) for code in range(first, last + 1)
}
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})


class Source(StrEnum):
    """Who keeps the entry up to date: the fleet file of the deployment, or people through the API."""

    FLEET = "fleet"
    API = "api"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`group` is a path, such as `plant-1/line-2`. `version` counts the changes of the entry.

    `indexed` is False for an entry of an earlier release, which is not on every list until it is written again.
    """

    thing: str
    name: str
    model: str
    group: str
    source: Source
    created_at: int
    updated_at: int
    version: int
    tags: Mapping[str, str] = {}
    decommissioned: bool = False
    indexed: bool = True


class Sort(StrEnum):
    """The order of a list; by the first of these where nobody says."""

    GROUP = "group"
    GROUP_DOWN = "-group"
    NAME = "name"
    NAME_DOWN = "-name"
    CREATED = "created"
    CREATED_DOWN = "-created"

    @property
    def descending(self) -> bool:
        return self.startswith("-")


class Path(StrEnum):
    """How a list is read; each is a row of docs/data-model.md."""

    GROUP = "group"
    MODEL = "model"
    TAG = "tag"
    STATUS = "status"
    NAME = "name"
    CREATED = "created"
    WORD = "word"


class DeviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Devices within `reach`: in `group` and below, of `model`, with all of `tags`, of a presence `status`.

    `words` are beginnings of words of a device's name or id, all of which it must have. `sort` None is by group, or
    with `words` by the word that was found.
    """

    reach: Reach
    group: str | None = None
    model: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    status: Status | None = None
    words: tuple[str, ...] = ()
    sort: Sort | None = None

    @property
    def path(self) -> Path:
        """Raises RequestError, which names the parameter that no list with the others has."""
        if self.words:
            for field, value in (("status", self.status), ("sort", self.sort)):
                if value is not None:
                    raise RequestError(
                        field, "it left out beside q: what is found comes in the order of its words", value
                    )
            return Path.WORD
        by = (self.sort or Sort.GROUP).removeprefix("-")
        if self.status is not None and by != Path.GROUP:
            raise RequestError("sort", "group or -group beside status", str(self.sort))
        if by != Path.GROUP:
            return Path(by)
        if self.status is not None:
            return Path.STATUS
        return Path.TAG if self.tags else Path.MODEL if self.model else Path.GROUP

    @property
    def descending(self) -> bool:
        return self.sort is not None and self.sort.descending

    @property
    def question(self) -> tuple[object, ...]:
        """What a cursor belongs to. Not the reach: whoever may see more or less by now may go on."""
        return ("devices", self.group, self.model, self.tags, self.status, self.words, self.sort)

    def spans(self) -> tuple[str, ...] | None:
        """The groups whose subtrees may be listed, none inside another, in the order of lists. None: all there are."""
        if self.reach.everything:
            return None if self.group is None else (self.group,)
        if self.group is None:
            return tuple(sorted(self.reach.groups, key=span))
        if any(path in self.reach.groups for path in lineage(self.group)):
            return (self.group,)
        return tuple(sorted((one for one in self.reach.groups if inside(one, self.group)), key=span))

    def singles(self) -> tuple[str, ...]:
        """Devices that may be listed on their own, wherever they are."""
        return () if self.reach.everything else self.reach.things

    def matches(self, device: Device) -> bool:
        """All but the status, which no entry tells."""
        return (
            not device.decommissioned
            and self.reach.covers(device.thing, device.group)
            and (self.group is None or inside(device.group, self.group))
            and (self.model is None or device.model == self.model)
            and all(device.tags.get(key) == value for key, value in self.tags)
            and (not self.words or words_begin(words_of(device.thing, device.name), self.words))
        )

    def key(self, device: Device) -> str:
        """Where a device that matches stands on the list."""
        match self.path:
            case Path.NAME:
                return name_key(device.name, device.thing)
            case Path.CREATED:
                return created_key(device.created_at, device.thing)
            case Path.WORD:
                wanted = key_word(self.words)
                found = min(word for word in words_of(device.thing, device.name) if word.startswith(wanted))
                return word_key(found, device.thing)
        return listing_key(device.group, device.thing)


class DevicePage(msgspec.Struct, frozen=True):
    """Devices in the order that was asked for; decommissioned ones are not listed. May be short before the last."""

    devices: tuple[Device, ...]
    cursor: str | None


def span(group: str) -> str:
    """How the keys of a group's subtree begin: with the slash at the end, no namesake's do."""
    return f"{group}/"


def inside(group: str, other: str) -> bool:
    """Whether `group` is `other` or below it."""
    return span(group).startswith(span(other))


def listing_key(group: str, thing: str) -> str:
    """Sorts devices by group, then by thing."""
    return f"{span(group)}#{thing}"


def name_key(name: str, thing: str) -> str:
    """Sorts devices by name, whatever its case."""
    return f"{folded(name)[:_SORTED_CHARS]}{_SEPARATOR}{thing}"


def created_key(created_at: int, thing: str) -> str:
    return f"{created_at:015d}#{thing}"


def word_key(word: str, thing: str) -> str:
    return f"{word}#{thing}"


def folded(text: str) -> str:
    """The text without differences of case or of how its characters are composed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def parse_text(field: str, text: str, limit: int = MAX_NAME_CHARS) -> str:
    """A name, title or value as people see it, unchanged; raises RequestError."""
    expected = f"1 to {limit} printable characters without control codes, hidden marks, or a space at an end"
    wrong = next((one for one in text if one in _HIDDEN or unicodedata.category(one) in _UNPRINTABLE), None)
    if wrong is not None:
        raise RequestError(field, expected, f"the character U+{ord(wrong):04X}")
    if not text or len(text) > limit or text != text.strip():
        raise RequestError(field, expected, f"{len(text)} characters" if len(text) > limit else shown(text))
    return text


def parse_tag(key: str, value: str) -> tuple[str, str]:
    """A tag as it was given; raises RequestError."""
    if not _is_tag_key(key):
        expected = "keyed by 1 to 63 of a-z, 0-9, '-', '_' and '.', starting with a letter"
        raise RequestError("tags", expected, shown(key))
    return key, parse_text(f"tags.{key}", value)


def parse_tags(tags: Mapping[str, str]) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise RequestError("tags", f"at most {MAX_TAGS} tags", str(len(tags)))
    return dict(parse_tag(key, value) for key, value in sorted(tags.items()))
