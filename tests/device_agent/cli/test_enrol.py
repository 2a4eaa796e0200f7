"""`enrol`, against the API's own code behind a real port, and against servers that misbehave."""

import io
import json
import os
import ssl
import stat
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device_agent import cli
from device_agent.cli import enrol as enrol_command
from device_agent.config.agent import load
from device_agent.credentials import verify
from device_agent.enrolment import api as enrolment_api
from device_agent.enrolment import enrolment
from functions.adapters.memory import ManualClock
from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.certificates import CertificateStatus
from tests.access_matrix import signing_request
from tests.functions.api_harness import api_harness, person
from tests.functions.api_server import ApiServer

NOW = 1_764_000_000_000
KEY = "fld_" + "a" * 16 + "_" + "B" * 43
OTHER_KEY = "fld_" + "b" * 16 + "_" + "B" * 43


def key_of(thing):
    return Principal(f"device:{thing}", Kind.DEVICE, thing, (Grant(Role.DEVICE, f"device:{thing}"),))


@pytest.fixture
def api():
    api = api_harness(ManualClock(NOW), who=person("admin", name="root"))
    for thing in ("pump-7", "pump-8"):
        api.call("POST", "/devices", body={"id": thing, "model": "machine", "group": "plant-1"})
    return api


@pytest.fixture
def cloud(api):
    with ApiServer(api, {KEY: key_of("pump-7"), OTHER_KEY: key_of("pump-8")}) as server:
        yield server


@pytest.fixture
def pauses(monkeypatch):
    taken = []
    monkeypatch.setattr(enrolment_api.Api.__init__, "__defaults__", (taken.append,))
    return taken


@pytest.fixture
def enrol(tmp_path, capsys, monkeypatch, pauses):
    monkeypatch.setenv(enrol_command.VARIABLE, KEY)

    def run(url, *more, thing="pump-7"):
        code = cli.main(["enrol", "--api", url, "--thing", thing, "--dir", str(tmp_path), *more])
        told = capsys.readouterr()
        return code, told.out, told.err

    run.folder = tmp_path
    return run


class Answers:
    """A server that answers each request with the next of these: `(status, body, headers)`, or nothing at all."""

    def __init__(self, *answers, context=None):
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append((self.path, dict(self.headers), json.loads(body)))
                answer = answers[min(len(server.asked), len(answers)) - 1]
                if answer is None:
                    self.close_connection = True
                    return
                status, content, *headers = answer
                self.send_response(status)
                for name, value in dict(*headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content.encode())

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self._http.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()


def good_answer(folder, thing="pump-7", **changed):
    """What the API would say to the request that is in the folder."""
    api = api_harness(ManualClock(NOW), who=person("admin", name="root"))
    api.call("POST", "/devices", body={"id": thing, "model": "machine", "group": "plant-1"})
    request = (folder / f"{thing}.csr").read_text()
    return {**api.call("POST", f"/devices/{thing}/certificates", body={"csr": request})[1], **changed}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("sensors", ["hardware", "simulated"])
def test_afterwards_the_agent_has_all_that_it_needs(enrol, cloud, api, sensors):
    code, out, _ = enrol(cloud.url, "--sensors", sensors)
    assert (code, cloud.failures) == (0, [])
    folder = enrol.folder
    config = load(folder / "agent.toml")
    verify(folder / "agent.toml", config)
    assert (config.thing, config.model.name) == ("pump-7", "machine")
    certificate = x509.load_pem_x509_certificate((folder / "pump-7.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "pump-7.key").read_bytes(), password=None)
    assert certificate.public_key() == key.public_key()
    assert [one.status for one in api.identities.of("pump-7")] == [CertificateStatus.ACTIVE]
    assert {name: mode(folder / name) for name in ("pump-7.key", "pump-7.pem", "ca.pem", "agent.toml")} == {
        "pump-7.key": 0o600,
        "pump-7.pem": 0o640,
        "ca.pem": 0o640,
        "agent.toml": 0o640,
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "agent.toml",
        "ca.pem",
        "pump-7.csr",
        "pump-7.key",
        "pump-7.pem",
    ]
    assert f"fieldline-agent run --config {folder / 'agent.toml'}" in out


def test_the_private_key_is_sent_to_nobody_and_the_device_s_key_shown_to_nobody(enrol, api):
    with Answers((500, "{}"), (201, "{}")) as server:
        _, out, err = enrol(server.url)
    secret = (enrol.folder / "pump-7.key").read_text().splitlines()[1]
    assert secret not in json.dumps(server.asked)
    assert KEY not in out + err
    (path, headers, _), _ = server.asked
    assert path == "/v1/devices/pump-7/certificates?sensors=hardware"
    assert headers["Authorization"] == f"Bearer {KEY}"


def test_programs_are_told_the_same(enrol, cloud):
    code, out, _ = enrol(cloud.url, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["thing"], found["wrote_config"]) == ("pump-7", True)
    assert found["certificate"] == str(enrol.folder / "pump-7.pem")
    assert len(found["certificate_id"]) == 64


def test_a_device_that_is_enrolled_stays_so(enrol, cloud, api):
    enrol(cloud.url)
    before = {path: path.read_bytes() for path in enrol.folder.iterdir()}
    code, _, err = enrol(cloud.url)
    assert (code, "--force-certificate" in err) == (4, True)
    assert {path: path.read_bytes() for path in enrol.folder.iterdir()} == before
    assert len(api.identities.of("pump-7")) == 1


def test_the_certificate_alone_is_replaced_where_that_is_asked_for(enrol, cloud, api):
    enrol(cloud.url)
    folder = enrol.folder
    (folder / "agent.toml").write_text("# mine\n")
    key, certificate = (folder / "pump-7.key").read_bytes(), (folder / "pump-7.pem").read_bytes()
    code, out, _ = enrol(cloud.url, "--force-certificate")
    assert code == 0
    assert "which was there and stayed as it is" in out
    assert (folder / "agent.toml").read_text() == "# mine\n"
    assert (folder / "pump-7.key").read_bytes() == key
    assert (folder / "pump-7.pem").read_bytes() != certificate
    assert len(api.identities.of("pump-7")) == 2


def test_a_key_of_the_device_s_own_is_used(enrol, cloud):
    cli.main(["identity", "new", "--thing", "pump-7", "--dir", str(enrol.folder)])
    key = (enrol.folder / "pump-7.key").read_bytes()
    assert enrol(cloud.url)[0] == 0
    assert (enrol.folder / "pump-7.key").read_bytes() == key


def test_what_failed_can_be_done_again(enrol, cloud, api):
    api.identities.failing["activate"] = 9
    code, _, err = enrol(cloud.url)
    assert (code, "unavailable" in err or "503" in err) == (9, True)
    key = (enrol.folder / "pump-7.key").read_bytes()
    assert not (enrol.folder / "pump-7.pem").exists()
    api.identities.failing.clear()
    assert enrol(cloud.url)[0] == 0
    assert (enrol.folder / "pump-7.key").read_bytes() == key


def test_a_request_without_its_key_stops_nobody(enrol, cloud):
    (enrol.folder / "pump-7.csr").write_text("of an attempt that was killed")
    assert enrol(cloud.url)[0] == 0


def test_a_model_of_one_s_own_is_written_beside_it(enrol, cloud, api):
    own = {**api.call("GET", "/models/machine")[1], "fieldline:name": "press"}
    api.call("PUT", "/models/press", body=own)
    api.clock.now += 10_000
    api.call("DELETE", "/devices/pump-7")
    api.call("POST", "/devices", body={"id": "pump-7", "model": "press", "group": "plant-1"})
    assert enrol(cloud.url)[0] == 0
    assert load(enrol.folder / "agent.toml").model.name == "press"


def test_a_folder_that_is_not_there_is_made(enrol, cloud):
    code, _, _ = enrol(cloud.url, "--dir", str(enrol.folder / "etc" / "fieldline"))
    assert code == 0
    assert mode(enrol.folder / "etc" / "fieldline") == 0o750


def test_the_service_can_read_what_root_put_there(enrol, cloud, monkeypatch):
    account = type("Account", (), {"pw_uid": 998, "pw_gid": 997})
    owners = {}
    monkeypatch.setattr(enrolment, "service_account", lambda: account)
    monkeypatch.setattr(os, "chown", lambda path, user, group: owners.update({path.name: (user, group)}))
    assert enrol(cloud.url)[0] == 0
    assert owners == {"pump-7.key": (998, 997), "pump-7.pem": (-1, 997), "ca.pem": (-1, 997), "agent.toml": (-1, 997)}


@pytest.mark.parametrize(
    ("thing", "given", "said"),
    [
        ("pump-7", "fld_" + "c" * 16 + "_" + "B" * 43, "the key is not accepted"),
        ("pump-8", KEY, "there is no device 'pump-8' of which this is the key"),
        ("pump-9", KEY, "there is no device 'pump-9' of which this is the key"),
    ],
    ids=["an ended key", "another device's key", "no device"],
)
def test_a_key_that_is_not_the_device_s_is_refused_in_one_line(enrol, cloud, monkeypatch, thing, given, said):
    monkeypatch.setenv(enrol_command.VARIABLE, given)
    code, out, err = enrol(cloud.url, thing=thing)
    assert (code, out) == (9, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (enrol.folder / "agent.toml").exists()


def test_a_third_certificate_is_refused_with_the_api_s_own_words(enrol, cloud):
    enrol(cloud.url)
    enrol(cloud.url, "--force-certificate")
    code, _, err = enrol(cloud.url, "--force-certificate")
    assert code == 9
    assert "has 2 active certificates: revoke one" in err
    assert "(409, request request-1)" in err


def test_the_key_may_come_from_a_pipe_or_from_the_terminal(enrol, cloud, monkeypatch):
    monkeypatch.delenv(enrol_command.VARIABLE)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    assert enrol(cloud.url, "--key-stdin")[0] == 0
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr("getpass.getpass", lambda prompt: KEY)
    assert enrol(cloud.url, "--force-certificate")[0] == 0


@pytest.mark.parametrize(("given", "said"), [(None, "FIELDLINE_ENROL_KEY"), ("secret-text", "11 other characters")])
def test_without_a_device_s_key_nothing_is_made(enrol, cloud, monkeypatch, given, said):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv(enrol_command.VARIABLE)
    if given is not None:
        monkeypatch.setenv(enrol_command.VARIABLE, given)
    code, _, err = enrol(cloud.url)
    assert (code, said in err) == (2, True)
    assert "secret-text" not in err
    assert list(enrol.folder.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["http://fieldline.example.com/v1", "ftp://localhost/v1", "localhost:8420", "https://", "https://a:b@c/v1",
     "https://host/v1?x=1", "https://host:port/v1", "http://127.0.0.1.example.com/v1"],
)  # fmt: skip
def test_an_address_over_which_a_key_could_be_taken_is_refused(enrol, url):
    code, _, err = enrol(url)
    assert (code, "expected https://HOST/v1" in err) == (2, True)
    assert list(enrol.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://fieldline.example.com", "https://fieldline.example.com/v1"),
        ("https://a.execute-api.eu-west-1.amazonaws.com/v1/", "https://a.execute-api.eu-west-1.amazonaws.com/v1"),
        ("http://[::1]:8420", "http://[::1]:8420/v1"),
        ("http://127.0.0.1:8420/v1", "http://127.0.0.1:8420/v1"),
    ],
)
def test_an_address_is_taken_as_people_write_it(text, address):
    assert enrolment_api.parse_api(text) == address


def test_a_thing_s_name_is_looked_at_before_it_is_a_path(enrol, cloud):
    code, _, err = enrol(cloud.url, thing="../pump")
    assert (code, "../pump" in err) == (4, True)


def test_a_folder_that_cannot_be_written_is_told(enrol, cloud):
    (enrol.folder / "file").touch()
    code, _, err = enrol(cloud.url, "--dir", str(enrol.folder / "file" / "below"))
    assert (code, "cannot write to" in err) == (4, True)


def test_a_key_that_is_none_is_told_and_stays(enrol, cloud):
    (enrol.folder / "pump-7.key").write_text("precious")
    code, _, err = enrol(cloud.url)
    assert (code, "pump-7.key is no private key" in err) == (4, True)
    assert (enrol.folder / "pump-7.key").read_text() == "precious"


def test_a_cloud_that_is_busy_is_asked_again_and_acts_once(enrol, cloud, api, pauses):
    cli.main(["identity", "new", "--thing", "pump-7", "--dir", str(enrol.folder)])
    with Answers((503, "{}"), None, (429, "{}"), (201, "…")) as server:
        code, _, _ = enrol(server.url)
    assert code == 9, "the last answer was none of the API's"
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.asked}) == 1
    assert pauses == [1.0, 2.0, 4.0]


def test_nobody_there_is_told_after_some_attempts(enrol, pauses):
    with Answers() as server:
        url = server.url
    code, _, err = enrol(url)
    assert code == 9
    assert "cannot be reached" in err
    assert err.count("\n") == 1
    assert len(pauses) == enrolment_api.ATTEMPTS - 1


def test_a_redirect_does_not_carry_the_key_elsewhere(enrol):
    with Answers((201, "{}")) as elsewhere, Answers((302, "", {"Location": elsewhere.url})) as server:
        code, _, err = enrol(server.url)
    assert (code, elsewhere.asked) == (9, [])
    assert "(302)" in err


@pytest.mark.parametrize(
    "wrong",
    [
        {"certificate": "no PEM"},
        {"certificate": ""},
        {"thing": "pump-8"},
        {"ca": "no PEM"},
        {"agent_toml": "thing = "},
        {"agent_toml": 'thing = "pump-8"'},
        {"model": "../../etc/passwd"},
        {"model_file": 7},
    ],
    ids=str,
)
def test_an_answer_that_is_not_for_this_device_changes_nothing(enrol, wrong):
    cli.main(["identity", "new", "--thing", "pump-7", "--dir", str(enrol.folder)])
    # The request is made anew, and another key is another's.
    with Recertifying(wrong) as server:
        code, _, err = enrol(server.url)
    assert code == 9, err
    assert err.count("\n") == 1
    assert sorted(path.name for path in enrol.folder.iterdir()) == ["pump-7.csr", "pump-7.key"]


def test_a_certificate_for_another_key_changes_nothing(enrol):
    with Recertifying({}, csr=signing_request("pump-7")) as server:
        code, _, err = enrol(server.url)
    assert (code, "for another key" in err) == (9, True)
    assert not (enrol.folder / "pump-7.pem").exists()


class Recertifying(ApiServer):
    """The API, but for what is changed on the way: in its answer, or the request before it."""

    def __init__(self, changed, csr=None):
        api = api_harness(ManualClock(NOW), who=person("admin", name="root"))
        api.call("POST", "/devices", body={"id": "pump-7", "model": "machine", "group": "plant-1"})
        super().__init__(api, {KEY: key_of("pump-7")})
        self._changed = changed
        self._csr = csr

    def answer(self, method, target, headers, body):
        if self._csr is not None:
            body = json.dumps({"csr": self._csr}).encode()
        status, sent, answered = super().answer(method, target, headers, body)
        return status, sent, json.dumps({**json.loads(answered), **self._changed}).encode()


@pytest.fixture
def tls(credentials):
    """A server's side of TLS with a certificate for localhost, and the CA that says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.server_certificate, credentials.server_key)
    return context


def test_https_is_verified_before_the_key_is_sent(enrol, tls, credentials, monkeypatch, pauses):
    with Answers((500, "{}"), context=tls) as server:
        code, _, err = enrol(server.url)
        assert (code, server.asked, pauses) == (9, [], [])
        assert "certificate verify failed" in err.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(credentials.ca))
        enrol(server.url)
        assert len(server.asked) == enrolment_api.ATTEMPTS
