"""What people and apps talk to: the REST API, its functions, and who may sign in."""

from aws_cdk import Aws, CfnOutput, Stack
from constructs import Construct

from functions.settings import ApiSettings, AuthorizerSettings
from infra.function import PlatformFunction
from infra.platform import Platform
from infra.rest_api import RestApi
from infra.stacks.data import DataStack
from infra.user_pool import Users


class ApiStack(Stack):
    def __init__(self, scope: Construct, id: str, *, platform: Platform, data: DataStack) -> None:  # noqa: A002 - the name constructs use
        super().__init__(
            scope,
            id,
            description="Fieldline: REST API, authorizer and user pool.",
            termination_protection=platform.stage.deletion_protection,
        )
        users = Users(self, "Users", stage=platform.stage)
        handler = PlatformFunction(
            self,
            "ApiFunction",
            platform=platform,
            settings=ApiSettings(
                core_table=data.core.table_name,
                state_table=data.state.table_name,
                events_table=data.events.table_name,
                region=Aws.REGION,
                issuer=users.issuer,
                client_id=users.client.user_pool_client_id,
                sign_in_endpoint=users.sign_in_endpoint,
                telemetry_store=data.store.name,
                telemetry_table=data.store.table_name,
            ),
            resources=data.resources,
        )
        authorizer = PlatformFunction(
            self,
            "AuthorizerFunction",
            platform=platform,
            settings=AuthorizerSettings(
                issuer=users.issuer, jwks_url=users.jwks_url, client_ids=(users.client.user_pool_client_id,)
            ),
            resources={},
        )
        rest = RestApi(self, "Rest", stage=platform.stage, handler=handler.function, authorizer=authorizer.function)
        outputs = {
            "ApiUrl": rest.url,
            "UserPoolId": users.pool.user_pool_id,
            "UserPoolClientId": users.client.user_pool_client_id,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
