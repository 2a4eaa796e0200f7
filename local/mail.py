"""The sender of e-mail as one that the local AWS knows: like SES, it sends nothing from a stranger."""

from typing import TYPE_CHECKING

from local.deploy import client

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

MAIL_FROM = "alarms@fieldline.example"
"""What is sent from here MiniStack keeps, and sends nowhere."""


def ensure(aws_url: str) -> None:
    """Make the sender an identity; MiniStack asks nobody to confirm it. Idempotent."""
    sesv2: SESV2Client = client("sesv2", aws_url)
    sesv2.create_email_identity(EmailIdentity=MAIL_FROM)
