"""A real HTTP server that speaks as the API and Amazon Cognito do, and the command line pointed at it."""

import json
import sys
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from typer.testing import CliRunner

from cli.app import app

COGNITO = "AWSCognitoIdentityProviderService."


@dataclass
class Asked:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def values(self, key):
        return [value for name, value in self.query if name == key]


@dataclass
class Says:
    """One scripted answer; `body` is bytes as they are, or a value that becomes JSON."""

    status: int = 200
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0

    def bytes(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Deployment:
    """Users, tokens and devices of one deployment; a test changes them, or scripts single answers."""

    def __init__(self, url):
        self.url = url
        self.users = {"ada": "correct horse"}
        self.temporary = set()
        self.policy = None  # the message with which a new password is refused
        self.challenge = None
        self.codes = {}  # of those whose sign-in asks for one as well
        self.secrets = {}  # of those who are about to have it ask, by access token
        self.good_tokens = set()
        self.good_refresh_tokens = set()
        self.expires_in = 3600
        self.me = {"sub": "1-2-3", "username": "ada", "roles": ["viewer"]}
        self.devices = []
        self.documents = {}
        self.rows = []
        self.page_size = 100
        self.sign_in = {
            "region": "eu-west-1",
            "client_id": "client-1",
            "issuer": f"{url}/pool",
            "endpoint": f"{url}/cognito/",
        }
        self.scripted = defaultdict(deque)
        self.asked = []

    @property
    def api(self):
        return f"{self.url}/v1"

    def script(self, path, *answers):
        """These answers first, in order; the path's own behaviour after them."""
        self.scripted[path].extend(answers)

    def calls(self, path):
        return [one for one in self.asked if one.path == path]

    def cognito_calls(self, operation):
        return [
            json.loads(one.body) for one in self.asked if one.headers.get("x-amz-target") == f"{COGNITO}{operation}"
        ]

    def grant(self, *, with_refresh=True):
        number = len(self.good_tokens) + 1
        self.good_tokens.add(f"access-{number}")
        result = {"AccessToken": f"access-{number}", "IdToken": "id", "ExpiresIn": self.expires_in}
        if with_refresh:
            self.good_refresh_tokens.add(f"refresh-{number}")
            result["RefreshToken"] = f"refresh-{number}"
        return Says(body={"AuthenticationResult": {**result, "TokenType": "Bearer"}, "ChallengeParameters": {}})

    def answer(self, asked):
        if self.scripted[asked.path]:
            return self.scripted[asked.path].popleft()
        if asked.path == "/cognito/":
            return self.cognito(asked)
        if asked.path == "/v1/sign-in":
            return Says(body=self.sign_in)
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.good_tokens:
            return Says(401, {"message": "Unauthorized"})
        return self.authorized(asked)

    def authorized(self, asked):
        if asked.path == "/v1/me":
            return Says(body=self.me)
        if asked.path == "/v1/devices":
            return self.page(asked, self.devices, {})
        if asked.path.endswith("/telemetry"):
            return self.page(asked, self.rows, {"device": asked.path.split("/")[3], "bin": None})
        found = self.documents.get(asked.path.removeprefix("/v1/devices/"))
        if found is None:
            return Says(404, {"type": "about:blank", "title": "Not found", "status": 404, "request_id": "r-1"})
        return Says(body=found)

    def page(self, asked, items, rest):
        start = int((asked.values("cursor") or ["0"])[0])
        end = start + min(self.page_size, int(asked.values("limit")[0]))
        return Says(body={**rest, "items": items[start:end], "cursor": str(end) if end < len(items) else None})

    def cognito(self, asked):
        operation = asked.headers["x-amz-target"].removeprefix(COGNITO)
        request = json.loads(asked.body)
        as_user = "AccessToken" in request
        client = request.get("ClientId")
        if asked.headers["content-type"] != "application/x-amz-json-1.1" or (client != "client-1") != as_user:
            return Says(400, {"__type": "InvalidParameterException", "message": "bad request"})
        if as_user:
            return self.second_factor(operation, request)
        if operation == "RevokeToken":
            self.good_refresh_tokens.discard(request["Token"])
            return Says()
        if operation == "RespondToAuthChallenge":
            if request["ChallengeName"] == "SOFTWARE_TOKEN_MFA":
                return self.code(request)
            return self.new_password(request)
        parameters = request["AuthParameters"]
        return self.refresh(parameters) if request["AuthFlow"] == "REFRESH_TOKEN_AUTH" else self.password(parameters)

    def refresh(self, parameters):
        if parameters["REFRESH_TOKEN"] in self.good_refresh_tokens:
            return self.grant(with_refresh=False)
        return Says(400, {"__type": "NotAuthorizedException", "message": "Refresh Token has expired"})

    def password(self, parameters):
        name = parameters["USERNAME"]
        if self.users.get(name) != parameters["PASSWORD"]:
            return Says(400, {"__type": "NotAuthorizedException", "message": "Incorrect username or password."})
        challenge = self.challenge or ("NEW_PASSWORD_REQUIRED" if name in self.temporary else None)
        return self.asks(name, challenge) if challenge else self.after_password(name)

    def after_password(self, name):
        return self.asks(name, "SOFTWARE_TOKEN_MFA") if name in self.codes else self.grant()

    def asks(self, name, challenge):
        known = {"USER_ID_FOR_SRP": name, "requiredAttributes": "[]"}
        return Says(body={"ChallengeName": challenge, "Session": "session-1", "ChallengeParameters": known})

    def code(self, request):
        assert request["Session"] == "session-1"
        answers = request["ChallengeResponses"]
        if self.codes[answers["USERNAME"]] != answers["SOFTWARE_TOKEN_MFA_CODE"]:
            return Says(400, {"__type": "CodeMismatchException", "message": "Invalid code received for user"})
        return self.grant()

    def second_factor(self, operation, request):
        token = request["AccessToken"]
        if token not in self.good_tokens:
            return Says(400, {"__type": "NotAuthorizedException", "message": "Invalid Access Token"})
        if operation == "GlobalSignOut":
            self.good_refresh_tokens.clear()
            return Says()
        if operation == "AssociateSoftwareToken":
            self.secrets[token] = "SECRET"
            return Says(body={"SecretCode": "SECRET", "Session": "s"})
        if operation == "VerifySoftwareToken":
            if token not in self.secrets or request["UserCode"] != "123456":
                return Says(400, {"__type": "EnableSoftwareTokenMFAException", "message": "Code mismatch"})
            return Says(body={"Status": "SUCCESS"})
        assert operation == "SetUserMFAPreference"
        if request["SoftwareTokenMfaSettings"]["Enabled"]:
            self.codes["ada"] = "123456"
        else:
            self.codes.pop("ada", None)
        return Says(body={})

    def new_password(self, request):
        assert request["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        assert request["Session"] == "session-1"
        if self.policy:
            message, self.policy = self.policy, None
            return Says(400, {"__type": "InvalidPasswordException", "message": message})
        name = request["ChallengeResponses"]["USERNAME"]
        self.users[name] = request["ChallengeResponses"]["NEW_PASSWORD"]
        return self.after_password(name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # one packet: two would meet delayed acknowledgement, 40 ms each

    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, parse_qsl(parts.query), headers, self.rfile.read(length))
        self.server.deployment.asked.append(asked)
        says = self.server.deployment.answer(asked)
        if says.after_s:
            time.sleep(says.after_s)
        if says.status == 0:  # the connection breaks
            self.close_connection = True
            return
        self.send_response(says.status)
        content = says.bytes()
        for name, value in {"content-length": str(len(content)), **says.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names are http.server's

    def log_message(self, *_args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up on a slow answer is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture
def deployment():
    server = Server(("127.0.0.1", 0), Handler)
    server.deployment = Deployment(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.deployment
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def says():
    return Says


@pytest.fixture
def config_dir(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def run(config_dir):
    """Runs the command line in this process: `run("devices", "list")`; anything but our own exits is raised."""

    def invoke(*args, stdin=None, env=None, fails=None):
        result = CliRunner().invoke(
            app,
            [str(arg) for arg in args],
            input=stdin,
            prog_name="fieldline",
            env={
                "FIELDLINE_CONFIG_DIR": str(config_dir),
                "FIELDLINE_PROFILE": None,
                "FIELDLINE_TIMEOUT_S": "10",
                "NO_COLOR": None,
                "FORCE_COLOR": None,
                "HTTP_PROXY": "http://127.0.0.1:1",  # the laptop's own address must not go through it
                **(env or {}),
            },
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == (fails or 0), result.output
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def signed_in(deployment, run):
    """The deployment, after a sign-in as ada."""
    run("login", deployment.api, "--user", "ada", "--password-stdin", stdin="correct horse\n")
    deployment.asked.clear()
    return deployment


@pytest.fixture
def edit_profile(config_dir):
    """Changes the kept profile's document."""

    def edit(change, name="default"):
        path = config_dir / "profiles" / f"{name}.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit
