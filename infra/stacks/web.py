"""What a browser opens: the dashboard's files, and the one origin that they share with the API and the WebSocket."""

from aws_cdk import CfnOutput, CustomResource, Duration, Stack
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from functions.settings import DashboardFilesSettings
from functions.web_files import rules_digest
from infra.findings import acknowledge
from infra.function import PlatformFunction
from infra.platform import Platform
from infra.stacks.api import ApiStack
from infra.stacks.live import LiveStack
from infra.web import OneOrigin
from infra.web_assets import dashboard_files

DEPLOYMENT_TIMEOUT = Duration.minutes(3)


class WebStack(Stack):
    """After the APIs, which it names. They know nothing of it: whose page asks is told by the request."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        live: LiveStack,
        api: ApiStack,
    ) -> None:
        super().__init__(
            scope,
            id,
            description="Fieldline: dashboard, and the one origin of dashboard, API and WebSocket.",
            # Its address goes with the distribution, and stands in people's bookmarks.
            termination_protection=platform.stage.deletion_protection,
        )
        self._origin = OneOrigin(
            self,
            "Origin",
            stage=platform.stage,
            options=platform.config.dashboard,
            rest_host=api.rest.host,
            websocket_host=live.host,
            edge_key=api.rest.edge_key,
        )
        self._deploy_files(platform)
        CfnOutput(self, "DashboardUrl", value=self._origin.url)
        # Where a name of one's own has to point to.
        CfnOutput(self, "DistributionDomain", value=self._origin.distribution.distribution_domain_name)
        CfnOutput(self, "DashboardBucketName", value=self._origin.bucket.bucket_name)

    def _deploy_files(self, platform: Platform) -> None:
        """By a function of our own: CDK's would bring the AWS command line, and read and write whatever it likes."""
        archive = assets.Asset(self, "Archive", path=str(dashboard_files(platform.config.target)))
        bucket = self._origin.bucket
        function = PlatformFunction(
            self,
            "FilesFunction",
            platform=platform,
            settings=DashboardFilesSettings(dashboard_bucket=bucket.bucket_name),
            resources={
                "dashboard-archive": archive.bucket.arn_for_objects(archive.s3_object_key),
                "dashboard-bucket": bucket.bucket_arn,
                "dashboard-bucket/files": bucket.arn_for_objects("*"),
            },
            asynchronous=True,
        )
        acknowledge(
            function.role,
            f"AwsSolutions-IAM5[Resource::<{self.resolve(bucket.bucket_arn)['Fn::GetAtt'][0]}.Arn>/*]",
            "The files of a build are named after what they hold, in a bucket that is theirs alone.",
        )
        CustomResource(
            self,
            "DashboardFiles",
            resource_type="Custom::FieldlineDashboard",
            service_token=function.function.function_arn,
            service_timeout=DEPLOYMENT_TIMEOUT,
            properties={
                "ArchiveBucket": archive.s3_bucket_name,
                "ArchiveKey": archive.s3_object_key,
                "MapTiles": platform.config.dashboard.map_tiles or "",
                # CloudFormation only asks again when something here changes.
                "Rules": rules_digest(),
            },
        )
