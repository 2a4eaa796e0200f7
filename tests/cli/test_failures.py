"""What each kind of trouble on the way looks like: one or two sentences, and an exit code of its own."""

import json

import pytest

from cli.http import Http


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 1), (401, 3), (403, 5), (404, 4), (429, 7), (500, 8), (503, 8), (302, 1)]
)
def test_each_status_has_its_exit_code(run, signed_in, says, status, exit_code):
    body = {"title": "T", "detail": "What is wrong", "request_id": "r-7"}
    signed_in.script("/v1/me", *[says(status, body, {"retry-after": "0"})] * 5)
    stderr = run("whoami", fails=exit_code).stderr
    assert stderr.startswith("error: What is wrong.")
    assert "r-7" in stderr
    assert len(stderr.splitlines()) == 1


def test_the_request_id_of_the_gateway_is_shown_where_the_body_has_none(run, signed_in, says):
    signed_in.script("/v1/me", says(403, b"", {"x-amzn-requestid": "gw-1"}))
    assert "(request gw-1)" in run("whoami", fails=5).stderr


def test_a_redirect_is_not_followed_with_the_token(run, signed_in, says):
    signed_in.script("/v1/me", says(302, b"", {"location": f"{signed_in.url}/elsewhere"}))
    run("whoami", fails=1)
    assert not signed_in.calls("/elsewhere")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_asked_again(run, signed_in, says, status):
    signed_in.script("/v1/me", *[says(status, b"", {"retry-after": "0"})] * 2)
    assert json.loads(run("whoami", "--json").stdout) == signed_in.me


def test_what_does_not_pass_is_asked_three_times(run, signed_in, says):
    signed_in.script("/v1/me", *[says(429, b"", {"retry-after": "0"})] * 9)
    run("whoami", fails=7)
    assert len(signed_in.calls("/v1/me")) == 3


def test_without_a_wish_of_the_server_the_pause_doubles(deployment, says):
    paused = []
    deployment.script("/x", *[says(503)] * 9)
    with Http(timeout_s=10, sleep=paused.append) as http:
        assert http.get(f"{deployment.url}/x").status == 503
    assert paused == [0.3, 0.6]


def test_what_changes_something_is_sent_once(deployment, says):
    deployment.script("/x", *[says(503)] * 9)
    with Http(timeout_s=10, sleep=pytest.fail) as http:
        assert http.post(f"{deployment.url}/x", b"", {}).status == 503


def test_a_wait_that_is_too_long_is_not_waited_for(run, signed_in, says):
    signed_in.script("/v1/me", says(429, b"", {"retry-after": "3600"}))
    run("whoami", fails=7)
    assert len(signed_in.calls("/v1/me")) == 1


def test_a_failure_that_will_not_pass_is_not_asked_again(run, signed_in, says):
    signed_in.script("/v1/me", says(500))
    run("whoami", fails=8)
    assert len(signed_in.calls("/v1/me")) == 1


def test_nobody_there_names_the_address(run):
    result = run("login", "http://127.0.0.1:1", "--user", "ada", "--password-stdin", stdin="x\n", fails=6)
    assert "Cannot reach 127.0.0.1:1" in result.stderr


def test_a_name_that_does_not_resolve_is_unreachable(run):
    result = run(
        "login",
        "https://nowhere.invalid",
        "-u",
        "a",
        "--password-stdin",
        stdin="x\n",
        env={"HTTP_PROXY": None},
        fails=6,
    )
    assert "nowhere.invalid" in result.stderr


def test_a_slow_answer_names_the_setting(run, signed_in, says):
    signed_in.script("/v1/me", says(body={}, after_s=1))
    assert "FIELDLINE_TIMEOUT_S" in run("whoami", env={"FIELDLINE_TIMEOUT_S": "0.1"}, fails=6).stderr


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_none_is_refused(run, signed_in, text):
    assert "FIELDLINE_TIMEOUT_S" in run("whoami", env={"FIELDLINE_TIMEOUT_S": text}, fails=2).stderr


def test_a_connection_that_breaks_is_unreachable(run, signed_in, says):
    signed_in.script("/v1/me", says(0))
    run("whoami", fails=6)


def test_an_answer_cut_short_is_unreachable(run, signed_in, says):
    signed_in.script("/v1/me", says(200, b'{"sub":', {"content-length": "100", "connection": "close"}, after_s=0))
    run("whoami", env={"FIELDLINE_TIMEOUT_S": "0.5"}, fails=6)


def test_errors_go_to_standard_error_only(run, signed_in, says):
    signed_in.script("/v1/me", says(500))
    assert run("whoami", fails=8).stdout == ""


def test_a_hostile_problem_cannot_command_the_terminal(run, signed_in, says):
    signed_in.script("/v1/me", says(400, {"detail": "\x1b]0;owned\x07[bold]x"}))
    stderr = run("whoami", fails=1).stderr
    assert "\x1b" not in stderr
    assert "[bold]x" in stderr
