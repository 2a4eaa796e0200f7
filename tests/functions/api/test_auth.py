"""Signing in through the API: what a browser keeps, what other pages cannot do, and what nobody is told."""

import pytest

from functions.adapters.memory_principals import MemorySignIns
from functions.errors import PrincipalsError, RateLimitError
from tests.functions.browser import JSON, PASSWORD, Browser


@pytest.fixture
def sign_ins():
    it = MemorySignIns()
    it.passwords["ann@example.org"] = PASSWORD
    return it


@pytest.fixture
def browser(sign_ins):
    return Browser(sign_ins)


def test_a_password_gives_an_access_token_and_the_refresh_token_only_as_a_cookie(browser, sign_ins):
    status, body = browser.log_in(" Ann@Example.org ")
    assert (status, body) == (
        200,
        {"outcome": "signed-in", "access_token": "access-1-ann@example.org", "expires_in": 900, "token_type": "Bearer"},
    )
    assert browser.answer_headers["Set-Cookie"] == (
        "fieldline_refresh=refresh-1; Path=/v1/auth; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"
    )
    assert browser.answer_headers["Cache-Control"] == "no-store"


def test_only_a_laptop_s_cookie_is_not_secure(sign_ins):
    browser = Browser(sign_ins, secure=False)
    browser.log_in()
    assert browser.answer_headers["Set-Cookie"].endswith("; HttpOnly; SameSite=Strict")


def test_the_cookie_gives_new_access_tokens_until_the_session_ends(browser, sign_ins):
    assert browser.post("/auth/refresh")[0] == 401
    browser.log_in()
    status, body = browser.post("/auth/refresh")
    assert (status, body["access_token"]) == (200, "access-2-ann@example.org")
    assert "Set-Cookie" not in browser.answer_headers
    kept = browser.cookie
    assert browser.post("/auth/logout") == (204, None)
    assert browser.answer_headers["Set-Cookie"] == (
        "fieldline_refresh=; Path=/v1/auth; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
    )
    browser.cookie = kept
    assert browser.post("/auth/refresh")[0] == 401


def test_where_the_pool_rotates_each_refresh_gives_another_cookie(sign_ins):
    sign_ins = MemorySignIns(rotates=True)
    sign_ins.passwords["ann@example.org"] = PASSWORD
    browser = Browser(sign_ins)
    browser.log_in()
    first = browser.cookie
    assert browser.post("/auth/refresh")[0] == 200
    assert browser.cookie != first
    assert browser.post("/auth/refresh")[0] == 200
    browser.cookie = first
    assert browser.post("/auth/refresh")[0] == 401


@pytest.fixture
def elsewhere(sign_ins):
    """Another browser of hers, and one of somebody else."""
    sign_ins.passwords["bob@example.org"] = PASSWORD
    hers, his = Browser(sign_ins), Browser(sign_ins)
    hers.log_in()
    his.log_in("bob@example.org")
    return hers, his


def bearing(token):
    return {**JSON, "Authorization": f"Bearer {token}"}


EVERYWHERE = {"everywhere": True}


def test_signing_out_everywhere_ends_every_session_of_a_person_and_nobody_else_s(browser, elsewhere):
    hers, his = elsewhere
    browser.log_in()
    assert browser.post("/auth/logout", EVERYWHERE) == (204, None)
    assert browser.answer_headers["Set-Cookie"].startswith("fieldline_refresh=; ")
    assert browser.cookie is None
    assert hers.post("/auth/refresh")[0] == 401
    assert his.post("/auth/refresh")[0] == 200


def test_an_access_token_alone_signs_out_everywhere(browser, elsewhere):
    hers, his = elsewhere
    _, signed_in = browser.log_in()
    browser.cookie = None
    assert browser.post("/auth/logout", EVERYWHERE, bearing(signed_in["access_token"])) == (204, None)
    assert (hers.post("/auth/refresh")[0], his.post("/auth/refresh")[0]) == (401, 200)


def test_where_the_access_token_has_ended_the_cookie_does(browser, elsewhere):
    hers, _ = elsewhere
    browser.log_in()
    assert browser.post("/auth/logout", EVERYWHERE, bearing("ended"))[0] == 204
    assert hers.post("/auth/refresh")[0] == 401


@pytest.mark.parametrize(
    "headers", [JSON, bearing("ended"), bearing("x" * 9000), {**JSON, "Authorization": "Basic eA=="}]
)
def test_without_either_nobody_is_signed_out(browser, elsewhere, headers):
    hers, his = elsewhere
    browser.cookie = "fieldline_refresh=ended"
    status, problem = browser.post("/auth/logout", EVERYWHERE, headers)
    assert (status, problem["type"]) == (401, "urn:fieldline:problem:unauthorized")
    assert "Set-Cookie" not in browser.answer_headers
    assert (hers.post("/auth/refresh")[0], his.post("/auth/refresh")[0]) == (200, 200)


@pytest.mark.parametrize("body", [None, {}, {"everywhere": False}])
def test_signing_out_is_of_this_session_alone_unless_more_is_asked_for(browser, elsewhere, body):
    browser.log_in()
    assert browser.post("/auth/logout", body) == (204, None)
    assert elsewhere[0].post("/auth/refresh")[0] == 200


@pytest.mark.parametrize("body", [{"everywhere": "yes"}, {"everywhere": 1}, {"all": True}, []])
def test_what_else_is_asked_for_is_refused(browser, elsewhere, body):
    browser.log_in()
    assert browser.post("/auth/logout", body)[0] == 400
    assert elsewhere[0].post("/auth/refresh")[0] == 200
    assert browser.post("/auth/refresh")[0] == 200


def test_logging_out_without_a_session_is_no_error(browser):
    assert browser.post("/auth/logout") == (204, None)


@pytest.mark.parametrize(
    "cookie", ["fieldline_refresh=a; fieldline_refresh=b", f"fieldline_refresh={'x' * 4097}", "x=y"]
)
def test_a_cookie_that_is_not_ours_is_none(browser, cookie):
    browser.cookie = cookie
    assert browser.post("/auth/refresh")[0] == 401


def test_a_temporary_password_is_exchanged_and_then_the_code_is_asked_for(browser, sign_ins):
    sign_ins.temporary.add("ann@example.org")
    sign_ins.factors["ann@example.org"] = "123456"
    _, asked = browser.log_in()
    assert asked == {
        "outcome": "challenge",
        "challenge": "NEW_PASSWORD_REQUIRED",
        "session": "session-of-ann@example.org",
        "user": "ann@example.org",
    }
    assert browser.cookie is None
    given = {name: asked[name] for name in ("challenge", "session", "user")}
    _, asked = browser.post("/auth/challenge", {**given, "new_password": "another Horse 2"})
    assert asked["challenge"] == "SOFTWARE_TOKEN_MFA"
    given = {name: asked[name] for name in ("challenge", "session", "user")}
    assert browser.post("/auth/challenge", {**given, "code": "000000"})[0] == 401
    status, body = browser.post("/auth/challenge", {**given, "code": "123456"})
    assert (status, body["outcome"]) == (200, "signed-in")
    assert browser.cookie


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, "new_password"),
        ({"code": "123456"}, "new_password"),
        ({"new_password": "short 1A"}, "new_password"),
        ({"new_password": "no capital 12345"}, "new_password"),
        ({"new_password": "NoDigitHere-----"}, "new_password"),
        ({"new_password": "NoSymbolHere1234"}, "new_password"),
        ({"new_password": PASSWORD}, "new_password"),
        ({"challenge": "CUSTOM_CHALLENGE"}, "challenge"),
        ({"new_password": "another Horse 2", "groups": "admin"}, "groups"),
    ],
)
def test_an_answer_that_does_not_fit_says_what_is_wrong(browser, sign_ins, more, field):
    sign_ins.temporary.add("ann@example.org")
    browser.log_in()
    asked = {"challenge": "NEW_PASSWORD_REQUIRED", "session": "session-of-ann@example.org", "user": "ann@example.org"}
    status, problem = browser.post("/auth/challenge", {**asked, **more})
    assert (status, problem["field"]) == (400, field)
    assert "Horse" not in str(problem)


def test_nobody_is_told_who_has_an_account(browser, sign_ins):
    sign_ins.codes["ann@example.org"] = "654321"

    def wrong(user):
        asked = {"challenge": "NEW_PASSWORD_REQUIRED", "session": "x", "user": user, "new_password": "another Horse 2"}
        return [
            browser.log_in(user, "wrong Horse 1"),
            browser.post("/auth/challenge", asked),
            browser.post("/auth/forgot", {"user": user}),
            browser.post("/auth/reset", {"user": user, "code": "000000", "new_password": "another Horse 2"}),
        ]

    assert wrong("ann@example.org") == wrong("nobody@example.org")
    assert [status for status, _ in wrong("nobody@example.org")] == [401, 401, 204, 400]


def test_a_forgotten_password_is_set_anew_by_the_code(browser, sign_ins):
    assert browser.post("/auth/forgot", {"user": "ANN@example.org"}) == (204, None)
    wanted = {"user": "ann@example.org", "code": "654321", "new_password": "another Horse 2"}
    assert browser.post("/auth/reset", {**wanted, "new_password": "weak"})[1]["field"] == "new_password"
    assert browser.post("/auth/reset", wanted) == (204, None)
    assert browser.log_in()[0] == 401
    assert browser.log_in(password="another Horse 2")[0] == 200


EVERY = [
    ("/auth/login", {"user": "ann@example.org", "password": PASSWORD}),
    (
        "/auth/challenge",
        {"challenge": "SOFTWARE_TOKEN_MFA", "session": "x", "user": "ann@example.org", "code": "123456"},
    ),
    ("/auth/refresh", None),
    ("/auth/logout", None),
    ("/auth/logout", EVERYWHERE),
    ("/auth/forgot", {"user": "ann@example.org"}),
    ("/auth/reset", {"user": "ann@example.org", "code": "654321", "new_password": "another Horse 2"}),
]


@pytest.mark.parametrize(("path", "body"), EVERY)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_origin_does_nothing(browser, sign_ins, path, body, headers):
    browser.log_in()
    assert browser.post(path, body, {**JSON, **headers})[0] == 403
    assert sign_ins.live
    for own in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://app.example"}, {"Sec-Fetch-Site": "none"}, {}):
        assert browser.post(path, body, {**JSON, **own})[0] != 403


@pytest.mark.parametrize(("origin", "status"), [("https://d1.cloudfront.net", 200), ("https://evil.example", 403)])
def test_behind_cloudfront_the_host_that_was_asked_is_the_page_s(browser, origin, status):
    """The host that API Gateway is called by is its own, and an old browser says its origin alone."""
    browser.log_in()
    behind = {"Host": "abc.execute-api.eu-west-1.amazonaws.com", "X-Forwarded-Host": "d1.cloudfront.net"}
    assert browser.post("/auth/refresh", None, {**JSON, **behind, "Origin": origin})[0] == status


@pytest.mark.parametrize(("path", "body"), EVERY)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_could_send_is_refused(browser, sign_ins, path, body, kind):
    browser.log_in()
    assert browser.post(path, body, {"Content-Type": kind} if kind else {})[0] == 415
    assert sign_ins.live


@pytest.mark.parametrize(("path", "body"), [(path, body) for path, body in EVERY if body])
def test_unknown_fields_are_refused(browser, path, body):
    status, problem = browser.post(path, {**body, "client_metadata": {"role": "admin"}})
    assert (status, problem["field"]) == (400, "client_metadata")


@pytest.mark.parametrize(("error", "status"), [(RateLimitError("busy", 2), 429), (PrincipalsError("down"), 503)])
def test_a_busy_or_silent_service_is_told_with_when_to_ask_again(browser, sign_ins, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(sign_ins, "log_in", fail)
    assert browser.log_in()[0] == status
    assert int(browser.answer_headers["Retry-After"]) >= 1
