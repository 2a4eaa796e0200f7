"""Answers SHOW: what there is, by names."""

from collections.abc import Iterable, Sequence

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.influx_ast import Expression, Show
from local.timestream.influx_conditions import compiled
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_json import Series
from local.timestream.influx_namespace import Asking, MissingDatabaseError, Namespace
from local.timestream.influx_sources import TableSource, live_series, matches
from local.timestream.influx_times import TimeRange, split, written
from local.timestream.influx_writes import TYPES
from local.timestream.model import Series as Tags


class Showing:
    """For one statement; `now` in ns."""

    def __init__(self, engine: Engine, namespace: Namespace, asking: Asking, now: int) -> None:
        self._engine = engine
        self._namespace = namespace
        self._asking = asking
        self._now = now

    def answer(self, show: Show) -> Sequence[Series]:
        """Raises StatementError; EngineError where the engine cannot answer."""
        match show.what:
            case "DATABASES":
                names = dict.fromkeys(each.database for each in self._namespace.mappings("read"))
                return [_table(["name"], [[name] for name in names], "databases")]
            case "RETENTION POLICIES":
                return [self._policies(show)]
        try:
            bucket = self._namespace.bucket(show.database)
        except MissingDatabaseError:
            return []
        condition, span = split(show.condition, self._now)
        if span != TimeRange():
            raise UnsupportedError(f"a condition on time in SHOW {show.what}")
        tables = self._namespace.tables(bucket, show.sources)
        if show.what == "FIELD KEYS":
            return [each for table in tables if live_series(self._engine, table) for each in _fields(table, show)]
        chosen = [(table, self._chosen(table, condition)) for table in tables]
        return self._show_series(show, [(table, series) for table, series in chosen if series])

    def _show_series(self, show: Show, chosen: Sequence[tuple[Table, dict[int, Tags]]]) -> Sequence[Series]:
        match show.what:
            case "MEASUREMENTS":
                names = _window([[table.name] for table, _ in chosen], show)
                return [_table(["name"], names, "measurements")] if names else []
            case "SERIES":
                keys = [[_key(table.name, tags)] for table, series in chosen for tags in series.values()]
                shown = _window(sorted(keys), show)
                return [_table(["key"], shown)] if shown else []
            case "TAG KEYS":
                return [
                    _table(["tagKey"], shown, table.name)
                    for table, series in chosen
                    if (shown := _window([[tag] for tag in _tags(series)], show))
                ]
        return [
            _table(["key", "value"], shown, table.name)
            for table, series in chosen
            if (shown := _window(self._tag_values(show, series), show))
        ]

    def _chosen(self, table: Table, condition: Expression | None) -> dict[int, Tags]:
        series = live_series(self._engine, table)
        chosen = compiled(condition, TableSource(self._engine, table))
        if chosen.rows:
            raise UnsupportedError(f"a condition on fields: {written(condition) if condition is not None else ''}")
        return {sid: tags for sid, tags in series.items() if chosen.series is None or sid in chosen.series}

    def _tag_values(self, show: Show, series: dict[int, Tags]) -> list[list[str]]:
        pairs = sorted({pair for tags in series.values() for pair in tags})
        operator, names = show.keys or ("IN", ())
        if operator in {"=~", "!~"}:
            fitting = matches(self._engine, names[0], sorted({tag for tag, _ in pairs}))
        else:
            fitting = set(names)
        wanted = operator not in {"!=", "!~"}
        return [[tag, value] for tag, value in pairs if (tag in fitting) == wanted]

    def _policies(self, show: Show) -> Series:
        name = show.database or self._asking.database
        if not name:
            raise StatementError("database name required")
        mappings = [each for each in self._namespace.mappings("read") if each.database == name]
        if not mappings and self._asking.authorization is None:
            raise StatementError(f"database not found: {name}")
        rows: list[list[str | int | bool]] = []
        for each in mappings:
            bucket = self._namespace.bucket_of(each)
            rows.append([each.policy, _go_duration(bucket.retention_s), _go_duration(bucket.group_s), 1, each.default])
        return _table(["name", "duration", "shardGroupDuration", "replicaN", "default"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | int | bool]], name: str = "") -> Series:
    return Series(columns, rows, name, timed=False)


def _window(rows: list[list[str]], show: Show) -> list[list[str]]:
    limit, offset = show.rows.limit, show.rows.offset
    return rows[offset : offset + limit] if limit else rows[offset:]


def _fields(table: Table, show: Show) -> Iterable[Series]:
    fields = [[name, TYPES[column.kind]] for name, column in sorted(table.columns.items())]
    shown = _window(fields, show)
    if shown:
        yield _table(["fieldKey", "fieldType"], shown, table.name)


def _tags(series: dict[int, Tags]) -> list[str]:
    return sorted({tag for tags in series.values() for tag, _ in tags})


def _key(measurement: str, tags: Tags) -> str:
    """As line protocol writes it."""
    parts = [_escaped(measurement, ", "), *(f"{_escaped(tag, ',= ')}={_escaped(value, ',= ')}" for tag, value in tags)]
    return ",".join(parts)


def _escaped(text: str, special: str) -> str:
    return "".join(f"\\{char}" if char in special else char for char in text)


def _go_duration(seconds: int) -> str:
    if not seconds:
        return "0s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
