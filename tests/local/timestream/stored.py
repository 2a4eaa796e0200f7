def stored(engine, table):
    """Every row as `{(series, time): (version, values)}`."""
    columns = list(table.columns.values())
    names = "".join(f", {column.sql}" for column in columns)
    rows = engine.query(f"SELECT sid, time, version{names} FROM {table.data}")
    found = {
        (table.series[sid], time): (
            version,
            {column.name: value for column, value in zip(columns, values, strict=True) if value is not None},
        )
        for sid, time, version, *values in rows
    }
    assert len(found) == len(rows)  # each moment of a series once
    return found
