"""What the store on InfluxDB makes of a server that is busy, slow, ill or somebody else: a StoreError in time."""

import datetime as dt
import itertools
import ssl
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from functions.adapters import influx_http, influx_writes
from functions.adapters.backoff import Backoff
from functions.adapters.influx_auth import BasicAuth
from functions.adapters.influx_http import Server
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.memory import ManualClock
from functions.domain.series import Point, SeriesQuery
from functions.errors import PartialWriteError, StoreError
from tests.functions.adapters.scripted_server import Drip, Drop, Hang, ScriptedServer, answer

NOW = 1_764_000_000_000
STORED = answer(204)
NOTHING = answer(200, b'{"results":[{"statement_id":0}]}')
PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"
RETENTION = 30 * 86_400_000


@pytest.fixture
def waits():
    return []


@pytest.fixture
def make(waits):
    """A store on a server that says what the script has."""
    servers = []

    def made(*script, tls=None, **options):
        server = ScriptedServer(*script, tls=tls)
        servers.append(server)
        backoff = Backoff(attempts=4, sleep=waits.append, chance=lambda: 1.0)
        auth = {"auth": BasicAuth("user", "secret")} if "write_token" not in options else {}
        store = InfluxTelemetryStore(
            server.url, "telemetry", clock=ManualClock(NOW), retention_ms=RETENTION, backoff=backoff, **auth, **options
        )
        return store, server

    yield made
    for server in servers:
        server.__exit__()


def points(count=1):
    return [
        Point("pump-1", "temperature", NOW - at, float(at), "good", late=False, received_at=NOW, fresh=True)
        for at in range(count)
    ]


def ask(store):
    return store.series(SeriesQuery(device="pump-1", metrics=("temperature",), start=NOW - 9, end=NOW)).rows


def test_a_write_says_where_to_and_who_writes_and_is_compressed(make):
    store, server = make(STORED)
    assert store.write(points()) == []
    (request,) = server.requests
    assert urlsplit(request.path).path == "/write"
    assert parse_qs(urlsplit(request.path).query) == {"db": ["telemetry"], "precision": ["ns"]}
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert request.body == b"telemetry,device=pump-1 f:temperature=0.0 1764000000000000000"


def test_a_question_is_one_request_on_the_connection_that_is_there(make):
    store, server = make(STORED, NOTHING)
    store.write(points())
    assert ask(store) == ask(store) == ()
    assert [urlsplit(request.path).path for request in server.requests] == ["/write", "/query", "/query"]
    assert len(server.connections) == 1
    assert parse_qs(urlsplit(server.requests[1].path).query) == {"db": ["telemetry"], "epoch": ["ns"]}
    assert parse_qs(server.requests[1].body.decode())["q"][0].startswith('SELECT "f:temperature"')


def test_nothing_to_write_is_not_sent(make):
    store, server = make(STORED)
    assert store.write([]) == []
    assert store.write(
        [Point("pump-1", "t", NOW - RETENTION - 1, 1.0, "good", late=False, received_at=NOW, fresh=True)]
    )
    assert server.requests == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(make, waits, status):
    store, server = make(answer(status, PAGE), answer(status, PAGE), STORED)
    assert store.write(points()) == []
    assert len(server.requests) == 3
    assert waits == [0.1, 0.2]


def test_a_server_that_drops_the_connection_is_asked_again(make, waits):
    store, server = make(Drop(), Drop(b"HTTP/1.1 2"), STORED)
    assert store.write(points()) == []
    assert len(server.requests) == 3
    assert len(waits) == 2


def test_how_long_to_wait_is_what_the_server_says_within_reason(make, waits):
    store, _ = make(
        answer(429, Retry_After="2"),
        answer(503, Retry_After="86400"),
        answer(503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
        STORED,
    )
    assert store.write(points()) == []
    assert waits == [2.0, 0.1, 5.0, 0.2, 0.4]


def test_no_time_is_waited_that_the_caller_does_not_have(make, waits):
    store, server = make(answer(503, Retry_After="3"), budget_s=2.0)
    with pytest.raises(StoreError, match="the server answered 503"):
        store.write(points())
    assert len(server.requests) == 1
    assert waits == []


def test_a_server_that_stays_away_is_a_store_error_after_some_attempts(make, waits):
    store, server = make(answer(503, b'{"error":"engine: cache maximum memory size exceeded"}'))
    with pytest.raises(StoreError, match="writing telemetry: the server answered 503: 'engine: cache maximum memory"):
        store.write(points())
    assert len(server.requests) == 4
    assert len(waits) == 3


def test_nobody_there_is_a_store_error():
    with ScriptedServer(STORED) as server:
        pass
    backoff = Backoff(attempts=2, base_s=0.0)
    store = InfluxTelemetryStore(
        server.url, "t", auth=BasicAuth("u", "p"), clock=ManualClock(NOW), retention_ms=RETENTION, backoff=backoff
    )
    for use in (lambda: store.write(points()), lambda: ask(store), store.devices, lambda: store.delete("a", 0, NOW)):
        with pytest.raises(StoreError, match="does not answer"):
            use()


@pytest.mark.parametrize(
    "said",
    [Hang(), Drip(), Drip(b"HTTP/1.1 204 No Content\r\nX-"), Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")],
    ids=["hangs", "drips its first line", "drips its headers", "drips its body"],
)
def test_a_server_that_takes_its_time_is_left_when_the_caller_s_is_over(make, said):
    store, _ = make(said, budget_s=0.2)
    with pytest.raises(StoreError, match=r"no whole answer within 0\.[12] s"):
        store.write(points())
    with pytest.raises(StoreError, match=r"no whole answer within 0\.[12] s"):
        ask(store)


def test_after_a_hang_the_next_call_has_a_new_connection(make):
    store, server = make(Hang(), NOTHING, budget_s=0.2)
    with pytest.raises(StoreError):
        ask(store)
    assert ask(store) == ()
    assert len(server.connections) == 2


def test_an_answer_without_end_is_cut_off(make, monkeypatch):
    monkeypatch.setattr(influx_http, "MAX_ANSWER_BYTES", 1000)
    endless = answer(200, b" " * 3_000_000)
    store, server = make(endless, endless, NOTHING)
    with pytest.raises(StoreError, match="an answer of more than 1000 bytes"):
        store.write(points())
    with pytest.raises(StoreError, match="an answer of more than 1000 bytes"):
        ask(store)
    assert ask(store) == ()
    assert len(server.connections) == 3


NO_WRITE = {
    "a page": answer(200, PAGE),
    "nothing": answer(200),
    "an answer to a question": NOTHING,
    "a redirection": answer(302, Location="http://127.0.0.1:1/"),
    "a page that refuses": answer(400, b"<html>unable to parse: field type conflict</html>"),
    "a document that refuses": answer(400, b'{"detail": "unable to parse"}'),
    "JSON that is no object": answer(400, b'["unable to parse"]'),
    "no space": answer(500, b'{"error":"write /data/wal/_00001.wal: no space left on device"}'),
    "a full cache": answer(500, b'{"error":"engine: cache-max-memory-size exceeded: (1073741833/1073741824)"}'),
    "a timeout": answer(500, b'{"code":"internal error","message":"timeout"}'),
    "a limit that may be raised": answer(
        400, b'{"error":"partial write: max-values-per-tag limit exceeded (1/1): device dropped=1"}'
    ),
    "no such database": answer(404, b'{"error":"database not found: \\"telemetry\\""}'),
    "not allowed": answer(403, b'{"code":"forbidden","message":"insufficient permissions"}'),
    "not signed in": answer(401, b'{"code":"unauthorized","message":"unauthorized access"}'),
    "too much": answer(413, b"<html>Request Entity Too Large</html>"),
    "bytes of no encoding": answer(400, b'{"error":"\xff\xfe unable to parse"}'),
}


@pytest.mark.parametrize("said", NO_WRITE.values(), ids=NO_WRITE)
def test_what_does_not_say_stored_or_why_never_is_tried_again_by_the_caller(make, said):
    store, _ = make(said)
    with pytest.raises(StoreError) as caught:
        store.write(points(3))
    assert not isinstance(caught.value, PartialWriteError)


NO_ANSWER = {
    "a page": answer(200, PAGE),
    "nothing": answer(200),
    "half an answer": answer(200, b'{"results":[{"statement_id":0,"series":[{"name":"telem'),
    "bytes of no encoding": answer(200, b'{"results":[{"error":"\xff\xfe"}]}'),
    "another document": answer(200, b"{}"),
    "no results": answer(200, b'{"results":[]}'),
    "results of another form": answer(200, b'{"results":[{"series":[{"columns":["time"],"values":[["a"]]}]}]}'),
    "too few columns": answer(200, b'{"results":[{"series":[{"columns":["time"],"values":[[1]]}]}]}'),
    "a text for a number": answer(
        200, b'{"results":[{"series":[{"columns":["time","f","b","s","x"],"values":[[1,"1",null,null,null]]}]}]}'
    ),
    "a cut answer": answer(200, b'{"results":[{"statement_id":0,"partial":true}]}'),
    "an error in its place": answer(200, b'{"results":[{"statement_id":0,"error":"shard is disabled"}]}'),
    "a parser's error": answer(400, b'{"error":"error parsing query: found EOF"}'),
    "an ill server": answer(500, b'{"code":"internal error","message":"disk"}'),
    "less than announced": Drop(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}"),
    "no HTTP": Drop(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "a note of nobody": answer(
        200,
        b'{"results":[{"series":[{"columns":["time","f","b","s","x"],"values":[[1764000000000950000,1,null,null,"?"]]}]}]}',
    ),
}


@pytest.mark.parametrize("said", NO_ANSWER.values(), ids=NO_ANSWER)
def test_what_is_no_answer_is_a_store_error_and_no_empty_series(make, said):
    store, _ = make(said)
    with pytest.raises(StoreError):
        ask(store)


def test_a_batch_that_cannot_be_stored_now_is_named_and_what_follows_is_not_tried(make, monkeypatch):
    monkeypatch.setattr(influx_writes, "BATCH_POINTS", 2)
    store, _ = make(STORED, answer(503))
    old = Point("pump-1", "temperature", 1, 1.0, "good", late=False, received_at=NOW, fresh=True)
    with pytest.raises(PartialWriteError, match="of 8 points were not stored") as caught:
        store.write([*points(7), old])
    assert len(caught.value.failed) == 5
    assert 7 not in caught.value.failed
    assert [(one.point, one.reason) for one in caught.value.rejected] == [(old, "expired")]


def test_an_ill_server_may_still_take_the_next_batch(make, monkeypatch):
    monkeypatch.setattr(influx_writes, "BATCH_POINTS", 2)
    store, server = make(STORED, answer(500, b'{"error":"timeout"}'), STORED)
    with pytest.raises(PartialWriteError) as caught:
        store.write(points(8))
    assert len(server.requests) == 4
    assert len(caught.value.failed) == 2


def test_each_version_of_a_point_that_was_not_stored_has_failed(make, monkeypatch):
    monkeypatch.setattr(influx_writes, "BATCH_POINTS", 1)
    store, _ = make(STORED, answer(500))
    one, other = (msgspec.structs.replace(point, fresh=True) for point in points(2))
    older = Point("pump-1", "temperature", other.ts, 9.0, "good", late=False, received_at=NOW - 1, fresh=True)
    with pytest.raises(PartialWriteError) as caught:
        store.write([older, one, other])
    assert caught.value.failed in ({0, 2}, {1})


def test_what_the_server_never_takes_is_found_point_by_point(make):
    refused = b'{"error":"partial write: field type conflict: input field \\"f:t\\" is type float dropped=1"}'
    # The whole, its first half with the culprit, that half's halves, and the second half.
    store, server = make(answer(400, refused), answer(400, refused), STORED, answer(422, refused), STORED)
    given = points(4)
    rejected = store.write(given)
    assert [(one.point, one.reason) for one in rejected] == [(given[1], "refused")]
    assert rejected[0].detail.startswith("partial write: field type conflict")
    assert [request.body.count(b"\n") + 1 for request in server.requests] == [4, 2, 1, 1, 2]


def test_a_body_that_is_too_large_is_halved(make):
    store, server = make(answer(413), answer(413), STORED)
    assert store.write(points(4)) == []
    assert [request.body.count(b"\n") + 1 for request in server.requests] == [4, 2, 1, 1, 2]


def test_when_all_lines_were_dropped_nobody_looks_for_one(make):
    store, server = make(answer(400, b'{"error":"partial write: points beyond retention policy dropped=500"}'))
    rejected = store.write(points(500))
    assert {one.reason for one in rejected} == {"refused"}
    assert len(rejected) == 500
    assert len(server.requests) == 1


class Tokens:
    """A secret that changes; what each reading was told."""

    def __init__(self, *values):
        self.values = list(values)
        self.asked = []

    def __call__(self, refused=None):
        self.asked.append(refused)
        if refused == self.values[0] and len(self.values) > 1:
            self.values.pop(0)
        return self.values[0]


def test_a_token_that_was_replaced_is_read_again(make):
    tokens = Tokens("old", "new")
    store, server = make(answer(401), STORED, write_token=tokens)
    assert store.write(points()) == []
    assert [request.headers["authorization"] for request in server.requests] == ["Token old", "Token new"]
    assert tokens.asked == [None, "old"]


def test_a_token_that_stays_refused_is_not_tried_twice(make):
    store, server = make(
        answer(401, b'{"code":"unauthorized","message":"unauthorized access"}'), write_token=Tokens("old")
    )
    with pytest.raises(StoreError, match="401: 'unauthorized access'") as caught:
        store.write(points())
    assert len(server.requests) == 1
    assert "old" not in str(caught.value)


def test_reading_and_writing_have_tokens_of_their_own(make):
    store, server = make(STORED, NOTHING, write_token=Tokens("writer"), read_token=Tokens("reader"))
    store.write(points())
    ask(store)
    assert [request.headers["authorization"] for request in server.requests] == ["Token writer", "Token reader"]


def test_without_a_token_the_store_says_so(make):
    store, server = make(STORED, write_token=Tokens("writer"))
    for use in (lambda: ask(store), store.devices, lambda: store.export("pump-1", NOW - 9, NOW)):
        with pytest.raises(StoreError, match="no token to read with"):
            use()
    assert server.requests == []


def test_a_token_that_cannot_be_read_is_the_caller_s_error(make):
    def token(refused=None):
        raise StoreError("the secret holds no token")

    store, _ = make(STORED, write_token=token)
    with pytest.raises(StoreError, match="holds no token"):
        store.write(points(20_000))


def test_deleting_on_2_x_names_the_range_the_device_and_the_bucket(make):
    store, server = make(STORED, write_token=Tokens("writer"), organization="acme", bucket="history")
    store.delete('pump "1"', NOW, NOW + 1)
    (request,) = server.requests
    assert request.path == "/api/v2/delete?org=acme&bucket=history"
    assert request.body.decode() == (
        '{"start":"2025-11-24T16:00:00.000000000Z","stop":"2025-11-24T16:00:00.000999999Z",'
        r'"predicate":"_measurement=\"telemetry\" AND device=\"pump \\\"1\\\"\""}'
    )


def test_a_delete_that_was_not_done_is_a_store_error(make):
    store, _ = make(answer(500, b'{"code":"internal error","message":"x"}'), write_token=Tokens("writer"))
    with pytest.raises(StoreError, match="deleting telemetry of pump-1: the server answered 500"):
        store.delete("pump-1", NOW, NOW + 1)


def test_the_password_is_in_no_text_of_the_store():
    assert "secret" not in repr(BasicAuth("user", "secret"))


@pytest.mark.parametrize(
    "url", ["", "localhost:8086", "ftp://host:1", "http://", "http://host:1/path", "http://h/?q=1"]
)
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="url: expected https://host:port, got"):
        Server(url)


def test_time_may_be_over_before_anything_is_asked(make):
    ticks = itertools.count()
    store, server = make(STORED, budget_s=0.5, monotonic=lambda: float(next(ticks)))
    with pytest.raises(StoreError, match="no time is left to ask"):
        store.write(points())
    assert server.requests == []


@pytest.fixture
def certified(tmp_path):
    """A context for servers, and the file of the certificate that they show."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    day = dt.timedelta(days=1)
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), today - day, today + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, kept = tmp_path / "certificate.pem", tmp_path / "key.pem"
    shown.write_bytes(certificate.public_bytes(Encoding.PEM))
    kept.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, kept)
    return context, shown


def test_over_tls_all_is_the_same(make, certified, monkeypatch):
    tls, certificate = certified
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    store, server = make(STORED, NOTHING, Drip(b"HTTP/1.1 200 OK\r\n"), tls=tls, budget_s=0.3)
    assert store.write(points()) == []
    assert ask(store) == ()
    assert len(server.requests) == 2
    with pytest.raises(StoreError, match="no whole answer"):
        ask(store)
    assert len(server.connections) == 1


def test_a_server_that_cannot_prove_who_it_is_hears_no_token(make, certified):
    tls, _ = certified
    store, server = make(STORED, tls=tls, write_token=Tokens("writer"))
    with pytest.raises(StoreError, match="certificate verify failed"):
        store.write(points())
    assert server.requests == []
