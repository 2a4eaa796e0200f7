"""The one origin of browsers: CloudFront before a bucket of files, the REST API and the WebSocket."""

from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from functions.web_files import INDEX
from infra.buckets import private_bucket
from infra.config import DashboardOptions
from infra.edge_functions import EDGE, PAGES, SAME_HOST
from infra.findings import acknowledge
from infra.rest_api import STAGE_NAME as API_STAGE
from infra.stage import StagePolicy
from infra.web_headers import HSTS_SECONDS, security_headers
from infra.websocket_api import STAGE_NAME as WEBSOCKET_STAGE

LONGEST = Duration.days(365)
_SAID_BY_CLOUDFRONT = frozenset(
    {"Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options"}
)
"""Headers for which it has settings of its own, and which it refuses as any others."""


class OneOrigin(Construct):
    """`rest_host` and `websocket_host` are API Gateway's names of the two APIs, whose stages are their paths here.

    `edge_key` tells the web ACL before the REST API that a request came this way.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        stage: StagePolicy,
        options: DashboardOptions,
        rest_host: str,
        websocket_host: str,
        edge_key: str,
    ) -> None:
        super().__init__(scope, id)
        self._options = options
        # CloudFront's names are those of the account, whose other regions may have a stage too.
        self._name = f"fieldline-{stage.name}-{Aws.REGION}"
        self.bucket = self._bucket(stage)
        same_host = self._function("SameHost", SAME_HOST, "Says to the APIs which host was asked.")
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Fieldline {stage.name}: dashboard, API and WebSocket",
            default_behavior=self._files(),
            additional_behaviors={
                f"/{API_STAGE}/*": self._api(rest_host, same_host, {EDGE: edge_key}),
                f"/{WEBSOCKET_STAGE}": self._api(websocket_host, same_host),
            },
            default_root_object=INDEX,
            domain_names=[options.domain] if options.domain else None,
            certificate=self._certificate(),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if options.domain else None,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            # The API is behind it too: whoever is far away must not be sent round by Europe for each request.
            price_class=cloudfront.PriceClass.PRICE_CLASS_ALL,
        )
        self._explain()

    @property
    def url(self) -> str:
        return f"https://{self._options.domain or self.distribution.distribution_domain_name}/"

    def _bucket(self, stage: StagePolicy) -> s3.Bucket:
        bucket = private_bucket(
            self,
            "Files",
            stage,
            lifecycle_rules=[],
            # Whoever deploys can build it again.
            removal=RemovalPolicy.DESTROY,
        )
        acknowledge(
            bucket,
            "AwsSolutions-S1",
            "It holds what everybody may load, and only CloudFront of this one distribution may read it.",
        )
        return bucket

    def _certificate(self) -> acm.ICertificate | None:
        arn = self._options.certificate
        return acm.Certificate.from_certificate_arn(self, "Certificate", arn) if arn else None

    def _files(self) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(
                self.bucket,
                origin_access_control=cloudfront.S3OriginAccessControl(
                    self, "Access", origin_access_control_name=self._name
                ),
                # Without the right to list, S3 answers 403 for what is not there.
                origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            compress=True,
            cache_policy=cloudfront.CachePolicy(
                self,
                "Caching",
                comment="As long as each file says; no query, cookie or header makes another one of it.",
                min_ttl=Duration.seconds(0),
                default_ttl=Duration.seconds(0),
                max_ttl=LONGEST,
                enable_accept_encoding_brotli=True,
                enable_accept_encoding_gzip=True,
            ),
            response_headers_policy=self._headers(),
            function_associations=[
                _before(self._function("Pages", PAGES, "Addresses of the app are answered by index.html."))
            ],
        )

    def _api(
        self, host: str, same_host: cloudfront.IFunction, headers: Mapping[str, str] | None = None
    ) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                host,
                custom_headers=headers,
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            ),
            # No redirect: a token that was sent in the clear should not go on working unnoticed.
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            function_associations=[_before(same_host)],
        )

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        headers = security_headers(self._options.map_tiles)
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            response_headers_policy_name=self._name,
            comment="Nothing from elsewhere, in no frame, over HTTPS alone.",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=headers["Content-Security-Policy"], override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.seconds(HSTS_SECONDS), include_subdomains=False, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
                    for name, value in headers.items()
                    if name not in _SAID_BY_CLOUDFRONT
                ]
            ),
        )

    def _function(self, name: str, code: str, comment: str) -> cloudfront.Function:
        return cloudfront.Function(
            self,
            name,
            code=cloudfront.FunctionCode.from_inline(code),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            comment=comment,
        )

    def _explain(self) -> None:
        findings = {
            "AwsSolutions-CFR1": "Whose fleet it is may be anywhere, and without an account one sees a sign-in alone.",
            "AwsSolutions-CFR2": "A web ACL of CloudFront lives in us-east-1 and costs as much again; the API, which "
            "alone can be asked for anything, has its own.",
            "AwsSolutions-CFR3": "Whoever asks the APIs is in their own access logs; the files are public.",
        }
        if not self._options.domain:
            findings["AwsSolutions-CFR4"] = (
                "CloudFront's own name comes with its own certificate, for which it takes no other policy; a domain of "
                "the deployment's asks for TLS 1.2."
            )
        for finding, reason in findings.items():
            acknowledge(self.distribution, finding, reason)
        acknowledge(
            self.distribution.node.find_child("Origin1"),
            "Annotation::@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk",
            "There is a default root object, and what names no file is made a request for index.html before.",
        )


def _before(function: cloudfront.IFunction) -> cloudfront.FunctionAssociation:
    return cloudfront.FunctionAssociation(function=function, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
