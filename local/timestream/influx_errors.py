"""What goes wrong with a statement or a request, in InfluxDB's words."""


class StatementError(Exception):
    """Stands as `error` in the statement's result."""


class UnsupportedError(StatementError):
    """InfluxDB could answer it and this server cannot: an error, never a wrong answer."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not implemented: {what}")


class ParseError(ValueError):
    """The message is InfluxDB's, without its "error parsing query: "."""
