"""The region: chosen, spelt as AWS spells it, and one that has what every deployment needs."""

from difflib import get_close_matches

from cli.preflight.account import Account
from cli.preflight.deployment import Deployment
from cli.preflight.findings import Finding, Status

NAME = "region"
NEEDED = {
    "iot": "AWS IoT Core",
    "lambda": "AWS Lambda",
    "dynamodb": "Amazon DynamoDB",
    "sqs": "Amazon SQS",
    "firehose": "Amazon Data Firehose",
    "cognito-idp": "Amazon Cognito",
    "apigateway": "Amazon API Gateway",
}
CHOOSE = "Set AWS_REGION, for example `export AWS_REGION=eu-west-1`, or give --region."


def region(account: Account, _: Deployment) -> Finding:
    """Needs no network: botocore brings the list of regions."""
    if not account.region:
        return Finding(NAME, Status.FAILED, "No region is chosen.", CHOOSE)
    known = {service: account.regions(service) for service in NEEDED}
    everywhere = sorted({name for names in known.values() for name in names})
    if account.region not in everywhere:
        close = get_close_matches(account.region, everywhere, n=3, cutoff=0.6)
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        return Finding(NAME, Status.FAILED, f"{account.region!r} is no AWS region that botocore knows.{meant}", CHOOSE)
    missing = [title for service, title in NEEDED.items() if account.region not in known[service]]
    if missing:
        return Finding(
            NAME,
            Status.FAILED,
            f"{account.region} does not have {', '.join(missing)}, as far as botocore knows.",
            "Choose another region: Fieldline cannot do without.",
        )
    return Finding(NAME, Status.OK, f"{account.region} has every service that a deployment needs.")
