"""What a real InfluxDB 1.6 said, byte for byte: asked again of that server, and of the look-alike."""

import json
from pathlib import Path

import pytest

from tests.influxd import Influxd
from tests.local.timestream.influx_fronts import Lookalike, Real, query, write

RECORD = json.loads(Path(__file__).with_name("influxdb_1_6.json").read_text("utf-8"))
ANSWERS = [(database, text) for database, answers in RECORD["answers"].items() for text in answers]


@pytest.fixture(scope="module", params=["look-alike", "influxd"])
def server(request, tmp_path_factory):
    if request.param == "influxd":
        with Influxd(tmp_path_factory.mktemp("influxd"), auth=False) as influxd:
            yield filled(Real(influxd))
    else:
        lookalike = Lookalike(tmp_path_factory.mktemp("lookalike"))
        yield filled(lookalike)
        lookalike.close()


def filled(server):
    for database, lines in RECORD["writes"].items():
        query(server, f"CREATE DATABASE {database}")
        assert write(server, "\n".join(lines), database).status == 204
    return server


@pytest.mark.parametrize(("database", "text"), ANSWERS)
def test_a_query_is_answered(server, database, text):
    assert query(server, text, database) == RECORD["answers"][database][text]


@pytest.mark.parametrize("text", RECORD["errors"])
def test_what_is_no_query_is_refused(server, text):
    answer = server.ask("POST", "/query", {"db": "t", "q": text})
    assert (answer.status, json.loads(answer.body)["error"]) == (400, RECORD["errors"][text])


@pytest.mark.parametrize("line", RECORD["lines"])
def test_a_line_is_stored_or_refused(server, line):
    query(server, "DROP DATABASE lines; CREATE DATABASE lines")
    answer = write(server, line, "lines")
    assert (json.loads(answer.body)["error"] if answer.body else "") == RECORD["lines"][line]
    assert answer.status == (400 if answer.body else 204)
