"""Adapts a synthesized template to the laptop. Pure: a template in, a template out, or a TransformError that names why.

Closed by default: `support` lists each resource type, rule action and SQL function; what is not listed is refused.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local import support
from local.errors import TransformError
from local.intrinsics import Replacements, merge_text, references, replace_references, replace_text
from local.support import Row, Treatment
from local.timestream_template import take_out

Resource = dict[str, Any]
Template = dict[str, Any]

_BOOTSTRAP_PARAMETER = "BootstrapVersion"
_PLAIN_HTTP_CONDITIONS = frozenset({"aws:SecureTransport", "s3:TlsVersion"})
_SQL_LITERAL = re.compile(r"'(?:[^']|'')*'")
_SQL_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_SQL_KEYWORDS = frozenset({"and", "as", "between", "from", "in", "is", "like", "not", "or", "select", "where"})
# Addresses of AWS that a function calls by itself, and so must be this instance's instead. FIELDLINE_ISSUER is not
# among them: it is a name that the tokens carry, here as there.
_COGNITO_ADDRESSES = ("FIELDLINE_JWKS_URL", "FIELDLINE_SIGN_IN_ENDPOINT")
# A function that sets cookies: a browser keeps secure ones from HTTPS only, and a laptop has none.
_COOKIES = "FIELDLINE_COOKIE_PATH"
_INFLUX_ADDRESS = "FIELDLINE_INFLUX_URL"
_KNOWS_WEBHOOKS = frozenset({"actions", "api"})
"""The function that sends them, and the one that takes their addresses."""
"""The function that does, by its name: the receivers of whoever tries it out run on this machine."""
# A function that gives devices what they connect with, and so tells them where.
_ENROLS = "FIELDLINE_DEVICE_POLICIES"
# The WebSocket: where clients open it, where frames are posted, and which pages may open it.
_LIVE_URL, _LIVE_ENDPOINT, _LIVE_ORIGINS = "FIELDLINE_LIVE_URL", "FIELDLINE_LIVE_ENDPOINT", "FIELDLINE_LIVE_ORIGINS"


@dataclass(frozen=True)
class Place:
    """Where the template is deployed to: the addresses of the local AWS and of its Timestream, and what they play.

    `origins` are those of the gateway, the first of them that which clients are told. Devices connect to
    `mqtt_endpoint`, and verify it by the certificate in `ca_file`.
    """

    aws_url: str
    account: str
    region: str
    timestream_url: str
    influx_password: str
    origins: tuple[str, ...]
    mqtt_endpoint: str
    ca_file: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @property
    def pseudo(self) -> dict[str, str]:
        return {
            "AWS::AccountId": self.account,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::URLSuffix": "amazonaws.com",
        }


def transform(stack: str, template: Mapping[str, Any], place: Place) -> Template:
    """The template for the laptop; the one given stays as it is. Raises TransformError, naming stack and resource."""
    result: Template = copy.deepcopy(dict(template))
    result.pop("Rules", None)  # checks the version of the CDK bootstrap, which a laptop has not
    if _BOOTSTRAP_PARAMETER in result.get("Parameters", {}):
        del result["Parameters"][_BOOTSTRAP_PARAMETER]
    for name, resource in result.get("Resources", {}).items():
        _require_known(stack, name, resource)
    result = _with_arns_of_secrets(take_out(result, place))
    resources: dict[str, Resource] = {}
    for name, resource in result.get("Resources", {}).items():
        try:
            kept = _treat(resource, place)
        except TransformError as exc:
            raise TransformError(f"{stack}, {name} ({resource['Type']}): {exc}") from exc
        if kept is not None:
            resources[name] = kept
    ignored = result.get("Resources", {}).keys() - resources.keys()
    result["Resources"] = resources
    _forget(stack, result, frozenset(ignored))
    return result


def _with_arns_of_secrets(template: Template) -> Template:
    """A secret's Ref is its ARN on AWS and its name in MiniStack; Fn::GetAtt of its Id is the ARN on both."""
    secrets = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::SecretsManager::Secret"]
    by_id: Replacements = {(name, None): {"Fn::GetAtt": [name, "Id"]} for name in secrets}
    result: Template = replace_references(template, by_id)
    return result


def _require_known(stack: str, name: str, resource: Resource) -> None:
    try:
        _listed(support.RESOURCES, resource["Type"], "resource type")
    except TransformError as exc:
        raise TransformError(f"{stack}, {name} ({resource['Type']}): {exc}") from exc


def _treat(resource: Resource, place: Place) -> Resource | None:
    row = _listed(support.RESOURCES, resource["Type"], "resource type")
    if row.treatment is Treatment.IGNORED:
        return None
    resource.pop("UpdatePolicy", None)
    checked = _CHECKS.get(resource["Type"])
    return checked(resource, place) if checked else resource


def _listed(table: tuple[Row, ...], name: str, kind: str) -> Row:
    for row in table:
        if row.name == name:
            return row
    raise TransformError(
        f"the laptop does not know the {kind} {name}: list it in local/support.py as native, substituted or ignored"
    )


def _forget(stack: str, template: Template, ignored: frozenset[str]) -> None:
    """Take the ignored resources out of DependsOn; anything else that refers to one is an error."""
    for name, resource in template["Resources"].items():
        depends = resource.get("DependsOn")
        if depends is not None:
            kept = [other for other in ([depends] if isinstance(depends, str) else depends) if other not in ignored]
            resource.pop("DependsOn")
            if kept:
                resource["DependsOn"] = kept
        _refuse_reference(f"{stack}, {name}", resource, ignored)
    for name, output in template.get("Outputs", {}).items():
        _refuse_reference(f"{stack}, output {name}", output, ignored)


def _refuse_reference(where: str, value: object, ignored: frozenset[str]) -> None:
    for target in references(value):
        if target in ignored:
            raise TransformError(f"{where} refers to {target}, which the laptop ignores")


def _function(resource: Resource, place: Place) -> Resource:
    properties = resource["Properties"]
    runtime = properties.get("Runtime")
    if not str(runtime).startswith("python"):
        raise TransformError(f"Runtime: expected a python runtime, got {runtime!r}")
    for unsupported in ("Layers", "ImageConfig", "FileSystemConfigs"):
        if properties.get(unsupported):
            raise TransformError(f"{unsupported}: the laptop runs plain zip bundles only")
    if "S3Key" not in properties.get("Code", {}):
        raise TransformError("Code: expected an asset in S3 (S3Bucket, S3Key)")
    for remote in ("Architectures", "TracingConfig", "SnapStart", "VpcConfig"):
        properties.pop(remote, None)
    properties["Runtime"] = "provided.al2023"
    _use_local_addresses(properties.setdefault("Environment", {}).setdefault("Variables", {}), place)
    return resource


def _use_local_addresses(variables: dict[str, Any], place: Place) -> None:
    for name in _COGNITO_ADDRESSES:
        if name in variables:
            variables[name] = _local_cognito(name, variables[name], place)
    if _COOKIES in variables:
        variables["FIELDLINE_INSECURE_COOKIES"] = "true"
    if variables.get("POWERTOOLS_SERVICE_NAME") in _KNOWS_WEBHOOKS:
        variables["FIELDLINE_LOOPBACK_WEBHOOKS"] = "true"
    if _ENROLS in variables:
        variables["FIELDLINE_DEVICE_ENDPOINT"] = place.mqtt_endpoint
        variables["FIELDLINE_DEVICE_CA_FILE"] = place.ca_file
    if _INFLUX_ADDRESS in variables:
        variables[_INFLUX_ADDRESS] = place.timestream_url
    _use_local_websocket(variables, place)
    variables["AWS_ENDPOINT_URL"] = place.aws_url
    variables["AWS_ENDPOINT_URL_TIMESTREAM_QUERY"] = place.timestream_url
    variables["AWS_ENDPOINT_URL_TIMESTREAM_WRITE"] = place.timestream_url
    variables["POWERTOOLS_TRACE_DISABLED"] = "true"


def _use_local_websocket(variables: dict[str, Any], place: Place) -> None:
    if _LIVE_URL in variables:
        variables[_LIVE_URL] = place.origins[0].replace("http", "ws", 1) + "/ws"
    if _LIVE_ENDPOINT in variables:
        merged = merge_text(variables[_LIVE_ENDPOINT], place.pseudo)
        host = f".execute-api.{place.region}.amazonaws.com/"
        # The id of the API stands in the path here, since no name below localhost need resolve.
        local = replace_text(replace_text(merged, "https://", f"{place.aws_url}/_aws/execute-api/"), host, "/")
        if local == merged:
            raise TransformError(f"{_LIVE_ENDPOINT}: expected an address of API Gateway, got {merged!r}")
        variables[_LIVE_ENDPOINT] = local
        variables[_LIVE_ORIGINS] = ",".join(place.origins)


def _local_cognito(name: str, value: object, place: Place) -> object:
    remote = f"https://cognito-idp.{place.region}.amazonaws.com"
    merged = merge_text(value, place.pseudo)
    local = replace_text(merged, remote, place.aws_url)
    if local == merged:
        raise TransformError(f"{name}: expected an address under {remote}, got {merged!r}")
    return local


def _role(resource: Resource, _place: Place) -> Resource:
    for policy in resource["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Action"] == "ses:SendEmail":
                # MiniStack authorises it on no identity and knows no sender.
                statement["Resource"] = "*"
                statement.pop("Condition", None)
            if "iot:AttachPolicy" in statement["Action"]:
                # AWS asks for the certificate that it is attached to, MiniStack for nothing in particular or the thing.
                statement["Resource"] = "*"
    return resource


def _resource_policy(resource: Resource, _place: Place) -> Resource | None:
    document = resource["Properties"]["PolicyDocument"]
    document["Statement"] = [statement for statement in document["Statement"] if not _denies_plain_http(statement)]
    return resource if document["Statement"] else None


def _denies_plain_http(statement: Mapping[str, Any]) -> bool:
    keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
    return statement.get("Effect") == "Deny" and bool(keys) and keys <= _PLAIN_HTTP_CONDITIONS


def _topic_rule(resource: Resource, _place: Place) -> Resource:
    payload = resource["Properties"]["TopicRulePayload"]
    actions = [*payload["Actions"], *([payload["ErrorAction"]] if "ErrorAction" in payload else [])]
    for action in actions:
        for name in action:
            # CloudFormation writes DynamoDBv2 where the API writes dynamoDBv2.
            _listed(support.RULE_ACTIONS, name[0].lower() + name[1:], "rule action")
    sql = _SQL_LITERAL.sub("''", payload["Sql"])
    for name in sorted({call.lower() for call in _SQL_CALL.findall(sql)} - _SQL_KEYWORDS):
        _listed(support.SQL_FUNCTIONS, name, "SQL function")
    return resource


_CHECKS: dict[str, Callable[[Resource, Place], Resource | None]] = {
    "AWS::IAM::Role": _role,
    "AWS::IoT::TopicRule": _topic_rule,
    "AWS::Lambda::Function": _function,
    "AWS::S3::BucketPolicy": _resource_policy,
    "AWS::SQS::QueuePolicy": _resource_policy,
}
