"""People, grants and keys on the running cloud: real tokens of the pool, real cookies, the gateway's memory and all."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import struct
import time
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.cloud

JSON = {"Content-Type": "application/json"}
PASSWORD = "Correct-horse-12"
WITHIN_S = 60


class Caller:
    """Somebody at the API, with a token or key and with the cookie that he was given."""

    def __init__(self, laptop, token=None):
        self._port = laptop.instance.ports.gateway
        self.token = token
        self.cookie = None
        self.headers = {}

    def __call__(self, method, path, body=None, **headers):
        sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if self.cookie:
            sent["Cookie"] = self.cookie
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, f"/v1{path}", None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        text = answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        if "set-cookie" in self.headers:
            self.cookie = self.headers["set-cookie"].partition(";")[0]
        return answer.status, json.loads(text) if text else None

    def log_in(self, user, password):
        status, body = self("POST", "/auth/login", {"user": user, "password": password})
        self.token = (body or {}).get("access_token")
        return status, body


@pytest.fixture
def root(laptop):
    caller = Caller(laptop)
    details = laptop.details()
    assert caller.log_in(details["user"], details["password"])[0] == 200
    return caller


def mail_to(laptop, address):
    with urlopen(f"{laptop.instance.ports.aws_url}/_ministack/ses/messages", timeout=10) as answer:
        messages = [one for some in json.load(answer)["messages"].values() for one in some]
    return max((one for one in messages if address in one["To"]), key=lambda one: one["Timestamp"])["BodyText"]


@pytest.fixture
def invited(laptop, root):
    """Invites somebody, who chooses a password; gives him as a caller, and his id."""
    made = []

    def invite(name, *grants):
        address = f"{name}-{len(made)}-{time.time_ns()}@example.org"
        held = [{"role": role, "scope": scope} for role, scope in grants]
        status, user = root("POST", "/users", {"email": address, "grants": held})
        assert status == 201, user
        made.append(user["id"])
        caller = Caller(laptop)
        temporary = re.search(r"temporary password is (\S+) and", mail_to(laptop, address))[1]
        _, asked = caller.log_in(address, temporary)
        assert asked["challenge"] == "NEW_PASSWORD_REQUIRED"
        given = {name: asked[name] for name in ("challenge", "session", "user")}
        status, body = caller("POST", "/auth/challenge", {**given, "new_password": PASSWORD})
        assert status == 200, body
        caller.token, caller.address = body["access_token"], address
        return caller, user["id"]

    yield invite
    for sub in made:
        root("DELETE", f"/users/{sub}")


def test_an_invited_person_chooses_a_password_and_keeps_a_session_in_a_cookie(invited):
    eva, _ = invited("eva", ("viewer", "*"))
    assert eva("GET", "/me")[1]["name"] == eva.address
    assert eva.log_in(eva.address, PASSWORD)[0] == 200
    assert re.search("; Path=/v1/auth; Max-Age=[0-9]+; HttpOnly; SameSite=Strict$", eva.headers["set-cookie"])
    status, body = eva("POST", "/auth/refresh")
    assert status == 200
    eva.token = body["access_token"]
    assert eva("GET", "/devices")[0] == 200
    kept = eva.cookie
    assert eva("POST", "/auth/logout")[0] == 204
    eva.cookie = kept
    assert eva("POST", "/auth/refresh")[0] == 401


@pytest.mark.parametrize("by", ["cookie", "access token"])
def test_signing_out_everywhere_ends_the_sessions_of_other_browsers(laptop, invited, by):
    eva, _ = invited("eva", ("viewer", "*"))
    other, somebody = Caller(laptop), Caller(laptop)
    assert eva.log_in(eva.address, PASSWORD)[0] == other.log_in(eva.address, PASSWORD)[0] == 200
    root = laptop.details()
    assert somebody.log_in(root["user"], root["password"])[0] == 200
    if by == "cookie":
        eva.token = None
    else:
        eva.cookie = None
    assert eva("POST", "/auth/logout", {"everywhere": True}, Sec_Fetch_Site="cross-site")[0] == 403
    assert other("POST", "/auth/refresh")[0] == 200
    assert eva("POST", "/auth/logout", {"everywhere": True}) == (204, None)
    assert other("POST", "/auth/refresh")[0] == 401
    assert somebody("POST", "/auth/refresh")[0] == 200


def test_nobody_is_told_who_has_an_account(laptop, invited):
    eva, _ = invited("eva")
    stranger = Caller(laptop)
    answers = [stranger.log_in(user, "Wrong-horse-12") for user in (eva.address, "nobody@example.org")]
    for _, body in answers:
        body.pop("request_id")
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    for user in (eva.address, "nobody@example.org"):
        assert stranger("POST", "/auth/forgot", {"user": user}) == (204, None)


def test_a_reset_password_is_set_anew_by_the_code_that_was_sent(laptop, root, invited):
    eva, sub = invited("eva")
    assert root("POST", f"/users/{sub}/reset")[0] == 204
    assert eva.log_in(eva.address, PASSWORD)[0] == 401
    code = re.search(r"is ([0-9]{6})\.$", mail_to(laptop, eva.address))[1]
    wanted = {"user": eva.address, "code": code, "new_password": "Another-horse-12"}
    assert eva("POST", "/auth/reset", {**wanted, "code": "000000"})[0] == 400
    assert eva("POST", "/auth/reset", wanted)[0] == 204
    assert eva.log_in(eva.address, "Another-horse-12")[0] == 200


def test_a_second_factor_is_asked_for_once_it_is_set_up(laptop, invited):
    eva, _ = invited("eva")
    cognito = laptop.client("cognito-idp")
    secret = cognito.associate_software_token(AccessToken=eva.token)["SecretCode"]
    cognito.verify_software_token(AccessToken=eva.token, UserCode=code_of(secret))
    cognito.set_user_mfa_preference(
        AccessToken=eva.token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    _, asked = eva.log_in(eva.address, PASSWORD)
    assert asked["challenge"] == "SOFTWARE_TOKEN_MFA"
    given = {name: asked[name] for name in ("challenge", "session", "user")}
    wrong = f"{(int(code_of(secret)) + 500_000) % 10**6:06d}"
    assert eva("POST", "/auth/challenge", {**given, "code": wrong})[0] == 401
    assert eva("POST", "/auth/challenge", {**given, "code": code_of(secret)})[0] == 200


def code_of(secret):
    """RFC 6238."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time() // 30)), hashlib.sha1)
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def test_what_is_taken_away_is_refused_within_a_minute(laptop, root, invited):
    eva, eva_id = invited("eva", ("viewer", "*"))
    bob, bob_id = invited("bob", ("viewer", "*"))
    expires = time.time_ns() // 1_000_000 + 3_600_000
    wanted = {"name": "shop", "grants": [{"role": "viewer", "scope": "*"}], "expires_at": expires}
    _, made = root("POST", "/keys", wanted)
    key = Caller(laptop, made["key"])
    device = root("GET", "/devices?limit=1")[1]["items"][0]["id"]
    _, made_for_device = root("POST", f"/devices/{device}/keys", {"name": "modem"})
    modem = Caller(laptop, made_for_device["key"])
    for one in (eva, bob, key):
        assert one("GET", "/devices")[0] == 200
    assert modem("GET", "/me")[1]["id"] == f"device:{device}"
    assert modem("GET", "/devices")[0] == 403

    root("GET", f"/users/{eva_id}/grants")
    assert root("PUT", f"/users/{eva_id}/grants", {"grants": []}, If_Match=root.headers["etag"])[0] == 200
    assert root("PATCH", f"/users/{bob_id}", {"enabled": False})[0] == 200
    assert root("DELETE", f"/keys/{made['id']}")[0] == 204
    assert root("DELETE", f"/devices/{device}/keys/{made_for_device['id']}")[0] == 204
    began = time.monotonic()
    left = {"eva": (eva, 403), "bob": (bob, 401), "key": (key, 401), "modem": (modem, 401)}
    while left:
        assert time.monotonic() - began < WITHIN_S, f"still let in: {sorted(left)}"
        left = {name: (one, status) for name, (one, status) in left.items() if one("GET", "/devices")[0] != status}
        if left:
            time.sleep(1)
    assert bob.log_in(bob.address, PASSWORD)[0] == 401


def test_the_instance_s_own_administrator_cannot_be_taken_away(root):
    me = root("GET", "/me")[1]["id"].removeprefix("user:")
    assert root("PATCH", f"/users/{me}", {"enabled": False})[0] == 409
    assert root("DELETE", f"/users/{me}")[0] == 409
    assert root("GET", "/users")[0] == 200
