"""The authorizer with real keys. Every refusal stands beside the token that is admitted, which differs in one thing."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from functions.adapters.jwks import MAX_AGE_MS, REFETCH_MS, RETRY_MS, SigningKeys
from functions.errors import KeysError, SettingsError
from functions.handlers import authorizer
from functions.services.authorizer import Authorizer

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool"
ARN = "arn:aws:execute-api:eu-west-1:123456789012:api/v1/GET/devices/pump-1"


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other_key():
    return rsa.generate_private_key(65537, 2048)


def jwk(key, kid, **more):
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256", **more}


class Issuer:
    def __init__(self, *keys):
        self.document = {"keys": list(keys)}
        self.fetches = 0
        self.down = False

    def fetch(self):
        self.fetches += 1
        if self.down:
            raise KeysError("down")
        return self.document


@pytest.fixture
def issuer(key):
    return Issuer(jwk(key, "k1"))


@pytest.fixture
def now(clock):
    return clock.now // 1000


@pytest.fixture
def call(issuer, clock, monkeypatch):
    it = Authorizer(SigningKeys(issuer.fetch, clock), issuer=ISSUER, client_ids=("app", "cli"), clock=clock)
    monkeypatch.setattr(authorizer, "_authorizer", lambda: it)

    def call(token, headers=None):
        from types import SimpleNamespace

        context = SimpleNamespace(
            function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r"
        )
        event = {"methodArn": ARN, "headers": {"Authorization": f"Bearer {token}"} if headers is None else headers}
        return authorizer.handler(event, context)

    return call


@pytest.fixture
def claims(now):
    return {
        "sub": "sub-1",
        "iss": ISSUER,
        "client_id": "app",
        "token_use": "access",
        "username": "ann",
        "iat": now - 10,
        "exp": now + 600,
        "cognito:groups": ["viewer", "others", "admin"],
    }


def signed(key, claims, kid="k1", algorithm="RS256"):
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def refused(call, token, headers=None):
    # API Gateway answers 401 to exactly this text.
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        call(token, headers)


def test_a_valid_token_is_admitted_to_the_stage_with_its_roles(call, key, claims):
    assert call(signed(key, claims)) == {
        "principalId": "sub-1",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": "arn:aws:execute-api:eu-west-1:123456789012:api/v1/*",
                }
            ],
        },
        "context": {"principal": '{"sub":"sub-1","username":"ann","roles":["admin","viewer"]}'},
    }


def test_a_person_without_a_role_is_known_and_may_nothing(call, key, claims):
    del claims["cognito:groups"]
    assert json.loads(call(signed(key, claims))["context"]["principal"])["roles"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_other"),
        ("client_id", "another-app"),
        ("token_use", "id"),
        ("exp", 0),
        ("exp", "9999999999"),
        ("exp", 1e300),
        ("nbf", 9_999_999_999),
        ("sub", ""),
        ("username", 7),
        ("cognito:groups", "admin"),
    ],
)
def test_one_wrong_claim_is_refused(call, key, claims, name, value):
    call(signed(key, claims))
    refused(call, signed(key, {**claims, name: value}))


@pytest.mark.parametrize("name", ["iss", "client_id", "token_use", "exp", "sub"])
def test_one_missing_claim_is_refused(call, key, claims, name):
    call(signed(key, claims))
    refused(call, signed(key, {other: value for other, value in claims.items() if other != name}))


def test_an_id_token_is_refused(call, key, claims):
    call(signed(key, claims))
    identity = {**claims, "token_use": "id", "aud": "app"}
    refused(call, signed(key, identity))
    del identity["client_id"]
    refused(call, signed(key, identity))


def test_a_token_ends_with_its_second(call, key, claims, clock, now):
    token = signed(key, {**claims, "exp": now + 1})
    call(token)
    clock.now += 999
    call(token)
    clock.now += 1
    refused(call, token)


def test_the_algorithm_none_is_refused(call, key, claims):
    call(signed(key, claims))
    refused(call, jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"}))
    head, body, _ = signed(key, claims).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1","typ":"JWT"}').rstrip(b"=").decode()
    refused(call, f"{none}.{body}.")
    refused(call, f"{head}.{body}.")


def test_the_public_key_is_no_shared_secret(call, key, claims):
    call(signed(key, claims))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    import hashlib
    import hmac

    def part(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    # By hand: PyJWT itself would not sign with such a secret.
    text = part(b'{"alg":"HS256","kid":"k1"}') + b"." + part(json.dumps(claims).encode())
    refused(call, (text + b"." + part(hmac.digest(public, text, hashlib.sha256))).decode())


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_of_the_right_key_is_refused(call, key, claims, algorithm):
    call(signed(key, claims))
    refused(call, signed(key, claims, algorithm=algorithm))


def test_a_signature_of_another_key_is_refused(call, key, other_key, claims):
    call(signed(key, claims))
    refused(call, signed(other_key, claims))


def test_changed_claims_are_refused(call, key, claims):
    head, _, signature = signed(key, claims).split(".")
    _, body, _ = signed(key, {**claims, "sub": "sub-2"}).split(".")
    refused(call, f"{head}.{body}.{signature}")


def test_a_key_in_the_token_itself_is_not_believed(call, key, other_key, claims):
    call(signed(key, claims))
    headers = {"kid": "k2", "jwk": jwk(other_key, "k2"), "jku": "https://evil", "x5u": "https://evil"}
    refused(call, jwt.encode(claims, other_key, algorithm="RS256", headers=headers))


@pytest.mark.parametrize("kid", [None, "", "k2"])
def test_a_missing_or_unknown_key_id_is_refused(call, key, claims, kid):
    call(signed(key, claims))
    refused(call, signed(key, claims, kid=kid))


def test_a_key_that_is_not_for_signatures_is_not_used(call, key, claims, issuer):
    issuer.document = {"keys": [jwk(key, "k1", use="enc")]}
    refused(call, signed(key, claims))
    issuer.document = {"keys": [{"kty": "oct", "kid": "k1", "k": "AAAA", "use": "sig"}]}
    refused(call, signed(key, claims))


@pytest.mark.parametrize("token", ["", " ", "x", "a.b.c", "....", "é", "x" * 9000])
def test_rubbish_is_refused(call, token):
    refused(call, token)


def test_a_header_other_than_one_bearer_token_is_refused(call, key, claims):
    token = signed(key, claims)
    for headers in ({}, {"Authorization": token}, {"Authorization": f"Basic {token}"}, {"Cookie": f"Bearer {token}"}):
        refused(call, None, headers)
    refused(call, None, {"Authorization": f"Bearer {token}", "authorization": f"Bearer {token}"})
    assert call(None, {"authorization": f"bearer {token}"})["principalId"] == "sub-1"


def test_keys_are_fetched_once_and_again_for_an_unknown_one_at_most_every_half_minute(
    call, key, other_key, claims, issuer, clock
):
    for _ in range(5):
        call(signed(key, claims))
    assert issuer.fetches == 1
    clock.now += REFETCH_MS
    for _ in range(5):
        refused(call, signed(other_key, claims, kid="k2"))
    assert issuer.fetches == 2
    issuer.document["keys"].append(jwk(other_key, "k2"))
    clock.now += REFETCH_MS
    call(signed(other_key, claims, kid="k2"))
    assert issuer.fetches == 3


def test_a_withdrawn_key_is_forgotten(call, key, other_key, claims, issuer, clock, now):
    claims["exp"] = now + 10**6
    call(signed(key, claims))
    issuer.document = {"keys": [jwk(other_key, "k2")]}
    clock.now += MAX_AGE_MS - 1
    call(signed(key, claims))
    clock.now += 1
    refused(call, signed(key, claims))


def test_a_known_key_outlives_an_issuer_that_is_down_for_a_while(call, key, claims, issuer, clock, now):
    claims["exp"] = now + 10**6
    call(signed(key, claims))
    issuer.down = True
    clock.now += MAX_AGE_MS
    call(signed(key, claims))
    with pytest.raises(KeysError):
        call(signed(key, claims, kid="k2"))


def test_without_keys_the_function_fails_and_refuses_nobody_and_tries_again_after_a_while(
    call, key, claims, issuer, clock
):
    issuer.down = True
    for _ in range(5):
        with pytest.raises(KeysError):
            call(signed(key, claims))
    assert issuer.fetches == 1
    issuer.down = False
    clock.now += RETRY_MS
    call(signed(key, claims))
    assert issuer.fetches == 2


def test_an_issuer_that_is_down_is_asked_now_and_then_for_known_and_unknown_keys(call, key, claims, issuer, clock, now):
    claims["exp"] = now + 10**6
    call(signed(key, claims))
    issuer.down = True
    clock.now += MAX_AGE_MS
    for _ in range(5):
        call(signed(key, claims))
        with pytest.raises(KeysError):
            call(signed(key, claims, kid="k2"))
    assert issuer.fetches == 2
    clock.now += RETRY_MS
    call(signed(key, claims))
    assert issuer.fetches == 3
    issuer.down = False
    clock.now += RETRY_MS
    refused(call, signed(key, claims, kid="k2"))


def test_a_key_set_that_cannot_be_read_is_the_issuer_s_failure_too(call, key, claims, issuer):
    issuer.document = {"keys": [{"kty": "RSA", "kid": "k1", "n": "", "e": 7}]}
    for _ in range(2):
        with pytest.raises(KeysError):
            call(signed(key, claims))
    assert issuer.fetches == 1


def test_a_function_without_its_settings_fails_and_refuses_nobody(call, key, claims, monkeypatch):
    def unset():
        raise SettingsError("AuthorizerSettings", ("FIELDLINE_ISSUER: expected a value, got nothing",))

    monkeypatch.setattr(authorizer, "_authorizer", unset)
    with pytest.raises(SettingsError):
        call(signed(key, claims))
