"""A server that speaks as the control planes of ten AWS services do, for an account that a test changes."""

import json
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

ARN = "arn:aws:sts::123456789012:assumed-role/deployer/ada"
CLOSED = (
    "Only existing Timestream for LiveAnalytics customers can access the service. "
    "Reach out to AWS support, for more information."
)


class RefusedError(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Cloud:
    """An open account, bootstrapped and empty, with the quotas of an old account."""

    url: str
    arn: str = ARN
    parameters: dict = field(default_factory=lambda: {"/cdk-bootstrap/hnb659fds/version": "30"})
    stacks: dict = field(default_factory=dict)
    protected: set = field(default_factory=set)
    outputs: dict = field(default_factory=dict)
    quotas: dict = field(
        default_factory=lambda: {
            ("iotcore", "L-4B33E451"): 20000.0,
            ("vpc", "L-F678F1CE"): 5.0,
            ("vpc", "L-1B52E74A"): 20.0,
            ("vpc", "L-29B6F2EB"): 50.0,
        }
    )
    own_quotas: dict = field(default_factory=dict)
    concurrency: tuple = (1000, 1000)
    api_role: str = ""
    log_groups: list = field(default_factory=list)
    vpcs: list = field(default_factory=list)
    gateways: int = 0
    instances: list = field(default_factory=list)
    databases: set = field(default_factory=set)
    closed: bool = False
    refuse: dict = field(default_factory=dict)
    hang: set = field(default_factory=set)
    garbage: dict = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)
    asked: Counter = field(default_factory=Counter)

    def deny(self, action):
        """As IAM words it; `action` as in `ssm:GetParameter`."""
        service, operation = action.split(":")
        code = {"ec2": "UnauthorizedOperation", "cloudformation": "AccessDenied", "sts": "AccessDenied"}
        said = f"User: {self.arn} is not authorized to perform: {action} because no identity-based policy allows it"
        self.refuse[operation] = RefusedError(403, code.get(service, "AccessDeniedException"), said)

    def answer(self, service, operation, request):
        self.asked[operation] += 1
        if operation in self.hang:
            self.released.wait(30)
        if operation in self.refuse:
            raise self.refuse[operation]
        return getattr(self, "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_"))(request)

    def get_caller_identity(self, _):
        return f"<Arn>{self.arn}</Arn><UserId>AROA</UserId><Account>123456789012</Account>"

    def get_parameter(self, request):
        if request["Name"] not in self.parameters:
            raise RefusedError(400, "ParameterNotFound", "")
        return {"Parameter": {"Name": request["Name"], "Type": "String", "Value": self.parameters[request["Name"]]}}

    def describe_stacks(self, request):
        """Two to a page."""
        names = sorted(self.stacks)
        start = int(request.get("NextToken", ["0"])[0])
        members = "".join(
            f"<member><StackName>{name}</StackName><StackStatus>{self.stacks[name]}</StackStatus>"
            f"{self._outputs(name)}"
            f"<EnableTerminationProtection>{str(name in self.protected).lower()}</EnableTerminationProtection>"
            "<CreationTime>2026-11-23T03:17:26Z</CreationTime></member>"
            for name in names[start : start + 2]
        )
        more = f"<NextToken>{start + 2}</NextToken>" if start + 2 < len(names) else ""
        return f"<Stacks>{members}</Stacks>{more}"

    def _outputs(self, name):
        pairs = self.outputs.get(name, {}).items()
        return "<Outputs>{}</Outputs>".format(
            "".join(
                f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
                for key, value in pairs
            )
        )

    def get_service_quota(self, request):
        return self._quota(request, self.own_quotas)

    def get_a_w_s_default_service_quota(self, request):
        return self._quota(request, self.quotas)

    def _quota(self, request, quotas):
        key = (request["ServiceCode"], request["QuotaCode"])
        if key not in quotas:
            raise RefusedError(
                400, "NoSuchResourceException", "The request failed because the specified quota does not exist."
            )
        return {"Quota": {"ServiceCode": key[0], "QuotaCode": key[1], "Value": quotas[key]}}

    def get_account_settings(self, _):
        total, free = self.concurrency
        return {"AccountLimit": {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": free}}

    def get_account(self, _):
        return {"throttleSettings": {}, **({"cloudwatchRoleArn": self.api_role} if self.api_role else {})}

    def describe_log_groups(self, request):
        found = [name for name in self.log_groups if name.startswith(request["logGroupNamePrefix"])]
        return {"logGroups": [{"logGroupName": name} for name in found]}

    def describe_vpcs(self, _):
        items = "".join(
            f"<item><vpcId>vpc-{at}</vpcId><tagSet><item><key>aws:cloudformation:stack-name</key><value>{stack}</value>"
            "</item></tagSet></item>"
            for at, stack in enumerate(self.vpcs)
        )
        return f"<vpcSet>{items}</vpcSet>"

    def describe_vpc_endpoints(self, request):
        assert request["Filter.1.Value.1"] == ["Gateway"]
        items = "".join(f"<item><vpcEndpointId>vpce-{at}</vpcEndpointId></item>" for at in range(self.gateways))
        return f"<vpcEndpointSet>{items}</vpcEndpointSet>"

    def describe_endpoints(self, _):
        if self.closed:
            raise RefusedError(403, "AccessDeniedException", CLOSED)
        # boto3 puts https:// before an address without a scheme.
        return {"Endpoints": [{"Address": self.url, "CachePeriodInMinutes": 1440}]}

    def describe_database(self, request):
        if request["DatabaseName"] not in self.databases:
            raise RefusedError(
                400, "ResourceNotFoundException", f"The database {request['DatabaseName']} does not exist."
            )
        return {"Database": {"DatabaseName": request["DatabaseName"], "TableCount": 1}}

    def list_db_instances(self, _):
        return {"items": [{"id": f"i{at}", "name": name, "arn": f"arn:{at}"} for at, name in enumerate(self.instances)]}


REST = {"/2016-08-19/account-settings": "GetAccountSettings", "/account": "GetAccount"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # one packet: two would meet delayed acknowledgement

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        # The scope of the signature names the service: .../eu-west-1/sts/aws4_request
        service = self.headers["authorization"].split("/")[3]
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        if target:
            self._answer(service, target, json.loads(body), self._json, self._json_error)
        elif operation := REST.get(urlsplit(self.path).path.rstrip("/")):
            self._answer(service, operation, {}, self._json, self._rest_error)
        else:
            request = parse_qs(body.decode())
            xml, error = (self._ec2, self._ec2_error) if service == "ec2" else (self._query, self._query_error)
            self._answer(service, request["Action"][0], request, xml, error)

    do_GET = do_POST  # noqa: N815 - the name is http.server's

    def _answer(self, service, operation, request, success, failure):
        if operation in self.server.cloud.garbage:
            self._send(200, self.server.cloud.garbage[operation], "text/html")
            return
        try:
            success(operation, self.server.cloud.answer(service, operation, request))
        except RefusedError as exc:
            failure(exc)

    def _json(self, _, answer):
        self._send(200, json.dumps(answer), "application/x-amz-json-1.1")

    def _json_error(self, exc):
        self._send(
            exc.status,
            json.dumps({"__type": f"com.amazonaws#{exc.code}", "message": exc.message}),
            "application/x-amz-json-1.1",
        )

    def _rest_error(self, exc):
        self._send(exc.status, json.dumps({"Message": exc.message}), "application/json", {"x-amzn-ErrorType": exc.code})

    def _query(self, operation, answer):
        self._send(
            200,
            f"<{operation}Response><{operation}Result>{answer}</{operation}Result>"
            f"<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{operation}Response>",
            "text/xml",
        )

    def _query_error(self, exc):
        said = f"<Type>Sender</Type><Code>{exc.code}</Code><Message>{escape(exc.message)}</Message>"
        self._send(
            exc.status, f"<ErrorResponse><Error>{said}</Error><RequestId>r-1</RequestId></ErrorResponse>", "text/xml"
        )

    def _ec2(self, operation, answer):
        self._send(200, f"<{operation}Response><requestId>r-1</requestId>{answer}</{operation}Response>", "text/xml")

    def _ec2_error(self, exc):
        said = f"<Code>{exc.code}</Code><Message>{escape(exc.message)}</Message>"
        self._send(
            exc.status,
            f"<Response><Errors><Error>{said}</Error></Errors><RequestID>r-1</RequestID></Response>",
            "text/xml",
        )

    def _send(self, status, text, kind, headers=None):
        content = text.encode()
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up on a slow answer is what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@pytest.fixture
def cloud():
    server = Server(("127.0.0.1", 0), Handler)
    server.cloud = Cloud(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.cloud
    server.cloud.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def environment(cloud, tmp_path):
    """Where boto3 finds the server, and nothing else of this machine."""
    return {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": None,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": None,
        "AWS_PROFILE": None,
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTP_PROXY": None,
    }


@pytest.fixture
def preflight(run, environment):
    """Runs the command; returns its JSON object, with `of`: the findings by name."""

    def invoke(*args, fails=None, env=None):
        document = json.loads(run("preflight", *args, "--json", fails=fails, env={**environment, **(env or {})}).stdout)
        document["of"] = {finding["name"]: finding for finding in document["findings"]}
        return document

    return invoke


@pytest.fixture
def refusal():
    return RefusedError
