"""Tokens of InfluxQL with the positions that InfluxDB reports, quirks included, so that errors read the same."""

import re
from collections.abc import Iterator
from typing import Final

from lark import Token
from lark.lexer import Lexer

KEYWORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """ALL ALTER AND ANALYZE ANY AS ASC BEGIN BY CARDINALITY CREATE CONTINUOUS DATABASE DATABASES DEFAULT DELETE
        DESC DESTINATIONS DIAGNOSTICS DISTINCT DROP DURATION END EVERY EXACT EXPLAIN FALSE FIELD FOR FROM GRANT GRANTS
        GROUP GROUPS IN INF INSERT INTO KEY KEYS KILL LIMIT MEASUREMENT MEASUREMENTS NAME OFFSET ON OR ORDER PASSWORD
        POLICIES POLICY PRIVILEGES QUERIES QUERY READ REPLICATION RESAMPLE RETENTION REVOKE SELECT SERIES SET SHOW SHARD
        SHARDS SLIMIT SOFFSET STATS SUBSCRIPTION SUBSCRIPTIONS TAG TO TRUE USER USERS VALUES WHERE WITH WRITE""",
    )
)
_OPERATORS: Final = {
    "=~": "EQREGEX",
    "!~": "NEQREGEX",
    "!=": "NEQ",
    "<>": "NEQ",
    "<=": "LTE",
    ">=": "GTE",
    "::": "DOUBLECOLON",
    "=": "EQ",
    "<": "LT",
    ">": "GT",
    "+": "ADD",
    "-": "SUB",
    "*": "MUL",
    "/": "DIV",
    "%": "MOD",
    "&": "BITAND",
    "|": "BITOR",
    "^": "BITXOR",
    "(": "LPAREN",
    ")": "RPAREN",
    ",": "COMMA",
    ";": "SEMICOLON",
    ":": "COLON",
    ".": "DOT",
}
_WORDS: Final = {"DURATION": "DURATION_WORD"}  # a literal such as 5m is a DURATION
_SPACE: Final = re.compile(r"(?:[ \t\n]+|--[^\n]*\n?|/\*(?s:.*?)\*/)+")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?![A-Za-zµ])")
_DURATION: Final = re.compile(r"[0-9]+[A-Za-zµ][A-Za-zµ0-9]*")
_OPERATOR: Final = re.compile("|".join(re.escape(operator) for operator in sorted(_OPERATORS, key=len, reverse=True)))
_REGEX: Final = re.compile(r"/((?:[^/\\\n]|\\.)*)/")
_PARAMETER: Final = re.compile(r"\$\w*")
_ESCAPES: Final = {"n": "\n", "\\": "\\", '"': '"', "'": "'"}
_BEFORE_REGEX: Final = frozenset({"EQREGEX", "NEQREGEX", "FROM"})


class Scanner(Lexer):
    """Words to tokens. What is no word of the language becomes a token that no rule takes."""

    def __init__(self, lexer_conf: object) -> None:
        """Lark's own lexer settings do not matter here: every token's form is fixed by InfluxDB."""

    def lex(self, data: str) -> Iterator[Token]:  # type: ignore[override] # lark gives a lexer of ours text, no states
        return tokens(data.replace("\r\n", "\n").replace("\r", "\n"))


def tokens(text: str) -> Iterator[Token]:
    """Every token, and at last one of type EOF at the place where InfluxDB says that the text ends."""
    lines = _Lines(text)
    at = 0
    before = earlier = ""
    sorting = False
    swallowed_end = False
    while True:
        space = _SPACE.match(text, at)
        if space:
            at = space.end()
        if at >= len(text):
            line, column = lines.place(len(text))
            # Where a regular expression may stand the real reader looks for one first, and meets the end twice too.
            swallowed_end |= before == "LPAREN" and earlier in {"IDENT", "FILL"}
            swallowed_end |= before in {"COMMA", "DOT"} and not sorting
            yield Token("EOF", "EOF", line=line, column=column + int(swallowed_end))
            return
        kind, value, end, where = _scan(text, at, before)
        line, column = lines.place(where)
        yield Token(kind, value, start_pos=at, line=line, column=column, end_pos=end)
        # A word without quotes that reaches the end has read the end already; the real reader then counts it twice.
        swallowed_end = end >= len(text) and (text[at].isalpha() or text[at] == "_")
        sorting = kind == "ORDER" or (sorting and kind != "SEMICOLON")
        earlier, before, at = before, kind, end


class _Lines:
    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, at: int) -> tuple[int, int]:
        """Line and character, both counted from 1."""
        row = 0
        for number, start in enumerate(self._starts):
            if start > at:
                break
            row = number
        return row + 1, at - self._starts[row] + 1


def _scan(text: str, at: int, before: str) -> tuple[str, str, int, int]:  # noqa: PLR0911 - a return a kind of token
    """Type, value, where it ends, and the place that an error about it names."""
    char = text[at]
    if char in "\"'":
        return _quoted(text, at)
    word = _IDENTIFIER.match(text, at)
    if word:
        return _word(text, word)
    for kind, pattern in (("DURATION", _DURATION), ("NUMBER", _NUMBER)):
        match = pattern.match(text, at)
        if match:
            value = match[0]
            return ("INTEGER" if kind == "NUMBER" and "." not in value else kind), value, match.end(), at
    if char == "/" and before in _BEFORE_REGEX:
        match = _REGEX.match(text, at)
        if match:
            return "REGEX", match[1].replace("\\/", "/"), match.end(), at
        return "BADREGEX", "", len(text), at - 1
    if text.startswith("/*", at):
        return "ILLEGAL", "", len(text), at
    match = _PARAMETER.match(text, at)
    if match:
        return "PARAMETER", match[0], match.end(), at
    match = _OPERATOR.match(text, at)
    if match:
        return _OPERATORS[match[0]], match[0], match.end(), at
    return "ILLEGAL", char, at + 1, at


def _word(text: str, match: re.Match[str]) -> tuple[str, str, int, int]:
    value = match[0]
    upper = value.upper()
    if upper in KEYWORDS:
        return _WORDS.get(upper, upper), upper, match.end(), match.start()
    if value.lower() == "fill":
        after = _SPACE.match(text, match.end())
        if text.startswith("(", after.end() if after else match.end()):
            return "FILL", value, match.end(), match.start()
    return "IDENT", value, match.end(), match.start()


def _quoted(text: str, at: int) -> tuple[str, str, int, int]:
    """A quoted name or a string; in errors a string, good or bad, stands one character before its quote."""
    quote = text[at]
    parts: list[str] = []
    here = at + 1
    while here < len(text) and text[here] not in (quote, "\n"):
        if text[here] == "\\":
            follower = text[here + 1 : here + 2]
            if follower not in _ESCAPES:
                return "BADESCAPE", f"\\{follower}", len(text), here + 1
            parts.append(_ESCAPES[follower])
            here += 2
        else:
            parts.append(text[here])
            here += 1
    value = "".join(parts)
    if text[here : here + 1] != quote:
        return "BADSTRING", value, len(text), at - 1
    return ("IDENT", value, here + 1, at) if quote == '"' else ("STRING", value, here + 1, at - 1)
