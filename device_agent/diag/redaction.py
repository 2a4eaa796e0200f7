"""What may leave the device in a bundle, and what may not.

Configuration is shown by what is known to be harmless: a text under a key that is not listed here is replaced by its
length, since a driver of somebody else may keep anything under any key. What was replaced, and the lines of the
private key, are then taken out of every other text as well, beside whatever has the form of a secret.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

REDACTED: Final = "[redacted]"
SHOWN_CHARS: Final = 60
"""Characters of a text that `contract.errors.shown` shows before it cuts."""
LEAST_KNOWN: Final = 4
"""Characters of a text that is looked for elsewhere; a shorter one would be found in every line."""

HARMLESS_KEYS: Final = frozenset(
    {
        *("thing", "model", "endpoints", "ca", "certificate", "private_key", "transport", "queue", "state", "group"),
        *("kind", "name", "unit", "metric", "reading", "readings", "column", "file", "factory", "pull", "pins", "zone"),
        *("battery", "address", "channel", "device", "disk", "network", "wifi", "setting", "actuator", "interlock"),
        *("sensor", "severity", "op", "aggregate", "aggregates", "formula", "of", "mode", "type"),
    }
)
NAMED_BY_THE_USER: Final = frozenset({"columns", "metrics"})
"""Tables whose keys are names of the device's own, and whose texts are names of metrics."""
_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)|(?<![a-z_])pass(?![a-z_])|pwd|psk|secret|token|credentials?|cookie|signature|"
    r"(?:api|access|private|shared)[-_ ]?key|auth(?:orization|entication)?|"
    r"(?:user|so|pkcs11)[-_]?pin|pin[-_](?:value|source)"
)
"""What secrets are called, in keys and in lines of a log."""
_SECRET_KEY: Final = re.compile(_NAMES, re.IGNORECASE)
_PIN: Final = re.compile(r"(?i)pin-(?:value|source)=([^;&]+)")
_CREDENTIAL: Final = re.compile(r"credential:[A-Za-z0-9._-]{1,64}")
_HARMLESS_VALUE: Final = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ms|s|min|m|h|d)|\d\d:\d\d)|[<>=!+*/%-]{1,2}|")
_SAID_SECRETS: Final = (
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=\bbearer )\S+|(?<=\bbasic )\S+"),
    re.compile(r"(?i)(?<=pin-value=)[^;&\s]+|(?<=pin-source=)[^;&\s]+"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    # Keys, tokens and digests in base64 or hexadecimal digits, such as a line of a PEM file; no path is that long.
    re.compile(r"[A-Za-z0-9+/]{40,}={0,2}|[A-Za-z0-9_-]{40,}"),
)
_NAMED_SECRET: Final = re.compile(
    rf"""(?ix) ( (?:{_NAMES.replace(" ", "[ ]")}) \w* ["']? \s* [=:] \s* )
    ( "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | (?:(?:bearer|basic)\s+)? [^\s,;&]+ )"""
)


class Redactor:
    """Takes secrets out of texts; `secrets` are those already known."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Take this text out of everything from now on, also as an error message would show it."""
        for text in {secret, secret[:SHOWN_CHARS], *secret.splitlines()}:
            # The marks of a PEM block are no secret, and tell where one is.
            if not text.startswith("-----"):
                forms = (text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
                self._known.update(form for form in forms if len(form) >= LEAST_KNOWN)

    def text(self, text: str) -> str:
        # The longest first: one may be part of another.
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        for pattern in _SAID_SECRETS:
            text = pattern.sub(REDACTED, text)
        return _NAMED_SECRET.sub(lambda found: found[1] + REDACTED, text)

    def value(self, value: Any) -> Any:
        """A JSON value without the values of secret keys and with every text redacted."""
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): REDACTED if _is_secret(key) else self.value(item) for key, item in value.items()
            }
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Iterable):
            return [self.value(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self.text(str(value))

    def configuration(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration with what is known to be harmless; everything else is learned."""
        return {key: self._setting(key, value) for key, value in values.items()}

    def _setting(self, key: str, value: Any, within: str = "") -> Any:
        if _is_secret(key) and key != "private_key":
            for text in _texts(value):
                self.learn(text)
            return REDACTED
        if isinstance(value, Mapping):
            return {inner: self._setting(inner, item, key) for inner, item in value.items()}
        if isinstance(value, list):
            return [self._setting(key, item, within) for item in value]
        if not isinstance(value, str):
            return value if isinstance(value, (bool, int, float)) else str(value)
        if key in HARMLESS_KEYS or within in NAMED_BY_THE_USER or _HARMLESS_VALUE.fullmatch(value):
            for pin in _PIN.findall(value):
                self.learn(pin)
            # The name of a credential of systemd looks like a secret and is none.
            return value if key == "private_key" and _CREDENTIAL.fullmatch(value) else self.text(value)
        self.learn(value)
        return f"[text of {len(value)} characters]"


def outline(value: Any) -> Any:
    """The shape of a JSON value: numbers and truth values as they are, each text by its length."""
    if isinstance(value, Mapping):
        return {str(key): REDACTED if _is_secret(key) else outline(item) for key, item in value.items()}
    if isinstance(value, str):
        return f"[text of {len(value)} characters]"
    if isinstance(value, (list, tuple)):
        return [outline(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else f"[{type(value).__name__}]"


def _is_secret(key: object) -> bool:
    return _SECRET_KEY.search(str(key)) is not None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif not isinstance(value, bool):
        yield str(value)
