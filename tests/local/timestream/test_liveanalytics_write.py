"""WriteRecords: what is taken, what is refused and in which words."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.timestream.engine import Engine
from local.timestream.errors import StorageFullError
from local.timestream.liveanalytics_errors import ServiceError
from local.timestream.liveanalytics_query import Querier
from local.timestream.liveanalytics_tables import Tables
from local.timestream.liveanalytics_write import Writer

NOW_MS = 1_764_000_000_000  # 2025-11-24T16:00:00Z
HOUR, DAY = 3_600_000, 86_400_000
MEMORY = "[2025-11-24T10:00:00.000Z, 2025-11-24T16:15:00.000Z) of the memory store."
BOTH = "[2025-11-14T16:00:00.000Z, 2025-11-24T16:15:00.000Z) of the data ingestion window."
SAME_VERSION = (
    "A record already exists with the same time, dimensions, measure name, and record version. "
    "A higher record version must be specified in order to update the measure value. "
    "Specifying record version is supported by the latest SDKs."
)


class Service:
    def __init__(self, directory):
        self.engine = Engine(directory, background=False)
        self.tables = Tables(self.engine, "eu-west-1", clock=lambda: NOW_MS / 1000)
        self.writer = Writer(self.engine, self.tables, clock_ns=lambda: NOW_MS * 10**6)
        self.querier = Querier(self.engine, self.tables, clock_ns=lambda: NOW_MS * 10**6)
        self.tables.create_database({"DatabaseName": "iot"})
        self.tables.create_table({"DatabaseName": "iot", "TableName": "memory"})
        self.tables.create_table(
            {
                "DatabaseName": "iot",
                "TableName": "both",
                "RetentionProperties": {
                    "MemoryStoreRetentionPeriodInHours": 6,
                    "MagneticStoreRetentionPeriodInDays": 10,
                },
                "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": True},
            }
        )

    def write(self, *records, table="memory", common=None):
        request = {"DatabaseName": "iot", "TableName": table, "Records": records}
        if common is not None:
            request["CommonAttributes"] = common
        return self.writer.write(json.dumps(request).encode())["RecordsIngested"]

    def rejected(self, *records, **options):
        with pytest.raises(ServiceError) as refused:
            self.write(*records, **options)
        assert (refused.value.code, refused.value.status) == ("RejectedRecordsException", 419)
        assert str(refused.value) == "One or more records have been rejected. See RejectedRecords for details."
        return refused.value.extra["RejectedRecords"]

    def invalid(self, *records, **options):
        with pytest.raises(ServiceError) as refused:
            self.write(*records, **options)
        assert refused.value.code == "ValidationException"
        return str(refused.value)

    def rows(self, sql):
        answer = self.querier.query({"QueryString": sql})
        return [[each.get("ScalarValue") for each in row["Data"]] for row in answer["Rows"]]


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.engine.close()


def single(value="1.5", *, ts=NOW_MS, version=None, **other):
    record = {"Dimensions": [{"Name": "device", "Value": "d1"}], "MeasureName": "temp", "MeasureValue": value}
    return {**record, "Time": str(ts), **({} if version is None else {"Version": version}), **other}


def multi(*measures, **other):
    values = [{"Name": name, "Type": kind, "Value": value} for name, kind, value in measures]
    return {**single(**other), "MeasureValueType": "MULTI", "MeasureValues": values, "MeasureValue": None}


def test_common_attributes_lie_under_each_record(service):
    common = {
        "Dimensions": [{"Name": "site", "Value": "s1"}],
        "MeasureName": "temp",
        "MeasureValueType": "BIGINT",
        "MeasureValue": "7",
        "Time": str(NOW_MS // 1000),
        "TimeUnit": "SECONDS",
        "Version": 5,
    }
    records = [
        {"Dimensions": [{"Name": "device", "Value": "d1"}]},
        {"Dimensions": [{"Name": "device", "Value": "d2"}], "MeasureValue": "8", "Time": "1763999999"},
        {
            "MeasureName": "mode",
            "MeasureValueType": "VARCHAR",
            "MeasureValue": "x",
            "Time": "1763999998000000000",
            "TimeUnit": "NANOSECONDS",
        },
    ]
    assert service.write(*records, common=common) == {"Total": 3, "MemoryStore": 3, "MagneticStore": 0}
    columns = "site, device, measure_name, to_milliseconds(time), measure_value::bigint, measure_value::varchar"
    sql = f"SELECT {columns} FROM iot.memory ORDER BY time"
    assert service.rows(sql) == [
        ["s1", None, "mode", "1763999998000", None, "x"],
        ["s1", "d2", "temp", "1763999999000", "8", None],
        ["s1", "d1", "temp", "1764000000000", "7", None],
    ]


@pytest.mark.parametrize(
    ("unit", "time"),
    [
        ("SECONDS", "1764000000"),
        ("MILLISECONDS", "1764000000000"),
        ("MICROSECONDS", "1764000000000000"),
        ("NANOSECONDS", "1764000000000000000"),
    ],
)
def test_time_is_in_the_unit_that_the_record_says(service, unit, time):
    service.write(single(Time=time, TimeUnit=unit))
    assert service.rows("SELECT time FROM iot.memory") == [["2025-11-24 16:00:00.000000000"]]


def test_a_multi_measure_record_is_one_row(service):
    service.write(
        multi(
            ("f", "DOUBLE", "1e-3"),
            ("n", "BIGINT", "-5"),
            ("b", "BOOLEAN", "TRUE"),
            ("s", "VARCHAR", " "),
            ("t", "TIMESTAMP", "1764000000001"),
        )
    )
    assert service.rows("SELECT f, n, b, s, t FROM iot.memory") == [
        ["0.001", "-5", "true", " ", "2025-11-24 16:00:00.001000000"]
    ]


def test_without_a_type_a_measure_is_a_double(service):
    service.write(single("20"))
    assert service.rows("SELECT measure_value::double FROM iot.memory") == [["20.0"]]


def test_the_same_again_is_taken_and_changes_nothing(service):
    service.write(single())
    assert service.write(single())["Total"] == 1
    assert service.rows("SELECT count(*) FROM iot.memory") == [["1"]]


def test_other_values_need_a_higher_version(service):
    service.write(single("1"))
    assert service.rejected(single("2")) == [{"RecordIndex": 0, "Reason": SAME_VERSION, "ExistingVersion": 1}]
    service.write(single("3", version=200))
    assert service.rejected(single("4", version=2)) == [
        {
            "RecordIndex": 0,
            "Reason": "The record version 2 is lower than the existing version 200. "
            "A higher version is required to update the measure value.",
            "ExistingVersion": 200,
        }
    ]
    assert service.rows("SELECT measure_value::double FROM iot.memory") == [["3.0"]]


def test_what_is_not_named_among_the_rejected_is_written(service):
    old = single("1", ts=NOW_MS - DAY)
    good = [single("1", ts=NOW_MS - number) for number in range(3)]
    assert [each["RecordIndex"] for each in service.rejected(good[0], old, good[1], old, good[2])] == [1, 3]
    assert service.rows("SELECT count(*) FROM iot.memory") == [["3"]]


@pytest.mark.parametrize(
    ("table", "ts", "window"),
    [
        ("memory", NOW_MS + 15 * 60_000, MEMORY),
        ("memory", NOW_MS - 6 * HOUR - 1, MEMORY),
        ("both", NOW_MS + 15 * 60_000, BOTH),
        ("both", NOW_MS - 10 * DAY - 1, BOTH),
    ],
)
def test_a_time_outside_of_the_window_is_rejected(service, table, ts, window):
    (rejected,) = service.rejected(single(ts=ts), table=table)
    assert rejected == {"RecordIndex": 0, "Reason": f"The record timestamp is outside the time range {window}"}


@pytest.mark.parametrize(
    ("table", "ts", "store"),
    [
        ("memory", NOW_MS + 15 * 60_000 - 1, "MemoryStore"),
        ("memory", NOW_MS - 6 * HOUR, "MemoryStore"),
        ("both", NOW_MS - 6 * HOUR - 1, "MagneticStore"),
        ("both", NOW_MS - 10 * DAY, "MagneticStore"),
    ],
)
def test_late_data_goes_to_the_magnetic_store_where_that_is_open(service, table, ts, store):
    assert service.write(single(ts=ts), table=table)[store] == 1


def test_the_magnetic_store_does_not_tell_of_versions(service):
    late = NOW_MS - DAY
    service.write(single("1", ts=late, version=5), table="both")
    assert service.write(single("2", ts=late, version=4), table="both")["MagneticStore"] == 1
    assert service.rows("SELECT measure_value::double FROM iot.both") == [["1.0"]]


def test_what_is_older_than_the_retention_is_not_shown(service):
    service.write(single(ts=NOW_MS - 10 * DAY), single(ts=NOW_MS), table="both")
    later = Querier(service.engine, service.tables, clock_ns=lambda: (NOW_MS + 1) * 10**6)
    answer = later.query({"QueryString": "SELECT count(*) FROM iot.both"})
    assert answer["Rows"] == [{"Data": [{"ScalarValue": "1"}]}]


def test_a_measure_keeps_its_type(service):
    service.write(multi(("f", "DOUBLE", "1")))
    (rejected,) = service.rejected(multi(("f", "VARCHAR", "x"), ts=NOW_MS - 1))
    assert rejected["Reason"] == "The measure f has the type DOUBLE in this table, the record has VARCHAR."


def test_a_name_is_a_dimension_or_a_measure(service):
    service.write(multi(("f", "DOUBLE", "1")))
    both = service.rejected(
        multi(("device", "DOUBLE", "1"), ts=NOW_MS - 1),
        {**multi(("g", "DOUBLE", "1")), "Dimensions": [{"Name": "f", "Value": "x"}]},
    )
    assert [
        "dimension and of a measure" in each["Reason"] or "name of a dimension" in each["Reason"] for each in both
    ] == [True, True]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DOUBLE", "abc"),
        ("DOUBLE", "NaN"),
        ("DOUBLE", "1e999"),
        ("DOUBLE", "1_0"),
        ("DOUBLE", " 1"),
        ("BIGINT", "1.5"),
        ("BIGINT", "9223372036854775808"),
        ("BOOLEAN", "yes"),
        ("TIMESTAMP", "-1"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_rejected(service, kind, value):
    (rejected,) = service.rejected(multi(("f", kind, value)))
    assert rejected["Reason"] == f"The measure value {value} is not a {kind}."


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (single(Dimensions=[]), "At least one dimension is required for a record."),
        (single(Time=None), "Invalid time for record."),
        (single(Time="now"), "Invalid time for record."),
        (single(Time="-1"), "Invalid time for record."),
        (single(Time="9999999999999999999"), "Invalid time for record."),
        (single(version=0), "The version must be 1 or greater."),
        (single(MeasureName=None), "Measure name is required"),
        (single(None), "Measure value is required"),
        (single("5", MeasureValueType="TIMESTAMP"), "TIMESTAMP is an invalid measure value type."),
        (multi(), "Measure values are required"),
        (multi(("f", "DOUBLE", "1"), ("f", "DOUBLE", "2")), "Duplicate measure name f"),
        (single(Dimensions=[{"Name": "time", "Value": "x"}]), "The dimension name time is reserved."),
        (
            single(Dimensions=[{"Name": "d", "Value": "x"}, {"Name": "d", "Value": "y"}]),
            "Duplicate dimension names are not allowed",
        ),
        (
            single(""),
            (
                "1 validation error detected: Value '' at 'records.1.member.measureValue' failed to satisfy "
                "constraint: Member must have length greater than or equal to 1"
            ),
        ),
        (
            single("x" * 2049),
            (
                "at 'records.1.member.measureValue' failed to satisfy constraint: "
                "Member must have length less than or equal to 2048"
            ),
        ),
        (
            single(MeasureValueType="FLOAT"),
            (
                "Value 'FLOAT' at 'records.1.member.measureValueType' failed to satisfy constraint: "
                "Member must satisfy enum value set: [DOUBLE, BIGINT, VARCHAR, BOOLEAN, TIMESTAMP, MULTI]"
            ),
        ),
        (
            single(Dimensions=[{"Name": "device"}]),
            (
                "Value null at 'records.1.member.dimensions.1.member.value' failed to satisfy constraint: "
                "Member must not be null"
            ),
        ),
    ],
)
def test_a_record_that_makes_no_sense_fails_the_request(service, record, message):
    assert message in service.invalid(record)
    assert service.rows("SELECT count(*) FROM iot.memory") == [["0"]]


def test_a_request_has_one_to_a_hundred_records(service):
    assert "Member must have length less than or equal to 100" in service.invalid(*[single()] * 101)
    assert "Member must have length greater than or equal to 1" in service.invalid()
    assert service.write(*[single(ts=NOW_MS - number) for number in range(100)])["Total"] == 100


@pytest.mark.parametrize(
    "record",
    [
        single(Dimensions=[{"Name": "d" * 61, "Value": "x"}]),
        single(Dimensions=[{"Name": "d", "Value": "é" * 1024}]),
        single(MeasureName="m" * 257),
        multi(("m" * 257, "DOUBLE", "1")),
        multi(("time", "DOUBLE", "1")),
        multi(*[(f"f{number}", "DOUBLE", "1") for number in range(257)]),
    ],
    ids=["dimension name", "dimensions", "measure name", "multi measure name", "reserved", "measures"],
)
def test_what_exceeds_a_quota_is_rejected_alone(service, record):
    assert [each["RecordIndex"] for each in service.rejected(single(ts=NOW_MS - 1), record)] == [1]
    assert service.rows("SELECT count(*) FROM iot.memory") == [["1"]]


def test_a_table_has_at_most_1024_measures(service):
    for first in range(0, 1024, 256):
        service.write(
            multi(*[(f"f{number}", "DOUBLE", "1") for number in range(first, first + 256)], ts=NOW_MS - first)
        )
    (rejected,) = service.rejected(multi(("one-more", "DOUBLE", "1")))
    assert rejected["Reason"] == "The table has 1024 measures, which is the maximum."
    service.write(multi(("f7", "DOUBLE", "1"), ts=NOW_MS - 5))


def test_what_is_not_there_is_not_found(service):
    for table, message in (("nothing", "The table nothing does not exist."),):
        with pytest.raises(ServiceError, match=message) as refused:
            service.write(single(), table=table)
        assert refused.value.code == "ResourceNotFoundException"


def test_a_disk_that_is_full_fails_the_request(service, monkeypatch):
    def full(*_):
        raise StorageFullError("the journal could not be written: No space left on device")

    monkeypatch.setattr(service.engine, "append", full)
    with pytest.raises(StorageFullError):  # which the protocol's front makes InternalServerException
        service.write(single())


@settings(max_examples=settings.default.max_examples // 4)
@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_text_and_number_comes_back_as_it_went(tmp_path_factory, device, text, number):
    service = Service(tmp_path_factory.mktemp("any"))
    record = multi(("f", "DOUBLE", repr(number)), ("s", "VARCHAR", text))
    service.write({**record, "Dimensions": [{"Name": "device", "Value": device}]})
    literal = device.replace("'", "''")
    ((read, words),) = service.rows(f"SELECT f, s FROM iot.memory WHERE device = '{literal}'")
    assert (float(read), words) == (number, text)
    service.engine.close()
