"""The instance's own administrator in the deployed user pool."""

import contextlib
import secrets
import string
from typing import TYPE_CHECKING

from local.deploy import client

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

NAME = "admin@fieldline.local"
GROUP = "admin"
_ALPHABET = string.ascii_letters + string.digits


def new_password() -> str:
    """Random, and of every kind of character that a user pool may ask for."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20)) + "aA1-"


def ensure(aws_url: str, user_pool_id: str, password: str) -> None:
    """Make the administrator, or give it this password again. Idempotent."""
    cognito: CognitoIdentityProviderClient = client("cognito-idp", aws_url)
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=user_pool_id,
            Username=NAME,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": NAME}, {"Name": "email_verified", "Value": "true"}],
        )
    cognito.admin_set_user_password(UserPoolId=user_pool_id, Username=NAME, Password=password, Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=user_pool_id, Username=NAME, GroupName=GROUP)
