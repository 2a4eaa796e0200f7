"""The authorizer with real keys. Every refusal stands beside what is admitted, which differs in one thing.

A test of a refusal calls with the good one first: so it fails where everything is refused, and where its guard is gone.
"""

import base64
import json
import os

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from functions.adapters.jwks import MAX_AGE_MS, REFETCH_MS, RETRY_MS, SigningKeys
from functions.adapters.memory import MemoryWorld
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_principals import MemoryKeys, MemoryPrincipals
from functions.adapters.memory_registry import MemoryRegistry
from functions.domain.access import Grant, Kind, Role
from functions.domain.grants import Holder
from functions.domain.keys import MAX_AGE_MS as KEY_MAX_AGE_MS
from functions.domain.keys import Key, mint
from functions.errors import KeysError, PrincipalsError, SettingsError
from functions.handlers import authorizer
from functions.services.authorizer import Authorizer
from functions.services.whois import WhoIs
from tests.functions.registering import device, note

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


ADMIN = Grant(Role.ADMIN, "*")
VIEWER = Grant(Role.VIEWER, "group:plant-1")


class World:
    """Who is stored: ann, who administers everything, and keys that a test adds."""

    def __init__(self, clock):
        self.clock = clock
        self.journal = MemoryJournal()
        self.keys = MemoryKeys(self.journal)
        self.principals = MemoryPrincipals(self.journal, self.keys)
        self.registry = MemoryRegistry(MemoryWorld(), self.journal)
        self.hold("sub-1", "ann", ADMIN)

    def hold(self, sub, name, *grants, **more):
        holder = Holder(id=f"user:{sub}", kind=Kind.USER, name=name, version=1, grants=grants, **more)
        self.principals.holders[holder.id] = holder

    def add_key(self, *grants, kind=Kind.KEY, thing="", expires_in=KEY_MAX_AGE_MS, **more):
        """The key as it is shown."""
        minted = mint(kind, os.urandom)
        now = self.clock.now_ms()
        key = Key(
            id=minted.id,
            kind=kind,
            name="a key",
            digest=minted.digest,
            created_at=now,
            created_by="user:sub-1",
            expires_at=None if expires_in is None else now + expires_in,
            thing=thing,
            grants=grants,
            **more,
        )
        self.keys.keys[key.id] = key
        return minted.text


@pytest.fixture
def world(clock):
    return World(clock)


@pytest.fixture
def call(issuer, clock, world, monkeypatch):
    it = Authorizer(
        SigningKeys(issuer.fetch, clock),
        WhoIs(world.principals, world.keys),
        world.keys,
        world.registry,
        issuer=ISSUER,
        client_ids=("app", "cli"),
        clock=clock,
    )
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
        "scope": "aws.cognito.signin.user.admin",
        "cognito:groups": ["viewer", "others", "admin"],
    }


def signed(key, claims, kid="k1", algorithm="RS256"):
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def refused(call, token, headers=None):
    # API Gateway answers 401 to exactly this text.
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        call(token, headers)


def principal_of(answer):
    return json.loads(answer["context"]["principal"])


def test_a_valid_token_is_admitted_to_the_stage_with_the_grants_that_are_stored(call, key, claims):
    assert call(signed(key, claims)) == {
        "principalId": "user:sub-1",
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
        "context": {
            "principal": '{"id":"user:sub-1","kind":"user","name":"ann","grants":[{"role":"admin","scope":"*"}]}'
        },
    }


def test_a_person_without_a_grant_is_known_and_may_nothing(call, key, claims):
    assert principal_of(call(signed(key, {**claims, "sub": "sub-9"}))) == {
        "id": "user:sub-9",
        "kind": "user",
        "name": "ann",
        "grants": [],
    }


def test_groups_of_the_token_mean_nothing(call, key, claims, world):
    world.hold("sub-1", "ann", VIEWER)
    assert principal_of(call(signed(key, claims)))["grants"] == [{"role": "viewer", "scope": "group:plant-1"}]


def test_a_changed_grant_holds_at_the_next_authorization(call, key, claims, world):
    call(signed(key, claims))
    world.hold("sub-1", "ann")
    assert principal_of(call(signed(key, claims)))["grants"] == []


def test_a_disabled_user_is_refused_though_his_token_lives(call, key, claims, world):
    call(signed(key, claims))
    world.hold("sub-1", "ann", ADMIN, disabled=True)
    refused(call, signed(key, claims))


def test_where_grants_cannot_be_read_the_function_fails_and_refuses_nobody(call, key, claims, world, monkeypatch):
    def fail(principal):
        raise PrincipalsError("down")

    monkeypatch.setattr(world.principals, "find", fail)
    with pytest.raises(PrincipalsError):
        call(signed(key, claims))


def test_what_the_authorizer_answers_stays_small_with_the_most_grants(call, key, claims, world):
    world.hold("sub-1", "a" * 254, *(Grant(Role.OPERATOR, f"group:{'g' * 90}-{at:02d}") for at in range(40)))
    assert len(call(signed(key, claims))["context"]["principal"]) < 8_000


@pytest.mark.parametrize("scope", ["openid", "aws.cognito.signin.user.admin2", "", "phone email"])
def test_a_token_for_less_than_signing_in_oneself_is_refused(call, key, claims, scope):
    call(signed(key, {**claims, "scope": f"{claims['scope']} openid"}))
    refused(call, signed(key, {**claims, "scope": scope}))


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
        ("scope", ["aws.cognito.signin.user.admin"]),
    ],
)
def test_one_wrong_claim_is_refused(call, key, claims, name, value):
    call(signed(key, claims))
    refused(call, signed(key, {**claims, name: value}))


@pytest.mark.parametrize("name", ["iss", "client_id", "token_use", "exp", "sub", "scope"])
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


def test_another_algorithm_is_refused_before_anything_is_verified(call, key, claims, monkeypatch):
    """The library would refuse these too, by the key's type: this is our own word, which does not depend on it."""
    reasons = []
    monkeypatch.setattr(authorizer.logger, "warning", lambda _text, reason: reasons.append(reason))
    head, body, signature = signed(key, claims).split(".")
    call(f"{head}.{body}.{signature}")
    for algorithm in ("none", "HS256", "RS512"):
        other = base64.urlsafe_b64encode(b'{"alg":"%s","kid":"k1"}' % algorithm.encode()).rstrip(b"=").decode()
        refused(call, f"{other}.{body}.{signature}")
    assert reasons == [f"expected RS256 and a key id, got {name!r}" for name in ("none", "HS256", "RS512")]


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
    assert call(None, {"authorization": f"bearer {token}"})["principalId"] == "user:sub-1"


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


def test_a_key_is_admitted_with_its_grants_as_far_as_its_maker_still_has_them(call, world):
    key = world.add_key(VIEWER, Grant(Role.OPERATOR, "device:pump-7"))
    admitted = principal_of(call(key))
    assert (admitted["kind"], admitted["name"]) == ("key", "a key")
    assert admitted["id"] == f"key:{key.split('_')[1]}"
    assert admitted["grants"] == [
        {"role": "viewer", "scope": "group:plant-1"},
        {"role": "operator", "scope": "device:pump-7"},
    ]
    world.hold("sub-1", "ann", Grant(Role.OPERATOR, "group:plant-1"))
    assert principal_of(call(key))["grants"] == [{"role": "viewer", "scope": "group:plant-1"}]


def test_a_key_whose_maker_is_disabled_or_gone_is_refused(call, world):
    key = world.add_key(VIEWER)
    call(key)
    world.hold("sub-1", "ann", ADMIN, disabled=True)
    refused(call, key)
    world.principals.holders.clear()
    refused(call, key)


def test_a_revoked_key_is_refused(call, world, clock):
    key = world.add_key(VIEWER)
    call(key)
    known = world.keys.find(key.split("_")[1])
    world.keys.keys[known.id] = msgspec.structs.replace(known, revoked_at=clock.now)
    refused(call, key)


def test_a_key_ends_with_its_millisecond(call, world, clock):
    key = world.add_key(VIEWER, expires_in=60_000)
    clock.now += 59_999
    call(key)
    clock.now += 1
    refused(call, key)


def test_a_key_with_another_secret_is_refused(call, world):
    key, other = world.add_key(VIEWER), world.add_key(VIEWER)
    call(key)
    for wrong in (
        f"{key[:-1]}{'A' if key[-1] != 'A' else 'E'}",
        f"{key[:21]}{other[21:]}",
        key[:-1],
        f"{key}A",
        key[:20],
    ):
        refused(call, wrong)
    refused(call, key.replace("flk_", "fld_"))
    refused(call, key.upper())


def test_an_unknown_key_is_refused(call, world):
    key = world.add_key(VIEWER)
    call(key)
    del world.keys.keys[key.split("_")[1]]
    refused(call, key)


def test_the_secret_of_a_key_is_stored_nowhere(call, world):
    key = world.add_key(VIEWER)
    stored = msgspec.json.encode(world.keys.keys)
    assert key[21:].encode() not in stored
    assert key[4:20].encode() in stored


def test_the_use_of_a_key_is_noted_once_a_day(call, world, clock, monkeypatch):
    noted = []
    note = world.keys.used
    monkeypatch.setattr(world.keys, "used", lambda *day: (noted.append(day), note(*day)))
    key = world.add_key(VIEWER)
    for _ in range(3):
        call(key)
    assert len(noted) == 1
    clock.now += 86_400_000
    call(key)
    assert world.keys.find(key.split("_")[1]).used_day == clock.now // 86_400_000
    assert len(noted) == 2


@pytest.fixture
def pump(world):
    before = device("pump-7", "plant-1")
    world.registry.save(None, before, note("pump-7"))
    return before


def test_a_device_s_key_is_the_device_and_no_more(call, world, pump):
    key = world.add_key(kind=Kind.DEVICE, thing="pump-7", expires_in=None)
    assert key.startswith("fld_")
    assert principal_of(call(key)) == {
        "id": "device:pump-7",
        "kind": "device",
        "name": "pump-7",
        "grants": [{"role": "device", "scope": "device:pump-7"}],
    }


def test_the_key_of_a_decommissioned_or_unknown_device_is_refused(call, world, pump):
    key = world.add_key(kind=Kind.DEVICE, thing="pump-7", expires_in=None)
    call(key)
    refused(call, world.add_key(kind=Kind.DEVICE, thing="pump-8", expires_in=None))
    gone = msgspec.structs.replace(pump, decommissioned=True, version=2)
    assert world.registry.save(pump, gone, note("pump-7"))
    refused(call, key)
