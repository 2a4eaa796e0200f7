"""Tokens in Secrets Manager: read once, again when refused, and never shown."""

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from functions.adapters.secrets import REREAD_MS, RETRY_MS, SecretToken, StoredCredentials, StoredKey, StoredToken
from functions.errors import SecretError, StoreAdminError, StoreError, StoreUnreachableError


@pytest.fixture
def secrets(aws):
    return boto3.client("secretsmanager")


@pytest.fixture
def calls(secrets):
    """How often a secret was read."""
    seen = []
    secrets.meta.events.register("before-call.secrets-manager.GetSecretValue", lambda **_: seen.append(1))
    return seen


@pytest.fixture
def token(secrets, calls, clock):
    secrets.create_secret(Name="write", SecretString="first")
    return SecretToken(secrets, "write", clock=clock)


def replace(secrets, value):
    secrets.put_secret_value(SecretId="write", SecretString=value)


def test_a_token_is_read_once(secrets, calls, token, clock):
    assert [token(), token()] == ["first", "first"]
    replace(secrets, "second")
    clock.now += 24 * 3_600_000
    assert token() == "first"
    assert len(calls) == 1


def test_a_token_is_read_again_as_soon_as_it_is_refused(secrets, calls, token):
    token()
    replace(secrets, "second")
    assert token(refused="first") == "second"
    assert token() == "second"
    assert len(calls) == 2


def test_a_token_that_stays_wrong_does_not_hammer_the_service(secrets, calls, token, clock):
    token()
    for _ in range(100):
        assert token(refused="first") == "first"
    assert len(calls) == 2
    clock.now += REREAD_MS
    replace(secrets, "second")
    assert token(refused="first") == "second"
    for _ in range(100):
        assert token(refused="second") == "second"
    assert len(calls) == 3


def test_a_refusal_of_a_token_that_was_replaced_meanwhile_asks_nobody(secrets, calls, token):
    token()
    replace(secrets, "second")
    token(refused="first")
    assert token(refused="first") == "second"
    assert len(calls) == 2


def test_many_threads_that_are_refused_together_ask_once(secrets, calls, token):
    token()
    replace(secrets, "second")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: token(refused="first"), range(40))) == {"second"}
    assert len(calls) == 2


def test_a_service_that_does_not_answer_leaves_the_token_that_is_known(secrets, calls, token, clock):
    token()
    secrets.delete_secret(SecretId="write", ForceDeleteWithoutRecovery=True)
    assert token(refused="first") == "first"
    assert token(refused="first") == "first"
    assert len(calls) == 2
    clock.now += RETRY_MS
    secrets.create_secret(Name="write", SecretString="second")
    assert token(refused="first") == "second"


def test_without_any_token_the_service_is_left_alone_for_a_moment(secrets, calls, clock):
    token = SecretToken(secrets, "nowhere", clock=clock)
    for _ in range(50):
        with pytest.raises(StoreError, match="reading the token of the telemetry store in nowhere"):
            token()
    assert len(calls) == 1
    clock.now += RETRY_MS
    secrets.create_secret(Name="nowhere", SecretString="here")
    assert token() == "here"


@pytest.mark.parametrize("text", [" ", "with\nbreak", "tök\u00e9n", "a\x00b"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(secrets, clock, text):
    secrets.create_secret(Name="odd", SecretString=text)
    with pytest.raises(StoreError, match="the secret odd holds no token") as caught:
        SecretToken(secrets, "odd", clock=clock)()
    assert text.strip() == "" or text not in str(caught.value)


def test_space_around_a_token_is_none_of_it(secrets, clock):
    secrets.create_secret(Name="padded", SecretString=" abc== \n")
    assert SecretToken(secrets, "padded", clock=clock)() == "abc=="


def test_a_secret_without_a_value_holds_no_token_yet(secrets):
    secrets.create_secret(Name="empty")
    stored = StoredToken(secrets, "empty")
    assert stored.read() is None
    stored.write("first")
    assert stored.read() == "first"
    stored.write("second")
    assert stored.read() == "second"


def test_a_secret_that_cannot_be_used_is_named(secrets):
    with pytest.raises(StoreAdminError, match="writing the secret nowhere"):
        StoredToken(secrets, "nowhere").write("sesame")
    with pytest.raises(StoreAdminError, match="reading the secret nowhere"):
        StoredCredentials(secrets, "nowhere")()


USES = {
    "credentials": lambda client: StoredCredentials(client, "here")(),
    "reading": lambda client: StoredToken(client, "here").read(),
    "writing": lambda client: StoredToken(client, "here").write("token"),
}


def failing(secrets, failure):
    """Secrets Manager, each of whose answers is this one; an exception is none."""

    def answer(**_):
        if isinstance(failure, Exception):
            raise failure
        status, code = failure
        document = f'{{"__type": "{code}", "message": "no"}}'.encode()
        response = AWSResponse("https://secrets", status, {}, None)
        response._content = document
        return response

    secrets.meta.events.register_first("before-send.secrets-manager.*", answer)
    return secrets


@pytest.fixture
def impatient(aws):
    """Without attempts of its own."""
    return boto3.client("secretsmanager", config=Config(retries={"total_max_attempts": 1}))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="https://secrets"),
        ConnectTimeoutError(endpoint_url="https://secrets"),
        ReadTimeoutError(endpoint_url="https://secrets"),
        (500, "InternalServiceError"),
        (503, "ServiceUnavailable"),
        (400, "ThrottlingException"),
        (429, "TooManyRequests"),
    ],
    ids=str,
)
def test_a_service_that_fails_for_a_moment_may_be_asked_again(impatient, use, failure):
    with pytest.raises(StoreUnreachableError, match="ing the secret here: "):
        USES[use](failing(impatient, failure))


@pytest.mark.parametrize("use", USES)
def test_a_service_that_refuses_is_not_one_that_fails_for_a_moment(impatient, use):
    with pytest.raises(StoreAdminError, match=r"ing the secret here: .*AccessDenied") as caught:
        USES[use](failing(impatient, (400, "AccessDeniedException")))
    assert not isinstance(caught.value, StoreUnreachableError)


def test_credentials_are_user_name_and_password(secrets):
    text = '{"username": "admin", "password": "pw", "organization": "fieldline", "bucket": "telemetry"}'
    secrets.create_secret(Name="admin", SecretString=text)
    credentials = StoredCredentials(secrets, "admin")()
    assert (credentials.username, credentials.password) == ("admin", "pw")
    assert "pw" not in repr(credentials)


@pytest.mark.parametrize("text", ["sesame", '{"username": "sesame"}', '{"username": 7, "password": "sesame"}', "[]"])
def test_credentials_that_are_none_are_refused_and_not_shown(secrets, text):
    secrets.create_secret(Name="admin", SecretString=text)
    with pytest.raises(StoreAdminError, match="expected JSON with username and password") as caught:
        StoredCredentials(secrets, "admin")()
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_is_read_once(secrets, calls):
    name = secrets.create_secret(Name="cursor-key", SecretString="k" * 64)["ARN"]
    calls.clear()
    key = StoredKey(secrets, name)
    assert key() == key() == b"k" * 64
    assert calls == [1]


@pytest.mark.parametrize("text", ["short", "k" * 65])
def test_a_key_of_another_length_is_refused_and_not_shown(secrets, text):
    name = secrets.create_secret(Name="cursor-key", SecretString=text)["ARN"]
    with pytest.raises(SecretError, match="expected 32 to 64 bytes") as refused:
        StoredKey(secrets, name)()
    assert text not in str(refused.value)


def test_a_key_that_cannot_be_read_is_asked_for_again(secrets):
    key = StoredKey(secrets, "nothing-here")
    with pytest.raises(SecretError, match="reading the secret nothing-here"):
        key()
    secrets.create_secret(Name="nothing-here", SecretString="k" * 32)
    assert key() == b"k" * 32
