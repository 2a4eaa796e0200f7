"""UCUM unit codes as people write them."""

_SYMBOLS = {"Cel": "°C", "deg": "°", "m/s2": "m/s²", "Ohm": "Ω", "1": "", "{count}": ""}


def symbol(code: str | None) -> str:
    """The usual symbol; a code without one of its own is readable as it is."""
    return _SYMBOLS.get(code, code) if code else ""


def with_unit(label: str, code: str | None) -> str:
    unit = symbol(code)
    return f"{label} ({unit})" if unit else label
