"""The first administrator, made with AWS credentials: until there is one, nobody could through the API."""

from typing import TYPE_CHECKING

from cli.aws import plain_errors
from cli.errors import CliError, ConflictError, InputError
from cli.stacks import Place, client
from contract.administrators import administrator_writes, administrators_query

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient

NEEDED = (
    "The first administrator is made with AWS credentials that may create users of the pool "
    "(cognito-idp:AdminCreateUser, AdminGetUser) and write the core table (dynamodb:Query, PutItem, UpdateItem)."
)


def make(place: Place, pool: str, table: str, email: str, *, force: bool) -> bool:
    """Whether he was invited just now; False where he could sign in before.

    Raises ConflictError where somebody administers everything already, unless that is no reason.
    """
    with plain_errors(NEEDED, _known):
        dynamodb: DynamoDBClient = client("dynamodb", place)
        pages = dynamodb.get_paginator("query").paginate(**administrators_query(table))
        known = [item["name"]["S"] for page in pages for item in page["Items"]]
    if known and not force:
        raise ConflictError(
            f"{known[0]} administers this deployment already{f', with {len(known) - 1} more' if known[1:] else ''}: "
            "have him invite you, or give --force."
        )
    with plain_errors(NEEDED, _known):
        cognito: CognitoIdentityProviderClient = client("cognito-idp", place)
        try:
            answer = cognito.admin_create_user(
                UserPoolId=pool,
                Username=email,
                UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
                DesiredDeliveryMediums=["EMAIL"],
            )
            sub, invited = answer["User"]["Username"], True
        except cognito.exceptions.UsernameExistsException:
            sub, invited = cognito.admin_get_user(UserPoolId=pool, Username=email)["Username"], False
        dynamodb.transact_write_items(TransactItems=administrator_writes(table, sub, email))  # type: ignore[arg-type]
    return invited


def _known(code: str, said: str) -> CliError | None:
    return InputError(f"EMAIL: Cognito does not accept it: {said}") if code == "InvalidParameterException" else None
