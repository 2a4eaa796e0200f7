"""Timestream's SQL: each query's answer as worked out by hand or in Python; whatever is not listed is refused."""

import json
from datetime import UTC, datetime
from statistics import fmean, stdev

import pytest

from local.timestream.engine import Engine
from local.timestream.liveanalytics_errors import ServiceError
from local.timestream.liveanalytics_query import Querier
from local.timestream.liveanalytics_tables import Tables
from local.timestream.liveanalytics_write import Writer

NOW = 1_764_000_000_123_000_000  # 2025-11-24 16:00:00.123, a Monday
MINUTE = 60_000
FIRST = 1_763_996_400_000  # 15:00:00.000
TEMPERATURES = {"d1": [20.0, 20.5, 21.0, 21.5, 22.0], "d2": [30.0, 31.0]}
T = '"iot"."telemetry"'


@pytest.fixture(scope="module")
def querier(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("presto"), background=False)
    tables = Tables(engine, "eu-west-1", clock=lambda: NOW / 10**9)
    writer = Writer(engine, tables, clock_ns=lambda: NOW)
    tables.create_database({"DatabaseName": "iot"})
    for name in ("telemetry", "single", "empty", 'quo"ted'):
        tables.create_table({"DatabaseName": "iot", "TableName": name})
    records = [
        {
            "Dimensions": [{"Name": "device", "Value": device}, {"Name": "Site Name", "Value": "it's"}],
            "MeasureName": "metrics",
            "MeasureValueType": "MULTI",
            "Time": str(FIRST + number * MINUTE),
            "MeasureValues": [
                {"Name": "temp", "Type": "DOUBLE", "Value": str(temperature)},
                {"Name": "n", "Type": "BIGINT", "Value": str(number - 2)},
                {"Name": "ok", "Type": "BOOLEAN", "Value": str(number % 2 == 0).lower()},
                *([{"Name": "note", "Type": "VARCHAR", "Value": f"note {number}"}] if number else []),
                {"Name": "seen", "Type": "TIMESTAMP", "Value": str(FIRST + number * MINUTE + 1)},
            ],
        }
        for device, temperatures in TEMPERATURES.items()
        for number, temperature in enumerate(temperatures)
    ]
    singles = [
        {
            "Dimensions": [{"Name": "device", "Value": "d1"}],
            "MeasureName": name,
            "MeasureValueType": kind,
            "MeasureValue": value,
            "Time": str(FIRST),
        }
        for name, kind, value in (("temp", "DOUBLE", "1.5"), ("mode", "VARCHAR", "auto"), ("count", "BIGINT", "7"))
    ]
    for table, some in (("telemetry", records), ("single", singles)):
        writer.write(json.dumps({"DatabaseName": "iot", "TableName": table, "Records": some}).encode())
    yield Querier(engine, tables, clock_ns=lambda: NOW)
    engine.close()


def ask(querier, sql):
    """Types of the columns, and the rows as texts."""
    answer = querier.query({"QueryString": sql})
    types = [column["Type"]["ScalarType"] for column in answer["ColumnInfo"]]
    rows = [[None if each.get("NullValue") else each["ScalarValue"] for each in row["Data"]] for row in answer["Rows"]]
    return types, rows


def value(querier, expression):
    """The one value of an expression, with its type."""
    (kind,), ((text,),) = ask(querier, f"SELECT {expression}")
    return kind, text


def at(minute):
    return f"{datetime.fromtimestamp(FIRST / 1000 + minute * 60, UTC):%Y-%m-%d %H:%M:%S}.000000000"


D1 = TEMPERATURES["d1"]
EVERY = [*D1, *TEMPERATURES["d2"]]

SELECTS = [
    (f"SELECT count(*) FROM {T}", ["BIGINT"], [["7"]]),
    (f"SELECT count(note), count(DISTINCT device), count(DISTINCT temp) FROM {T}", ["BIGINT"] * 3, [["5", "2", "7"]]),
    (
        f"SELECT device, avg(temp), sum(temp), min(temp), max(temp) FROM {T} GROUP BY device ORDER BY device",
        ["VARCHAR", *["DOUBLE"] * 4],
        [[d, str(fmean(v)), str(sum(v)), str(min(v)), str(max(v))] for d, v in TEMPERATURES.items()],
    ),
    (
        f"SELECT sum(n), avg(n), min(n), max(n) FROM {T}",
        ["BIGINT", "DOUBLE", "BIGINT", "BIGINT"],
        [["-3", str(-3 / 7), "-2", "2"]],
    ),
    (f"SELECT stddev(temp) FROM {T} WHERE device = 'd1'", ["DOUBLE"], [[str(stdev(D1))]]),
    (f"SELECT approx_percentile(temp, 0.5), approx_percentile(n, 1) FROM {T}", ["DOUBLE", "BIGINT"], [["21.5", "2"]]),
    (f"SELECT count_if(ok), approx_distinct(device) FROM {T}", ["BIGINT", "BIGINT"], [["4", "2"]]),
    (
        f"SELECT device, max_by(temp, time), min_by(note, time), max(time) FROM {T} GROUP BY 1 ORDER BY 1 DESC",
        ["VARCHAR", "DOUBLE", "VARCHAR", "TIMESTAMP"],
        [["d2", "31.0", None, at(1)], ["d1", "22.0", None, at(4)]],
    ),
    (
        f"SELECT bin(time, 2m) AS b, count(*) FROM {T} GROUP BY bin(time, 2m) ORDER BY b",
        ["TIMESTAMP", "BIGINT"],
        [[at(0), "4"], [at(2), "2"], [at(4), "1"]],
    ),
    (
        (
            f"SELECT to_milliseconds(bin(time, 1h)) AS ts, device, count(*) AS c FROM {T} GROUP BY 1, 2 "
            f"HAVING count(*) > 2 ORDER BY 1, 2"
        ),
        ["BIGINT", "VARCHAR", "BIGINT"],
        [[str(FIRST), "d1", "5"]],
    ),
    (
        (
            f"SELECT time FROM {T} WHERE device = 'd1' AND time >= from_milliseconds({FIRST + MINUTE}) "
            f"AND time < from_milliseconds({FIRST + 3 * MINUTE}) ORDER BY time"
        ),
        ["TIMESTAMP"],
        [[at(1)], [at(2)]],
    ),
    (f"SELECT count(*) FROM {T} WHERE time > ago(1h)", ["BIGINT"], [["5"]]),
    (f"SELECT count(*) FROM {T} WHERE time BETWEEN ago(58m) AND now()", ["BIGINT"], [["2"]]),
    (f"SELECT count(*) FROM {T} WHERE time > TIMESTAMP '2025-11-24 15:02:00'", ["BIGINT"], [["2"]]),
    (f"SELECT count(*) FROM {T} WHERE time >= now() - INTERVAL '57' MINUTE", ["BIGINT"], [["1"]]),
    (f"SELECT DISTINCT device FROM {T} ORDER BY device LIMIT 1", ["VARCHAR"], [["d1"]]),
    (f"SELECT DISTINCT device FROM {T} WHERE device > 'd1' ORDER BY 1", ["VARCHAR"], [["d2"]]),
    (f"SELECT DISTINCT device AS d FROM {T} t ORDER BY t.device DESC", ["VARCHAR"], [["d2"], ["d1"]]),
    (f"SELECT DISTINCT n * 0 - 1 FROM {T} ORDER BY n * 0 - 1", ["BIGINT"], [["-1"]]),
    (
        f"SELECT DISTINCT device, count(*) FROM {T} GROUP BY device ORDER BY count(*)",
        ["VARCHAR", "BIGINT"],
        [["d2", "2"], ["d1", "5"]],
    ),
    (
        f"SELECT temp FROM {T} WHERE \"Site Name\" = 'it''s' AND ok AND NOT device = 'd2' ORDER BY temp DESC LIMIT 2",
        ["DOUBLE"],
        [["22.0"], ["21.0"]],
    ),
    (
        f"SELECT temp FROM {T} WHERE note IN ('note 1', 'note 3') AND device <> 'd2' ORDER BY 1",
        ["DOUBLE"],
        [["20.5"], ["21.5"]],
    ),
    (
        f"SELECT note FROM {T} WHERE device = 'd1' ORDER BY note",
        ["VARCHAR"],
        [["note 1"], ["note 2"], ["note 3"], ["note 4"], [None]],
    ),
    (f"SELECT note FROM {T} WHERE device = 'd1' ORDER BY note DESC LIMIT 1", ["VARCHAR"], [["note 4"]]),
    (f"SELECT note FROM {T} WHERE device = 'd1' ORDER BY note DESC NULLS FIRST LIMIT 1", ["VARCHAR"], [[None]]),
    (
        f"SELECT temp FROM {T} WHERE note LIKE 'note _' AND note NOT LIKE '%1' AND device = 'd1' AND n < 1",
        ["DOUBLE"],
        [["21.0"]],
    ),
    (f"SELECT count(*) FROM {T} WHERE note IS NULL OR note IS NOT NULL", ["BIGINT"], [["7"]]),
    (
        f"SELECT device, avg(CASE WHEN ok THEN temp END) FROM {T} GROUP BY device ORDER BY 2",
        ["VARCHAR", "DOUBLE"],
        [["d1", "21.0"], ["d2", "30.0"]],
    ),
    (
        (
            f"SELECT CASE n WHEN -2 THEN 'low' WHEN 2 THEN 'high' ELSE 'mid' END FROM {T} WHERE device "
            f"= 'd1' ORDER BY n LIMIT 2"
        ),
        ["VARCHAR"],
        [["low"], ["mid"]],
    ),
    (
        f"SELECT seen - time, seen FROM {T} WHERE n = 2",
        ["INTERVAL_DAY_TO_SECOND", "TIMESTAMP"],
        [["0 00:00:00.001000000", at(4)[:-9] + "001000000"]],
    ),
    (
        (
            f"WITH hot AS (SELECT device, max(temp) AS m FROM {T} GROUP BY device), some (d) AS (SELECT "
            f"device FROM hot WHERE m > 25) SELECT * FROM some"
        ),
        ["VARCHAR"],
        [["d2"]],
    ),
    (
        f"SELECT avg(m) FROM (SELECT device, max(temp) AS m FROM {T} GROUP BY device) AS maxima",
        ["DOUBLE"],
        [["26.5"]],
    ),
    (
        f"SELECT a.temp, b.temp FROM {T} a JOIN {T} b ON a.time = b.time AND a.device < b.device ORDER BY 1",
        ["DOUBLE", "DOUBLE"],
        [["20.0", "30.0"], ["20.5", "31.0"]],
    ),
    (
        (
            f"SELECT a.n, b.temp FROM {T} a LEFT JOIN (SELECT * FROM {T} WHERE device = 'd2') b ON "
            f"a.time = b.time WHERE a.device = 'd1' ORDER BY a.n"
        ),
        ["BIGINT", "DOUBLE"],
        [["-2", "30.0"], ["-1", "31.0"], ["0", None], ["1", None], ["2", None]],
    ),
    (f"SELECT count(*) FROM {T} a CROSS JOIN {T} b", ["BIGINT"], [["49"]]),
    (f"SELECT device FROM {T} WHERE temp = (SELECT max(temp) FROM {T})", ["VARCHAR"], [["d2"]]),
    (f"SELECT count(*) FROM {T} WHERE device IN (SELECT device FROM {T} WHERE temp > 25)", ["BIGINT"], [["2"]]),
    (f"SELECT device FROM {T} WHERE n = 2 UNION ALL SELECT 'x' ORDER BY device DESC", ["VARCHAR"], [["x"], ["d1"]]),
    (f"SELECT device FROM {T} UNION SELECT device FROM {T} ORDER BY 1", ["VARCHAR"], [["d1"], ["d2"]]),
    (f"SELECT n + 1 AS m FROM {T} WHERE device = 'd1' GROUP BY n + 1 ORDER BY m LIMIT 2", ["BIGINT"], [["-1"], ["0"]]),
    (
        f"SELECT n % 2, count(*) FROM {T} WHERE device = 'd1' GROUP BY n % 2 ORDER BY 2, 1",
        ["BIGINT", "BIGINT"],
        [["-1", "1"], ["1", "1"], ["0", "3"]],
    ),
    (f"SELECT telemetry.device, iot.telemetry.n FROM {T} WHERE telemetry.n = 2", ["VARCHAR", "BIGINT"], [["d1", "2"]]),
    (f"SELECT DEVICE, Temp FROM {T} WHERE N = 2", ["VARCHAR", "DOUBLE"], [["d1", "22.0"]]),
    (f"SELECT t.* FROM (SELECT n, temp FROM {T} WHERE n = 2) t", ["BIGINT", "DOUBLE"], [["2", "22.0"]]),
    (f"SELECT max(temp) - min(temp) AS spread FROM {T} WHERE device = 'd1' HAVING count(*) = 5", ["DOUBLE"], [["2.0"]]),
    (f"SELECT sum(temp) FROM {T} WHERE device = 'nobody'", ["DOUBLE"], [[None]]),
    ("SELECT measure_value::double FROM iot.single WHERE measure_name = 'temp'", ["DOUBLE"], [["1.5"]]),
    (
        'SELECT "measure_value::varchar", measure_value::bigint FROM iot.single ORDER BY 1, 2',
        ["VARCHAR", "BIGINT"],
        [["auto", None], [None, "7"], [None, None]],
    ),
    ("SELECT count(*), max(time) FROM iot.empty", ["BIGINT", "TIMESTAMP"], [["0", None]]),
    ("SELECT * FROM iot.empty", ["VARCHAR", "TIMESTAMP"], []),
    ('SELECT * FROM "iot"."quo""ted"', ["VARCHAR", "TIMESTAMP"], []),
    ("SELECT 1 -- one\n /* and */ , 'a--b';", ["INTEGER", "VARCHAR"], [["1", "a--b"]]),
]


@pytest.mark.parametrize(("sql", "types", "rows"), SELECTS)
def test_a_query_that_is_supported_has_the_right_answer(querier, sql, types, rows):
    assert ask(querier, sql) == (types, rows)


VALUES = [
    ("7 / 2", "INTEGER", "3"),
    ("-7 / 2", "INTEGER", "-3"),
    ("-7 % 2", "INTEGER", "-1"),
    ("mod(7, 4)", "INTEGER", "3"),
    ("7 / 2.0", "DOUBLE", "3.5"),
    ("1.0 / 0", "DOUBLE", "Infinity"),
    ("0.0 / 0", "DOUBLE", "NaN"),
    ("2 + 3 * 4 - (1 - 2)", "INTEGER", "15"),
    ("3000000000 + 1", "BIGINT", "3000000001"),
    ("1e3", "DOUBLE", "1000.0"),
    ("1.0E7", "DOUBLE", "1.0E7"),
    ("12345678.9 * 10", "DOUBLE", "1.23456789E8"),
    ("0.00001", "DOUBLE", "1.0E-5"),
    ("-0.0015", "DOUBLE", "-0.0015"),
    ("1.5E300", "DOUBLE", "1.5E300"),
    ("abs(-5)", "INTEGER", "5"),
    ("ceil(1.2)", "DOUBLE", "2.0"),
    ("floor(-1.2)", "DOUBLE", "-2.0"),
    ("round(2.5)", "DOUBLE", "3.0"),
    ("round(-2.5)", "DOUBLE", "-3.0"),
    ("round(2.345, 1)", "DOUBLE", "2.3"),
    ("sqrt(16)", "DOUBLE", "4.0"),
    ("power(2, 10)", "DOUBLE", "1024.0"),
    ("greatest(1, 2.5, 2)", "DOUBLE", "2.5"),
    ("least('b', 'a')", "VARCHAR", "a"),
    ("greatest(1, NULL)", "INTEGER", None),
    ("coalesce(NULL, 3, 4)", "INTEGER", "3"),
    ("nullif(1, 1)", "INTEGER", None),
    ("if(1 < 2, 'yes', 'no')", "VARCHAR", "yes"),
    ("if(1 > 2, 'yes')", "VARCHAR", None),
    ("NULL", "UNKNOWN", None),
    ("1 < 2 AND NOT 2 <= 1 OR FALSE", "BOOLEAN", "true"),
    ("1 = 1.0", "BOOLEAN", "true"),
    ("NULL = 1", "BOOLEAN", None),
    ("1 IS DISTINCT FROM NULL", "BOOLEAN", "true"),
    ("2 BETWEEN 1 AND 3.5", "BOOLEAN", "true"),
    ("2 IN (1, 2.0)", "BOOLEAN", "true"),
    ("2 NOT IN (1, 2)", "BOOLEAN", "false"),
    ("2 NOT BETWEEN 3 AND 4", "BOOLEAN", "true"),
    ("'ab' NOT LIKE 'a%'", "BOOLEAN", "false"),
    ("NOT 'ab' LIKE 'a%'", "BOOLEAN", "false"),
    ("'a%' NOT LIKE 'a#%' ESCAPE '#'", "BOOLEAN", "false"),
    ("1 IS NOT DISTINCT FROM 1", "BOOLEAN", "true"),
    ("'a' || 'b' || 'c'", "VARCHAR", "abc"),
    ("concat('a', 'it''s')", "VARCHAR", "ait's"),
    ("length('é😀')", "BIGINT", "2"),
    ("upper('aé')", "VARCHAR", "AÉ"),
    ("substr('hello', 2, 3)", "VARCHAR", "ell"),
    ("replace('aXbX', 'X', '-')", "VARCHAR", "a-b-"),
    ("strpos('hello', 'l')", "BIGINT", "3"),
    ("'50%' LIKE '50#%' ESCAPE '#'", "BOOLEAN", "true"),
    ("CAST('12' AS BIGINT)", "BIGINT", "12"),
    ("CAST(2.5 AS BIGINT)", "BIGINT", "3"),
    ("CAST(-2.5 AS INTEGER)", "INTEGER", "-3"),
    ("CAST('1.5e2' AS DOUBLE)", "DOUBLE", "150.0"),
    ("CAST(5 AS VARCHAR)", "VARCHAR", "5"),
    ("TRY_CAST('x' AS BIGINT)", "BIGINT", None),
    ("TRY_CAST('1_000' AS BIGINT)", "BIGINT", None),
    ("CAST('2025-11-24 16:00:00.5' AS TIMESTAMP)", "TIMESTAMP", "2025-11-24 16:00:00.500000000"),
    ("now()", "TIMESTAMP", "2025-11-24 16:00:00.123000000"),
    ("current_timestamp", "TIMESTAMP", "2025-11-24 16:00:00.123000000"),
    ("current_date", "DATE", "2025-11-24"),
    ("ago(1d)", "TIMESTAMP", "2025-11-23 16:00:00.123000000"),
    ("ago(INTERVAL '2' HOUR)", "TIMESTAMP", "2025-11-24 14:00:00.123000000"),
    ("bin(now(), 7s)", "TIMESTAMP", "2025-11-24 16:00:00.000000000"),
    ("bin(now(), 10ms)", "TIMESTAMP", "2025-11-24 16:00:00.120000000"),
    ("date_trunc('hour', now())", "TIMESTAMP", "2025-11-24 16:00:00.000000000"),
    ("date_trunc('week', TIMESTAMP '2025-11-30 23:59:59')", "TIMESTAMP", "2025-11-24 00:00:00.000000000"),
    ("date_trunc('month', now())", "TIMESTAMP", "2025-11-01 00:00:00.000000000"),
    ("date_trunc('year', now())", "TIMESTAMP", "2025-01-01 00:00:00.000000000"),
    ("to_milliseconds(from_milliseconds(1764000000123))", "BIGINT", "1764000000123"),
    ("to_nanoseconds(from_nanoseconds(1764000000123456789))", "BIGINT", "1764000000123456789"),
    ("from_nanoseconds(1764000000123456789)", "TIMESTAMP", "2025-11-24 16:00:00.123456789"),
    ("from_iso8601_timestamp('2025-11-24T17:00:00.25+01:00')", "TIMESTAMP", "2025-11-24 16:00:00.250000000"),
    ("date_diff('minute', ago(150s), now())", "BIGINT", "2"),
    ("date_add('hour', 2, TIMESTAMP '2025-11-24 23:00:00')", "TIMESTAMP", "2025-11-25 01:00:00.000000000"),
    ("hour(now()) * 100 + minute(now())", "BIGINT", "1600"),
    ("extract(day FROM now())", "BIGINT", "24"),
    ("day_of_week(now())", "BIGINT", "1"),
    ("year(now())", "BIGINT", "2025"),
    ("date(now())", "DATE", "2025-11-24"),
    ("1d + 2h - 3ns", "INTERVAL_DAY_TO_SECOND", "1 01:59:59.999999997"),
    ("2 * 90s", "INTERVAL_DAY_TO_SECOND", "0 00:03:00.000000000"),
    ("parse_duration('36h')", "INTERVAL_DAY_TO_SECOND", "1 12:00:00.000000000"),
    ("is_nan(nan())", "BOOLEAN", "true"),
]


@pytest.mark.parametrize(("expression", "kind", "text"), VALUES)
def test_an_expression_has_its_value_and_its_type(querier, expression, kind, text):
    assert value(querier, expression) == (kind, text)


REFUSED = [
    ("", "one statement"),
    ("SELECT 1; SELECT 2", "one statement"),
    ("SELECT", "mismatched input"),
    ("SELEC 1", "mismatched input"),
    ("SELECT 'a", "tokenizing"),
    ("INSERT INTO t VALUES (1)", "not supported"),
    ("DELETE FROM t", "not supported"),
    ("DROP TABLE t", "not supported"),
    ("CREATE TABLE t AS SELECT 1", "not supported"),
    ("EXPLAIN SELECT 1", "not supported"),
    ("UNLOAD (SELECT 1) TO 's3://x'", ""),
    ("PRAGMA version", ""),
    ("COPY t TO 'x'", ""),
    ("SELECT * FROM read_csv('x')", "not supported"),
    ("SELECT * FROM 'file.csv'", ""),
    ("SELECT read_text('/etc/passwd')", "Function read_text not registered"),
    ("SELECT getenv('HOME')", "line 1:8: Function getenv not registered"),
    (f"SELECT create_time_series(time, temp) FROM {T}", "Function create_time_series not registered"),
    (f"SELECT row_number() OVER (ORDER BY time) FROM {T}", "WINDOW is not supported"),
    (f"SELECT lag(temp) OVER (ORDER BY time) FROM {T}", "WINDOW is not supported"),
    (f"SELECT sum(temp) FILTER (WHERE ok) FROM {T}", "FILTER is not supported"),
    (f"SELECT n FROM {T} OFFSET 5", "not supported"),
    (f"SELECT n FROM {T} ORDER BY n FETCH FIRST 5 ROWS ONLY", "not supported"),
    (f"SELECT n FROM {T} TABLESAMPLE BERNOULLI (50)", "not supported"),
    (f"SELECT n FROM {T} GROUP BY ROLLUP (n)", "not supported"),
    (f"SELECT n FROM {T} GROUP BY GROUPING SETS ((n), ())", "not supported"),
    (f"SELECT n, temp FROM {T} INTERSECT SELECT n, temp FROM {T}", "not supported"),
    (f"SELECT n FROM {T} QUALIFY n > 1", "mismatched input"),
    (f"SELECT x FROM {T} CROSS JOIN UNNEST(ARRAY[1]) AS t(x)", "not supported"),
    (f"SELECT a.n FROM {T} a JOIN {T} b USING (time)", "not supported"),
    (f"SELECT a.n FROM {T} a NATURAL JOIN {T} b", "not supported"),
    ("SELECT 1 = ANY (SELECT 1)", "not supported"),
    (f"SELECT count(n ORDER BY n) FROM {T}", "not supported"),
    (f"SELECT max(n) IGNORE NULLS FROM {T}", "not supported"),
    (f"SELECT count(DISTINCT n, temp) FROM {T}", "Unexpected parameters"),
    ("SELECT 1 IS TRUE", "not supported"),
    ("SELECT X'ff'", "not supported"),
    ("SELECT ARRAY[1, 2]", "not supported"),
    ("SELECT x -> x + 1", "not supported"),
    ("SELECT DATE '2025-99-99'", "Cannot cast"),
    ("SELECT INTERVAL '1' YEAR", "not supported"),
    ("SELECT bin(now(), 0s)", "positive"),
    ("SELECT ago(5x)", "mismatched"),
    ("SELECT ago(5)", "Unexpected parameters (integer) for function ago"),
    ("SELECT abs('x')", "Unexpected parameters (varchar) for function abs"),
    ("SELECT length(1)", "Unexpected parameters (integer) for function length"),
    ("SELECT 1 + 'x'", "'+' cannot be applied to integer, varchar"),
    ("SELECT 1 = 'x'", "'=' cannot be applied to integer, varchar"),
    ("SELECT now() > '2025-01-01'", "'>' cannot be applied to timestamp, varchar"),
    ("SELECT 'a' IN ('a', 1)", "cannot be applied"),
    ("SELECT NOT 1", "must evaluate to a boolean"),
    ("SELECT CASE WHEN 1 THEN 2 END", "must evaluate to a boolean"),
    ("SELECT CASE WHEN TRUE THEN 1 ELSE 'x' END", "must be the same type"),
    ("SELECT CAST(1.5 AS VARCHAR)", "Cannot cast double to varchar"),
    ("SELECT CAST(1 AS DECIMAL(10, 2))", "Cannot cast integer to decimal(10, 2)"),
    ("SELECT CAST('x' AS BIGINT)", "Cannot cast 'x' to BIGINT"),
    ("SELECT ago(30000d)", "Negative time values are not supported."),
    ("SELECT 1 / 0", "Division by zero"),
    ("SELECT 2147483647 + 1", "Overflow"),
    ("SELECT 99999999999999999999", "Invalid numeric literal"),
    ("SELECT date_trunc('eon', now())", "'eon' is not a valid TIMESTAMP field"),
    ("SELECT substr('abc', -1)", "not supported"),
    ("SELECT *", "SELECT * not allowed"),
    (f"SELECT nope FROM {T}", "line 1:8: Column 'nope' does not exist"),
    (f"SELECT n\nFROM {T}\nWHERE x.n = 1", "line 3:7: Column 'x.n' does not exist"),
    (f"SELECT n AS m FROM {T} WHERE m = 1", "Column 'm' does not exist"),
    (f"SELECT n FROM {T} a, {T} b", "Column 'n' is ambiguous"),
    (
        f"SELECT device, temp FROM {T} GROUP BY device",
        "'temp' must be an aggregate expression or appear in GROUP BY clause",
    ),
    (f"SELECT device, count(*) FROM {T}", "'device' must be an aggregate expression"),
    (f"SELECT * FROM {T} GROUP BY device", "must be an aggregate expression"),
    (f"SELECT count(*) FROM {T} GROUP BY device ORDER BY temp", "'temp' must be an aggregate expression"),
    (f"SELECT count(*) FROM {T} GROUP BY 2", "GROUP BY position 2 is not in select list"),
    (f"SELECT count(*) FROM {T} GROUP BY 1", "GROUP BY clause cannot contain aggregations"),
    (f"SELECT n FROM {T} ORDER BY 2", "ORDER BY position 2 is not in select list"),
    *(
        (f"SELECT DISTINCT {sql}", "For SELECT DISTINCT, ORDER BY expressions must appear in select list")
        for sql in (
            f"device FROM {T} ORDER BY temp",
            f"device FROM {T} ORDER BY device, time DESC LIMIT 1",
            f"n AS m FROM {T} ORDER BY n + 1",
            f"device FROM {T} GROUP BY device ORDER BY count(*)",
        )
    ),
    (f"SELECT n FROM {T} WHERE count(*) > 1", "WHERE clause cannot contain aggregations"),
    (f"SELECT n FROM {T} WHERE n", "WHERE clause must evaluate to a boolean"),
    (f"SELECT sum(max(n)) FROM {T}", "Cannot nest aggregations"),
    (f"SELECT approx_percentile(n, n) FROM {T}", "Unexpected parameters for function approx_percentile"),
    (f"SELECT approx_percentile(n, 2) FROM {T}", "Percentile must be between 0 and 1"),
    (f"SELECT max_by(DISTINCT n, time) FROM {T}", ""),
    (f"SELECT (SELECT n FROM {T})", "More than one row"),
    (f"SELECT (SELECT n, temp FROM {T})", "Multiple columns returned by subquery"),
    (f"SELECT n FROM {T} UNION ALL SELECT device FROM {T}", "different types"),
    (
        "SELECT 1 FROM nowhere.telemetry",
        "Requested database 'nowhere' not found for identifier 'nowhere.telemetry' at line 1:15",
    ),
    ("SELECT 1 FROM iot.nothing", "Requested table 'nothing' not found for identifier 'iot.nothing' at line 1:15"),
    ("SELECT 1 FROM telemetry", "Table 'telemetry' does not exist"),
    ("SELECT 1 FROM d1", "Table 'd1' does not exist"),
    ("SELECT * FROM fl_state", "Table 'fl_state' does not exist"),
    ("SELECT sid FROM iot.telemetry", "Column 'sid' does not exist"),
    ("SELECT version FROM iot.telemetry", "Column 'version' does not exist"),
    ("SELECT device FROM iot.empty", "line 1:8: Column 'device' does not exist"),
    ("SELECT c0 FROM iot.telemetry", "Column 'c0' does not exist"),
    ("SHOW EVERYTHING", "not supported"),
    ("DESCRIBE telemetry", "expected DESCRIBE"),
    ("DESCRIBE iot.nothing", "The table nothing does not exist."),
    ("SELECT " + "(" * 200 + "1" + ")" * 200, "nested too deeply"),
    ("SELECT " + "+".join(["1"] * 3000), "nested too deeply"),
]


@pytest.mark.parametrize(("sql", "message"), REFUSED, ids=[sql[:60] or "nothing" for sql, _ in REFUSED])
def test_whatever_is_not_supported_is_a_validation_exception(querier, sql, message):
    with pytest.raises(ServiceError) as refused:
        ask(querier, sql)
    assert refused.value.code == "ValidationException"
    assert message in str(refused.value)


def test_an_answer_that_is_too_large_fails_as_a_query_does(tmp_path):
    engine = Engine(tmp_path, background=False, max_values=2)
    querier = Querier(engine, Tables(engine, "eu-west-1"))
    assert ask(querier, "SELECT 1, 2") == (["INTEGER", "INTEGER"], [["1", "2"]])
    with pytest.raises(ServiceError, match="more than 0 rows of 3 columns") as refused:
        ask(querier, "SELECT 1, 2, 3")
    assert refused.value.code == "QueryExecutionException"
    engine.close()


def test_a_page_whose_query_is_cancelled_meanwhile_is_still_the_page_that_was_found(querier, monkeypatch):
    sql = f"SELECT n FROM {T} WHERE device = 'd1' ORDER BY time"
    first = querier.query({"QueryString": sql, "MaxRows": 2})
    found = querier._asked_again

    def then_cancelled(*arguments):
        kept = found(*arguments)
        querier.cancel({"QueryId": first["QueryId"]})
        return kept

    monkeypatch.setattr(querier, "_asked_again", then_cancelled)
    second = querier.query({"QueryString": sql, "NextToken": first["NextToken"]})
    assert [row["Data"][0]["ScalarValue"] for row in second["Rows"]] == ["0", "1", "2"]
    with pytest.raises(ServiceError, match="Invalid pagination token"):
        querier.query({"QueryString": sql, "NextToken": first["NextToken"]})


def test_columns_are_named_as_they_were_asked_for(querier):
    sql = f'SELECT temp, n + 1, max_by AS "A b", "Site Name" FROM (SELECT temp, n, n AS max_by, "Site Name" FROM {T})'
    answer = querier.query({"QueryString": sql})
    assert [column["Name"] for column in answer["ColumnInfo"]] == ["temp", "_col1", "A b", "Site Name"]


def test_a_star_gives_dimensions_then_measure_name_and_time_then_measures(querier):
    answer = querier.query({"QueryString": f"SELECT * FROM {T} LIMIT 1"})
    names = [column["Name"] for column in answer["ColumnInfo"]]
    assert names == ["Site Name", "device", "measure_name", "time", "temp", "n", "ok", "seen", "note"]


def test_show_and_describe(querier):
    assert ask(querier, "SHOW DATABASES")[1] == [["iot"]]
    assert ask(querier, 'SHOW TABLES FROM "iot"')[1] == [["empty"], ['quo"ted'], ["single"], ["telemetry"]]
    assert ask(querier, "show tables from iot like 't%'")[1] == [["telemetry"]]
    assert ask(querier, 'SHOW MEASURES FROM "iot"."single"')[1] == [
        ["count", "bigint"],
        ["mode", "varchar"],
        ["temp", "double"],
    ]
    assert ask(querier, "DESCRIBE iot.single")[1] == [
        ["device", "varchar", "DIMENSION"],
        ["measure_name", "varchar", "MEASURE_NAME"],
        ["time", "timestamp", "TIMESTAMP"],
        ["measure_value::double", "double", "MEASURE_VALUE"],
        ["measure_value::varchar", "varchar", "MEASURE_VALUE"],
        ["measure_value::bigint", "bigint", "MEASURE_VALUE"],
    ]
