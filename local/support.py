"""How the laptop treats each thing that a template may hold. Closed: what is not listed here is refused.

docs/local.md shows these tables to people; a test keeps the two alike.
"""

from dataclasses import dataclass
from enum import StrEnum


class Treatment(StrEnum):
    NATIVE = "native"
    SUBSTITUTED = "substituted"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Row:
    """A name as it stands in templates, what becomes of it, and why or with which limits."""

    name: str
    treatment: Treatment
    why: str = ""


def _native(name: str, limits: str = "") -> Row:
    return Row(name, Treatment.NATIVE, limits)


def _substituted(name: str, why: str) -> Row:
    return Row(name, Treatment.SUBSTITUTED, why)


def _ignored(name: str, why: str) -> Row:
    return Row(name, Treatment.IGNORED, why)


_ONE_ORIGIN = (
    "Stored only: the gateway serves the same files, from the build itself, with the same headers and addresses."
)
_NO_NETWORK = "Stored only: functions are processes of this machine, on its loopback."

RESOURCES = (
    _native("AWS::ApiGateway::Account"),
    _native("AWS::ApiGateway::Authorizer", "Results are cached as configured."),
    _native("AWS::ApiGateway::Deployment"),
    _native("AWS::ApiGateway::GatewayResponse"),
    _native("AWS::ApiGateway::Method"),
    _native("AWS::ApiGateway::RequestValidator"),
    _native("AWS::ApiGateway::Resource"),
    _native("AWS::ApiGateway::RestApi"),
    _native("AWS::ApiGateway::Stage", "Throttles and access logs are stored, not applied."),
    _native(
        "AWS::ApiGatewayV2::Api",
        "Any answer of $connect but 2xx becomes 403. No idle or two-hour limit. A client that does not read is not "
        "told apart: its frames gather in memory.",
    ),
    _native("AWS::ApiGatewayV2::Integration"),
    _native("AWS::ApiGatewayV2::Route"),
    _ignored("AWS::ApiGatewayV2::RouteResponse", "MiniStack has no provisioner for it, and sends answers always."),
    _native("AWS::ApiGatewayV2::Stage", "Throttles and access logs are stored, not applied."),
    _native("AWS::CloudFront::CachePolicy", _ONE_ORIGIN),
    _native("AWS::CloudFront::Distribution", _ONE_ORIGIN),
    _native("AWS::CloudFront::Function", _ONE_ORIGIN),
    _native("AWS::CloudFront::OriginAccessControl", _ONE_ORIGIN),
    _native("AWS::CloudFront::ResponseHeadersPolicy", _ONE_ORIGIN),
    _native(
        "AWS::Cognito::UserPool",
        "Threat protection is stored, not applied. Whoever answers a challenge of a sign-in is believed: neither its "
        "session nor the code of an authenticator app is looked at; signing out everywhere believes any access token.",
    ),
    _native("AWS::Cognito::UserPoolClient"),
    _native("AWS::DynamoDB::GlobalTable", "PITR and deletion protection are stored, not applied."),
    _ignored("AWS::EC2::FlowLog", "MiniStack has no provisioner for it, and nothing flows through the network."),
    _native("AWS::EC2::RouteTable"),
    _native("AWS::EC2::SecurityGroup", _NO_NETWORK),
    _native("AWS::EC2::Subnet", _NO_NETWORK),
    _native("AWS::EC2::SubnetRouteTableAssociation"),
    _native("AWS::EC2::VPC", _NO_NETWORK),
    _native("AWS::EC2::VPCEndpoint", _NO_NETWORK),
    _native(
        "AWS::Events::Rule", "A schedule fires within some seconds of its time; its target's policy is not checked."
    ),
    _native("AWS::IAM::Policy"),
    _substituted(
        "AWS::IAM::Role",
        "Functions are held to their role, but for the sender of e-mail and for which certificate a policy is attached "
        "to: MiniStack asks for SES and for those without telling them. "
        "Roles of topic rules and Firehose are not checked.",
    ),
    _native("AWS::IoT::Certificate", "Signed from the CSR by the instance's own CA."),
    _ignored("AWS::IoT::Logging", "MiniStack has no provisioner for it; its own log is in logs/ministack.log."),
    _native("AWS::IoT::Policy", "Enforced for every MQTT client."),
    _native("AWS::IoT::PolicyPrincipalAttachment"),
    _native("AWS::IoT::Thing"),
    _native("AWS::IoT::ThingPrincipalAttachment"),
    _native("AWS::IoT::ThingType"),
    _native(
        "AWS::IoT::TopicRule", "Its role is not checked; an action that fails does not always reach the error action."
    ),
    _native(
        "AWS::KinesisFirehose::DeliveryStream",
        "Records gather for 5 s; processors and format conversion deliver at once.",
    ),
    _native(
        "AWS::Lambda::EventSourceMapping", "Our launcher gathers the batches: MiniStack takes 10 messages at once."
    ),
    _substituted(
        "AWS::Lambda::Function",
        "Runs as provided.al2023 under AWS's runtime interface client in MiniStack's Python, for this machine's "
        "processor, with AWS_ENDPOINT_URL and the Cognito addresses of this instance. No X-Ray. Webhooks may go to "
        "this machine.",
    ),
    _native("AWS::Lambda::Permission"),
    _native("AWS::Logs::LogGroup", "The newest 300 invocations of a function are kept, whatever the retention."),
    _native("AWS::Logs::LogStream"),
    _native(
        "AWS::S3::Bucket",
        "Lifecycle, versioning and access logs are stored; nothing is locked; objects stay until `down --purge`.",
    ),
    _substituted("AWS::S3::BucketPolicy", "Denials of plain HTTP are taken out: everything here is HTTP on loopback."),
    _substituted("AWS::SecretsManager::Secret", "What refers to it gets its ARN by Fn::GetAtt: Ref is its name here."),
    _native("AWS::SQS::Queue"),
    _substituted("AWS::SQS::QueuePolicy", "Denials of plain HTTP are taken out: everything here is HTTP on loopback."),
    _native("AWS::SSM::Parameter"),
    _substituted("AWS::Timestream::Database", "Made in Timestream's look-alike by the launcher."),
    _substituted(
        "AWS::Timestream::InfluxDBInstance",
        "Timestream's look-alike, set up by the launcher; its generated secret is one that stands in the template.",
    ),
    _substituted("AWS::Timestream::Table", "Made in Timestream's look-alike by the launcher."),
    _ignored("AWS::WAFv2::LoggingConfiguration", "MiniStack has no provisioner for it, and nothing is blocked."),
    _ignored("AWS::WAFv2::WebACL", "MiniStack looks at no request with it."),
    _ignored("AWS::WAFv2::WebACLAssociation", "MiniStack has no provisioner for it."),
    _native(
        "Custom::FieldlineDashboard",
        "Answered by the dashboard_files function, as on AWS; nobody asks the bucket for what it holds.",
    ),
    _native("Custom::FieldlineFleet", "Answered by the registrar function, as on AWS."),
    _native("Custom::FieldlineInfluxSetup", "Answered by the store_setup function, as on AWS."),
)

RULE_ACTIONS = (_native("sqs", "Its role is not checked."),)

SQL_FUNCTIONS = (
    _native("encode"),
    _native("timestamp"),
    _native("topic"),
)
