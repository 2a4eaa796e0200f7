"""`timestream-influxdb`: an instance of InfluxDB 2 without a public address, and the secrets around it."""

from collections.abc import Mapping

from aws_cdk import Aws, Fn
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_timestream as timestream
from constructs import Construct

from functions.catalogue import STORE_GRANTS, StoreAccess
from functions.settings import INFLUXDB, InfluxStoreSettings, Settings, StoreAdminSettings
from infra.findings import acknowledge
from infra.platform import Platform
from infra.telemetry_store.network import DATABASE_PORT, StoreNetwork

ORGANIZATION = "fieldline"
BUCKET = "telemetry"
DATABASE = "telemetry"
"""What InfluxQL calls the bucket."""
USERNAME = "fieldline"
PASSWORD_LENGTH = 48


class InfluxStore(Construct):
    name = INFLUXDB

    def __init__(self, scope: Construct, id: str, *, platform: Platform, network: StoreNetwork) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self.network = network
        self.instance = self._instance(platform)
        self._write_token = self._token("WriteToken", "Token that writes telemetry. The set-up fills it.")
        self._read_token = self._token("ReadToken", "Token that reads telemetry. The set-up fills it.")

    @property
    def url(self) -> str:
        return f"https://{self.instance.attr_endpoint}:{DATABASE_PORT}"

    @property
    def resources(self) -> Mapping[str, str]:
        return {
            "influx-admin": self.instance.attr_influx_auth_parameters_secret_arn,
            "influx-write-token": self._write_token.ref,
            "influx-read-token": self._read_token.ref,
        }

    @property
    def outputs(self) -> Mapping[str, str]:
        return {"InfluxUrl": self.url, "InfluxAdminSecretArn": self.instance.attr_influx_auth_parameters_secret_arn}

    @property
    def admin_settings(self) -> StoreAdminSettings:
        return StoreAdminSettings(
            url=self.url,
            admin_secret=self.instance.attr_influx_auth_parameters_secret_arn,
            write_secret=self._write_token.ref,
            read_secret=self._read_token.ref,
        )

    def settings(self, access: StoreAccess) -> Settings | None:
        """None for the set-up, whose own settings say it all, and for who must ask a function inside the network."""
        if access in {StoreAccess.ADMIN, StoreAccess.ASK}:
            return None
        granted = {grant.resource for grant in STORE_GRANTS[INFLUXDB][access]}
        return InfluxStoreSettings(
            url=self.url,
            database=DATABASE,
            write_secret=self._write_token.ref if "influx-write-token" in granted else "",
            read_secret=self._read_token.ref if "influx-read-token" in granted else "",
        )

    def _instance(self, platform: Platform) -> timestream.CfnInfluxDBInstance:
        chosen = platform.config.influx
        instance = timestream.CfnInfluxDBInstance(
            self,
            "Instance",
            # Unique in account and region also beside one that an earlier stack has left. Given, so that a change that
            # would replace the instance fails over its name: CloudFormation would put an empty one into its place.
            name=Fn.join("-", ["fieldline", platform.stage.name, _of_this_stack()]),
            db_instance_type=chosen.instance,
            db_storage_type="InfluxIOIncludedT1",
            allocated_storage=chosen.storage_gib,
            deployment_type="WITH_MULTIAZ_STANDBY" if chosen.multi_az else "SINGLE_AZ",
            publicly_accessible=False,
            port=DATABASE_PORT,
            # Both zones also without a standby: subnets cannot be changed when one is wanted later.
            vpc_subnet_ids=[subnet.subnet_id for subnet in self.network.vpc.isolated_subnets],
            vpc_security_group_ids=[self.network.database.attr_group_id],
            organization=ORGANIZATION,
            bucket=BUCKET,
            username=USERNAME,
            password=self._password(platform).secret_value.unsafe_unwrap(),
        )
        instance.apply_removal_policy(platform.stage.timestream_removal)
        return instance

    def _password(self, platform: Platform) -> secretsmanager.Secret:
        """Stands in the template as a reference only. The service copies it into the secret that it makes itself."""
        secret = secretsmanager.Secret(
            self,
            "Password",
            description="What the InfluxDB instance was created with.",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=PASSWORD_LENGTH, exclude_punctuation=True
            ),
            removal_policy=platform.stage.timestream_removal,
        )
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "The service reads it once, when it creates the instance; later it opens nothing.",
        )
        return secret

    def _token(self, name: str, description: str) -> secretsmanager.CfnSecret:
        # Without a value: the set-up puts one there, and a later deployment leaves it alone.
        secret = secretsmanager.CfnSecret(self, name, description=description)
        acknowledge(
            secret,
            "AwsSolutions-SMG4",
            "InfluxDB's tokens do not expire, and only the set-up may mint others: it does when its version is raised.",
        )
        return secret


def _of_this_stack() -> str:
    """Eight characters of the stack's own id: `arn:…:stack/NAME/1a2b3c4d-…`."""
    return Fn.select(0, Fn.split("-", Fn.select(2, Fn.split("/", Aws.STACK_ID))))
