"""The instance's own administrator in the deployed user pool."""

import secrets
import string
from typing import TYPE_CHECKING

from contract.administrators import administrator_writes
from local.deploy import client

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient

NAME = "admin@fieldline.local"
_ALPHABET = string.ascii_letters + string.digits


def new_password() -> str:
    """Random, and of every kind of character that a user pool may ask for."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20)) + "aA1-"


def ensure(aws_url: str, user_pool_id: str, core_table: str, password: str) -> None:
    """Make the administrator, or give it this password and its grant again. Idempotent."""
    cognito: CognitoIdentityProviderClient = client("cognito-idp", aws_url)
    try:
        user = cognito.admin_create_user(
            UserPoolId=user_pool_id,
            Username=NAME,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": NAME}, {"Name": "email_verified", "Value": "true"}],
        )["User"]["Username"]
    except cognito.exceptions.UsernameExistsException:
        user = cognito.admin_get_user(UserPoolId=user_pool_id, Username=NAME)["Username"]
    cognito.admin_set_user_password(UserPoolId=user_pool_id, Username=user, Password=password, Permanent=True)
    dynamodb: DynamoDBClient = client("dynamodb", aws_url)
    dynamodb.transact_write_items(TransactItems=administrator_writes(core_table, user, NAME))  # type: ignore[arg-type]
