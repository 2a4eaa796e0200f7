"""The lake: every raw message, by day and hour. A change of store or a replay starts from it."""

from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.buckets import private_bucket
from infra.findings import acknowledge
from infra.stage import StagePolicy

RAW_PREFIX = "raw/"
ERROR_PREFIX = "errors/"


class Lake(Construct):
    """A bucket, and the delivery stream that alone writes to it."""

    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        # Without access logs of its own: that would never end.
        self.access_logs = private_bucket(
            self,
            "AccessLogs",
            stage,
            lifecycle_rules=[s3.LifecycleRule(id="expire", expiration=Duration.days(90))],
        )
        self.bucket = self._bucket(stage)
        self._log_group = logs.LogGroup(
            self, "DeliveryLogs", retention=stage.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        self._log_stream = logs.LogStream(
            self, "DeliveryLogStream", log_group=self._log_group, removal_policy=RemovalPolicy.DESTROY
        )
        self._role = self._delivery_role()
        self.stream = self._delivery_stream(stage)

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use."""
        return {
            "lake": self.stream.attr_arn,
            "lake-bucket": self.bucket.bucket_arn,
            "lake-bucket/raw": self.bucket.arn_for_objects(f"{RAW_PREFIX}*"),
        }

    @property
    def exported_arn(self) -> str:
        """The bucket's ARN as findings of other stacks spell it: by the name of its export."""
        stack = Stack.of(self)
        return str(stack.resolve(stack.export_value(self.bucket.bucket_arn))["Fn::ImportValue"])

    def _bucket(self, stage: StagePolicy) -> s3.Bucket:
        return private_bucket(
            self,
            "Bucket",
            stage,
            versioned=stage.lake_versioned,
            access_logs=self.access_logs,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="raw-to-cold",
                    prefix=RAW_PREFIX,
                    # Still read in milliseconds, so that a replay needs no restore.
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
                            transition_after=Duration.days(90),
                        )
                    ],
                ),
                s3.LifecycleRule(id="failed-deliveries", prefix=ERROR_PREFIX, expiration=Duration.days(90)),
                s3.LifecycleRule(
                    id="leftovers",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(30) if stage.lake_versioned else None,
                ),
            ],
        )

    def _delivery_role(self) -> iam.Role:
        # The rights are part of the role, so they exist when Firehose checks them at the stream's creation.
        role = iam.Role(
            self,
            "DeliveryRole",
            description="Firehose writes the lake's objects and its own log stream, nothing else.",
            # The external id is how Firehose says for which account it acts.
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com", conditions={"StringEquals": {"sts:ExternalId": Aws.ACCOUNT_ID}}
            ),
            inline_policies={
                "deliver": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="Bucket",
                            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                            resources=[self.bucket.bucket_arn],
                        ),
                        iam.PolicyStatement(
                            sid="Objects",
                            actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                            resources=[self.bucket.arn_for_objects(f"{p}*") for p in (RAW_PREFIX, ERROR_PREFIX)],
                        ),
                        iam.PolicyStatement(
                            sid="Logs",
                            actions=["logs:PutLogEvents"],
                            resources=[
                                f"{self._log_group.log_group_arn}:log-stream:{self._log_stream.log_stream_name}"
                            ],
                        ),
                    ]
                )
            },
        )
        bucket = Stack.of(self).resolve(self.bucket.bucket_arn)["Fn::GetAtt"][0]
        for prefix in (RAW_PREFIX, ERROR_PREFIX):
            acknowledge(
                role,
                f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{prefix}*]",
                "Firehose names each object by its time of delivery, below this prefix only.",
            )
        return role

    def _delivery_stream(self, stage: StagePolicy) -> firehose.CfnDeliveryStream:
        when = "day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
        return firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=(
                firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(key_type="AWS_OWNED_CMK")
            ),
            extended_s3_destination_configuration=firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=self.bucket.bucket_arn,
                role_arn=self._role.role_arn,
                prefix=RAW_PREFIX + when,
                error_output_prefix=ERROR_PREFIX + "!{firehose:error-output-type}/" + when,
                compression_format="GZIP",
                file_extension=".jsonl.gz",
                buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                    interval_in_seconds=stage.lake_buffer_s, size_in_m_bs=stage.lake_buffer_mb
                ),
                cloud_watch_logging_options=firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                    enabled=True,
                    log_group_name=self._log_group.log_group_name,
                    log_stream_name=self._log_stream.log_stream_name,
                ),
            ),
        )
