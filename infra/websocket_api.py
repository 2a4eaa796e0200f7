"""The WebSocket API: three routes to one function, its answers returned, its stage throttled and logged."""

import json
from collections.abc import Mapping

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from aws_cdk.aws_lambda import IFunction
from constructs import Construct, IConstruct

from infra.findings import acknowledge
from infra.stage import StagePolicy

STAGE_NAME = "ws"
"""Also the path on the one origin that CloudFront makes of dashboard, API and WebSocket."""

METHODS = ("POST", "DELETE")
"""What our functions do with a connection: send it a frame, and close it."""


class WebSocketApi(Construct):
    """`serve` connects the function that answers: it knows the API's address, so it is made after it."""

    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self._stage = stage
        self.api = gateway.WebSocketApi(
            self,
            "Api",
            api_name=f"fieldline-{stage.name}-live",
            description="Fieldline's live data.",
            route_selection_expression="$request.body.type",
        )

    @property
    def url(self) -> str:
        return f"wss://{self.host}/{STAGE_NAME}"

    @property
    def host(self) -> str:
        return f"{self.api.api_id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"

    @property
    def endpoint(self) -> str:
        """Where frames are posted to connections."""
        return f"https://{self.host}/{STAGE_NAME}"

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use: the connections of this API's one stage."""
        return {f"live-connections/{method.lower()}": self._connections(method) for method in METHODS}

    def explain(self, role: IConstruct) -> None:
        resource = self.api.node.default_child
        if not isinstance(resource, gateway.CfnApi):
            raise TypeError("WebSocketApi: expected a CfnApi below it")
        api = Stack.of(self).get_logical_id(resource)
        for method in METHODS:
            acknowledge(
                role,
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<{api}>"
                f"/{STAGE_NAME}/{method}/@connections/*]",
                "The id of a connection is known when it opens: all of this API's one stage, and of no other.",
            )

    def serve(self, function: IFunction) -> None:
        for key in ("$connect", "$disconnect", "$default"):
            name = key.removeprefix("$").capitalize()
            route = self.api.add_route(
                key,
                integration=WebSocketLambdaIntegration(f"{name}Integration", function),
                return_response=key == "$default",
            )
            acknowledge(
                route,
                "AwsSolutions-APIG4",
                "Who connects shows a single-use ticket, which the function of $connect takes or refuses; a connection "
                "that it refused has no other route.",
            )
        self._add_stage()

    def _add_stage(self) -> None:
        access_logs = logs.LogGroup(
            self, "AccessLogs", retention=self._stage.log_retention, removal_policy=self._stage.removal
        )
        gateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name=STAGE_NAME,
            auto_deploy=True,
            default_route_settings=gateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=self._stage.request_rate,
                throttling_burst_limit=self._stage.request_burst,
                detailed_metrics_enabled=True,
                logging_level="ERROR",
                # Would log what people watch.
                data_trace_enabled=False,
            ),
            access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=access_logs.log_group_arn, format=json.dumps(_ACCESS_LOG)
            ),
        )

    def _connections(self, method: str) -> str:
        return Stack.of(self).format_arn(
            service="execute-api",
            resource=self.api.api_id,
            resource_name=f"{STAGE_NAME}/{method}/@connections/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )


# Not the query: it holds the ticket, used up or not.
_ACCESS_LOG: Mapping[str, str] = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "connection": "$context.connectionId",
    "event": "$context.eventType",
    "route": "$context.routeKey",
    "status": "$context.status",
    "integrationLatencyMs": "$context.integrationLatency",
    "error": "$context.error.responseType",
}
