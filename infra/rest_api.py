"""The REST API: one method for each route of the catalogue, so that throttles and metrics are per route."""

import json
import re
from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.routes import ROUTES, Route
from infra.findings import acknowledge
from infra.problem_responses import add_problem_responses
from infra.stage import StagePolicy
from infra.web_acl import WebAcl

STAGE_NAME = "v1"
AUTHORIZER_CACHE = Duration.seconds(30)
"""Half of the minute within which a change of grants holds: the live function remembers as long after it."""
PUBLIC_RATE = 10
PUBLIC_BURST = 20
# TLS 1.2 with forward secrecy at least, 1.3 and post-quantum key exchange where the caller can.
SECURITY_POLICY = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"


class RestApi(Construct):
    """`handlers` has the function of each route, by the name that the catalogue of routes uses."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        stage: StagePolicy,
        handlers: Mapping[str, lambda_.IFunction],
        authorizer: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, id)
        self._access_logs = logs.LogGroup(
            self, "AccessLogs", retention=stage.log_retention, removal_policy=stage.removal
        )
        self.api = self._api(stage)
        self._add_routes(handlers, authorizer)
        add_problem_responses(self.api)
        self._own_execution_logs(stage)

    @property
    def url(self) -> str:
        return f"https://{self.host}/{STAGE_NAME}"

    @property
    def host(self) -> str:
        return f"{self.api.rest_api_id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"

    @property
    def edge_key(self) -> str:
        """What whoever stands before the API says to be believed whom it asks for: an id that no answer ever tells.

        It decides by which address requests are counted and nothing else, hence no secret that costs and is rotated.
        """
        return self.api.rest_api_root_resource_id

    def _api(self, stage: StagePolicy) -> apigateway.RestApi:
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"fieldline-{stage.name}",
            description="Fieldline's HTTP API.",
            endpoint_configuration=apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL]),
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE_NAME,
                access_log_destination=apigateway.LogGroupLogDestination(self._access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                # Would log bodies and tokens.
                data_trace_enabled=False,
                metrics_enabled=True,
                throttling_rate_limit=stage.request_rate,
                throttling_burst_limit=stage.request_burst,
                method_options=_throttles(stage),
            ),
        )
        resource = api.node.default_child
        if not isinstance(resource, apigateway.CfnRestApi):
            raise TypeError("RestApi: expected a CfnRestApi below it")
        resource.security_policy = SECURITY_POLICY
        resource.endpoint_access_mode = "STRICT"
        if stage.web_acl:
            WebAcl(
                self,
                "WebAcl",
                stage=stage,
                resource_arn=api.deployment_stage.stage_arn,
                edge_key=api.rest_api_root_resource_id,
            )
        else:
            acknowledge(
                api.deployment_stage,
                "AwsSolutions-APIG3",
                "A web ACL costs more than the rest of a small stage; throttles for each route and caller bound it.",
            )
        return api

    def _add_routes(self, handlers: Mapping[str, lambda_.IFunction], authorizer: lambda_.IFunction) -> None:
        # One permission for the API, not one for each method: a function's policy holds 20 KB.
        integrations = {
            name: apigateway.LambdaIntegration(handler, scope_permission_to_method=False)
            for name, handler in handlers.items()
        }
        bearer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=authorizer,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=AUTHORIZER_CACHE,
        )
        validator = self.api.add_request_validator(
            "Validator", validate_request_parameters=True, validate_request_body=True
        )
        for route in ROUTES:
            method = self.api.root.resource_for_path(route.path).add_method(
                route.method,
                integrations[route.function],
                operation_name=route.operation,
                authorizer=None if route.public else bearer,
                authorization_type=apigateway.AuthorizationType.NONE if route.public else None,
                request_validator=validator,
                request_parameters=_path_parameters(route),
            )
            _explain(method, route)

    def _own_execution_logs(self, stage: StagePolicy) -> None:
        # API Gateway would make this group itself, and keep it for ever.
        group = logs.LogGroup(
            self,
            "ExecutionLogs",
            log_group_name=f"API-Gateway-Execution-Logs_{self.api.rest_api_id}/{STAGE_NAME}",
            retention=stage.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.api.deployment_stage.node.add_dependency(group)


_ACCESS_LOG: Mapping[str, str] = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "principal": "$context.authorizer.principalId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "path": "$context.path",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "latencyMs": "$context.responseLatency",
    "integrationLatencyMs": "$context.integrationLatency",
    "authorizerLatencyMs": "$context.authorizer.latency",
    "error": "$context.error.responseType",
}


def _throttles(stage: StagePolicy) -> dict[str, apigateway.MethodDeploymentOptions]:
    """Anybody may call the public routes, so they get a small rate of their own."""
    return {
        f"{route.path}/{route.method}": apigateway.MethodDeploymentOptions(
            throttling_rate_limit=PUBLIC_RATE if route.public else stage.request_rate * route.share,
            throttling_burst_limit=PUBLIC_BURST if route.public else round(stage.request_burst * route.share),
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            metrics_enabled=True,
        )
        for route in ROUTES
    }


def _path_parameters(route: Route) -> dict[str, bool]:
    return {f"method.request.path.{name}": True for name in re.findall(r"{(\w+)}", route.path)}


def _explain(method: apigateway.Method, route: Route) -> None:
    acknowledge(
        method,
        "AwsSolutions-COG4",
        "The REQUEST authorizer verifies Cognito's access tokens and our own keys, which Cognito's own cannot.",
    )
    if route.public:
        acknowledge(method, "AwsSolutions-APIG4", f"{route.operation} is what a caller needs before it has a token.")
