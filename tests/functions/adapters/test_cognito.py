"""Cognito as the users' directory and as the place to sign in: its answers and refusals in our words.

That the real flows work is tested on the laptop cloud (tests/local/test_cloud_access.py).
"""

import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from functions.adapters.cognito_sign_in import CognitoSignIns
from functions.adapters.cognito_users import CognitoDirectory
from functions.domain.people import UserStatus
from functions.domain.sign_in import Challenge, Step, Tokens
from functions.errors import (
    ConflictError,
    CursorError,
    NotFoundError,
    PrincipalsError,
    RateLimitError,
    RequestError,
    UnauthorizedError,
)
from tests.functions.adapters.scripted_server import Drop, ScriptedServer, answer

SUB = "00000000-0000-4000-8000-000000000001"
MADE = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
MADE_MS = 1_767_323_045_678


@pytest.fixture
def cognito():
    client = boto3.client(
        "cognito-idp", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def directory(cognito):
    return CognitoDirectory(cognito.client, "pool")


def user(status="CONFIRMED", *, attributes="Attributes", enabled=True):
    return {
        "Username": SUB,
        attributes: [{"Name": "sub", "Value": SUB}, {"Name": "email", "Value": "ann@example.org"}],
        "Enabled": enabled,
        "UserStatus": status,
        "UserCreateDate": MADE,
        "UserLastModifiedDate": MADE,
    }


def test_an_invitation_goes_by_e_mail_to_an_address_that_counts_as_verified(cognito, directory):
    asked = {
        "UserPoolId": "pool",
        "Username": "ann@example.org",
        "UserAttributes": [
            {"Name": "email", "Value": "ann@example.org"},
            {"Name": "email_verified", "Value": "true"},
        ],
        "DesiredDeliveryMediums": ["EMAIL"],
    }
    cognito.add_response("admin_create_user", {"User": user("FORCE_CHANGE_PASSWORD")}, asked)
    person = directory.invite("ann@example.org")
    assert (person.id, person.status, person.created_at) == (SUB, UserStatus.INVITED, MADE_MS)


@pytest.mark.parametrize(
    ("in_cognito", "status"),
    [
        ("CONFIRMED", UserStatus.ACTIVE),
        ("FORCE_CHANGE_PASSWORD", UserStatus.INVITED),
        ("RESET_REQUIRED", UserStatus.RESET),
        ("ARCHIVED", UserStatus.OTHER),
    ],
)
def test_a_person_is_found_by_his_id(cognito, directory, in_cognito, status):
    found = {**user(in_cognito, attributes="UserAttributes"), "UserMFASettingList": ["SOFTWARE_TOKEN_MFA"]}
    cognito.add_response("admin_get_user", found, {"UserPoolId": "pool", "Username": SUB})
    person = directory.find(SUB)
    assert (person.status, person.second_factor, person.email) == (status, True, "ann@example.org")


def test_a_person_has_no_other_name_than_his_id(cognito, directory):
    cognito.add_response("admin_get_user", user(attributes="UserAttributes"))
    assert directory.find("ann@example.org") is None
    cognito.add_client_error("admin_get_user", "UserNotFoundException")
    assert directory.find(SUB) is None


def test_the_list_goes_on_by_its_cursor(cognito, directory):
    quoted = {"UserPoolId": "pool", "Limit": 60, "Filter": 'email ^= "an"'}
    cognito.add_response("list_users", {"Users": [user()], "PaginationToken": "t" * 800}, quoted)
    page = directory.page("an", 100, None)
    assert [(one.id, one.second_factor) for one in page.items] == [(SUB, None)]
    cognito.add_response("list_users", {"Users": []}, {**quoted, "PaginationToken": "t" * 800})
    assert directory.page("an", 100, page.cursor).cursor is None
    with pytest.raises(CursorError):
        directory.page("bo", 100, page.cursor)
    cognito.add_client_error("list_users", "InvalidParameterException")
    with pytest.raises(CursorError):
        directory.page("an", 100, page.cursor)


CALLS = {
    "invite": ("admin_create_user", lambda it: it.invite("ann@example.org")),
    "invite_again": ("admin_create_user", lambda it: it.invite_again("ann@example.org")),
    "find": ("admin_get_user", lambda it: it.find(SUB)),
    "page": ("list_users", lambda it: it.page("", 10, None)),
    "enable": ("admin_enable_user", lambda it: it.enable(SUB)),
    "disable": ("admin_disable_user", lambda it: it.disable(SUB)),
    "delete": ("admin_delete_user", lambda it: it.delete(SUB)),
    "reset": ("admin_reset_user_password", lambda it: it.reset(SUB)),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("TooManyRequestsException", RateLimitError),
        ("LimitExceededException", RateLimitError),
        ("InternalErrorException", PrincipalsError),
        ("ResourceNotFoundException", PrincipalsError),
        ("AccessDeniedException", PrincipalsError),
    ],
)
def test_every_call_tells_busy_from_broken(cognito, directory, name, code, error):
    operation, call = CALLS[name]
    cognito.add_client_error(operation, code)
    with pytest.raises(error):
        call(directory)


@pytest.mark.parametrize(
    ("name", "code", "error"),
    [
        ("invite", "UsernameExistsException", ConflictError),
        ("invite", "AliasExistsException", ConflictError),
        ("invite", "InvalidParameterException", RequestError),
        ("invite_again", "UnsupportedUserStateException", ConflictError),
        ("invite_again", "UserNotFoundException", NotFoundError),
        ("enable", "UserNotFoundException", NotFoundError),
        ("disable", "UserNotFoundException", NotFoundError),
        ("delete", "UserNotFoundException", NotFoundError),
        ("reset", "UserNotFoundException", NotFoundError),
        ("reset", "NotAuthorizedException", ConflictError),
        ("reset", "InvalidParameterException", ConflictError),
    ],
)
def test_what_cannot_be_done_with_somebody_is_said(cognito, directory, name, code, error):
    operation, call = CALLS[name]
    cognito.add_client_error(operation, code)
    with pytest.raises(error):
        call(directory)


def test_without_a_connection_the_directory_does_not_answer():
    client = boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        endpoint_url="http://127.0.0.1:9",
        config=boto3.session.Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(PrincipalsError):
        CognitoDirectory(client, "pool").find(SUB)


GIVEN = {"AuthenticationResult": {"AccessToken": "access", "ExpiresIn": 900, "RefreshToken": "refresh", "IdToken": "i"}}


def says(document, status=200):
    return answer(status, json.dumps(document).encode())


def refuses(kind, status=400):
    return says({"__type": f"com.amazonaws.cognito#{kind}", "message": "User ann@example.org is whatever."}, status)


@pytest.fixture
def sign_in():
    """Calls a server that answers so, and gives the outcome with what it was asked."""
    servers = []

    def ask(call, *script):
        server = ScriptedServer(*script).__enter__()
        servers.append(server)
        outcome = call(CognitoSignIns(server.url, "client-1"))
        (request,) = server.requests
        return outcome, request.headers["x-amz-target"].rpartition(".")[2], json.loads(request.body)

    yield ask
    for server in servers:
        server.__exit__(None, None, None)


def test_a_password_is_sent_once_and_gives_tokens(sign_in):
    outcome, operation, asked = sign_in(lambda it: it.log_in("ann@example.org", "secret"), says(GIVEN))
    assert outcome == Tokens("access", 900, "refresh")
    assert (operation, asked) == (
        "InitiateAuth",
        {
            "ClientId": "client-1",
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "ann@example.org", "PASSWORD": "secret"},
        },
    )


@pytest.mark.parametrize("step", Step)
def test_a_challenge_comes_with_the_name_that_its_answer_needs(sign_in, step):
    asks = {"ChallengeName": step.value, "Session": "s", "ChallengeParameters": {"USER_ID_FOR_SRP": SUB}}
    outcome, _, _ = sign_in(lambda it: it.log_in("ann@example.org", "secret"), says(asks))
    assert outcome == Challenge(step, "s", SUB)
    given, operation, asked = sign_in(lambda it: it.answer(outcome, "an answer"), says(GIVEN))
    assert given == Tokens("access", 900, "refresh")
    assert operation == "RespondToAuthChallenge"
    assert (asked["Session"], asked["ChallengeName"]) == ("s", step.value)
    assert asked["ChallengeResponses"]["USERNAME"] == SUB
    assert "an answer" in asked["ChallengeResponses"].values()


def test_a_refresh_keeps_its_token_unless_the_pool_gives_another(sign_in):
    kept = {"AuthenticationResult": {"AccessToken": "access", "ExpiresIn": 900}}
    outcome, operation, asked = sign_in(lambda it: it.refresh("r"), says(kept))
    assert (outcome, operation) == (Tokens("access", 900, None), "GetTokensFromRefreshToken")
    assert asked == {"ClientId": "client-1", "RefreshToken": "r"}
    assert sign_in(lambda it: it.refresh("r"), says(GIVEN))[0].refresh == "refresh"


def test_who_signs_out_everywhere_is_told_by_the_access_token_alone(sign_in):
    outcome, operation, asked = sign_in(lambda it: it.revoke_all("access"), says({}))
    assert (outcome, operation, asked) == (None, "GlobalSignOut", {"AccessToken": "access"})


ASKED = Challenge(Step.NEW_PASSWORD, "s", SUB)
SIGN_INS = {
    "log_in": lambda it: it.log_in("ann@example.org", "secret"),
    "answer": lambda it: it.answer(ASKED, "answer"),
    "refresh": lambda it: it.refresh("r"),
    "revoke": lambda it: it.revoke("r"),
    "revoke_all": lambda it: it.revoke_all("a"),
    "forget_password": lambda it: it.forget_password("ann@example.org"),
    "set_password": lambda it: it.set_password("ann@example.org", "123456", "secret"),
}


@pytest.mark.parametrize(
    "kind",
    [
        "NotAuthorizedException",
        "UserNotFoundException",
        "UserNotConfirmedException",
        "PasswordResetRequiredException",
        "CodeMismatchException",
        "ExpiredCodeException",
        "InvalidParameterException",
    ],
)
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("log_in", UnauthorizedError),
        ("answer", UnauthorizedError),
        ("refresh", UnauthorizedError),
        ("revoke_all", UnauthorizedError),
        ("set_password", RequestError),
    ],
)
def test_whatever_is_wrong_with_somebody_is_one_refusal(sign_in, name, error, kind):
    with pytest.raises(error) as caught:
        sign_in(SIGN_INS[name], refuses(kind))
    assert "ann@example.org" not in str(caught.value)


@pytest.mark.parametrize("name", ["revoke", "forget_password"])
@pytest.mark.parametrize("kind", ["NotAuthorizedException", "UserNotFoundException", "InvalidParameterException"])
def test_revoking_and_forgetting_say_nothing_of_whom_they_found(sign_in, name, kind):
    assert sign_in(SIGN_INS[name], refuses(kind))[0] is None


def test_that_too_many_codes_were_asked_for_is_not_told(sign_in):
    assert sign_in(SIGN_INS["forget_password"], refuses("LimitExceededException"))[0] is None


@pytest.mark.parametrize("name", ["answer", "set_password"])
@pytest.mark.parametrize("kind", ["InvalidPasswordException", "PasswordHistoryPolicyViolationException"])
def test_a_password_that_the_pool_does_not_take_is_said(sign_in, name, kind):
    with pytest.raises(RequestError, match="new_password"):
        sign_in(SIGN_INS[name], refuses(kind))


@pytest.mark.parametrize("name", [name for name in SIGN_INS if name != "forget_password"])
@pytest.mark.parametrize("kind", ["TooManyRequestsException", "LimitExceededException"])
def test_a_busy_service_is_a_reason_to_wait(sign_in, name, kind):
    with pytest.raises(RateLimitError):
        sign_in(SIGN_INS[name], refuses(kind))


@pytest.mark.parametrize("name", SIGN_INS)
@pytest.mark.parametrize(
    "script",
    [refuses("ResourceNotFoundException"), refuses("InternalErrorException", 500), answer(502, b"<html>"), Drop()],
)
def test_a_service_that_fails_is_no_refusal(sign_in, name, script):
    with pytest.raises(PrincipalsError):
        sign_in(SIGN_INS[name], script)


@pytest.mark.parametrize(
    "document", [{}, [], {"AuthenticationResult": {"AccessToken": 3, "ExpiresIn": 9}}, {"ChallengeName": "SMS_MFA"}]
)
def test_an_answer_without_tokens_is_a_failure(sign_in, document):
    with pytest.raises(PrincipalsError):
        sign_in(SIGN_INS["log_in"], says(document))
