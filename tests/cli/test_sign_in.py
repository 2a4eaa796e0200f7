import json
import stat
import sys

import pytest


def login(run, deployment, *args, **kwargs):
    return run("login", deployment.api, "--user", "ada", *args, **kwargs)


def test_a_sign_in_is_kept_and_used(run, deployment):
    result = login(run, deployment, "--password-stdin", stdin="correct horse\n")
    assert result.stdout == f"Signed in to {deployment.api} as ada (profile default).\n"
    assert json.loads(run("whoami", "--json").stdout) == deployment.me


def test_whoami_tells_a_person_the_roles_and_the_deployment(run, signed_in):
    shown = run("whoami").stdout
    for part in ("ada", "viewer", "default", signed_in.api, "token ends"):
        assert part in shown


def test_the_wire_format_is_the_one_of_cognito(run, deployment):
    login(run, deployment, "--password-stdin", stdin="correct horse\n")
    (asked,) = deployment.calls("/cognito/")
    assert asked.headers["content-type"] == "application/x-amz-json-1.1"
    assert asked.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.InitiateAuth"
    assert "authorization" not in asked.headers
    assert json.loads(asked.body) == {
        "ClientId": "client-1",
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": "correct horse"},
    }


def test_name_and_password_are_asked_for_and_the_password_is_not_shown(run, deployment):
    result = run("login", deployment.api, stdin="ada\ncorrect horse\n")
    assert "Signed in" in result.stdout
    assert "correct horse" not in result.output


def test_without_a_terminal_the_way_out_is_named(run, deployment):
    result = run("login", deployment.api, "--user", "ada", stdin="", fails=2)
    assert "--password-stdin" in result.stderr


def test_an_empty_password_on_stdin_is_refused(run, deployment):
    assert "got nothing" in login(run, deployment, "--password-stdin", stdin="\n", fails=2).stderr


def test_a_password_that_is_no_text_is_refused(run, deployment):
    assert "UTF-8" in login(run, deployment, "--password-stdin", stdin=b"\xff\n", fails=2).stderr


def test_a_password_may_begin_or_end_with_blanks(run, deployment):
    deployment.users["ada"] = " both sides "
    login(run, deployment, "--password-stdin", stdin=" both sides \r\n")


def test_a_wrong_password_says_so_and_keeps_nothing(run, deployment, config_dir):
    result = login(run, deployment, "--password-stdin", stdin="wrong\n", fails=3)
    assert result.stderr == "error: Sign-in refused: Incorrect username or password.\n"
    assert not config_dir.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_tokens_are_readable_by_their_user_only(run, signed_in, config_dir):
    path = config_dir / "profiles" / "default.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_password_is_not_kept(run, signed_in, config_dir):
    assert "correct horse" not in (config_dir / "profiles" / "default.json").read_text()


def test_a_temporary_password_is_replaced_on_the_spot(run, deployment):
    deployment.temporary.add("ada")
    result = run("login", deployment.api, "--user", "ada", stdin="correct horse\nmy own\nmy own\n")
    assert "Signed in" in result.stdout
    assert deployment.users["ada"] == "my own"


def test_a_new_password_that_the_policy_refuses_is_asked_for_again(run, deployment):
    deployment.temporary.add("ada")
    deployment.policy = "Password not long enough"
    result = run("login", deployment.api, "--user", "ada", stdin="correct horse\na\na\nlonger\nlonger\n")
    assert "Password not long enough" in result.stderr
    assert deployment.users["ada"] == "longer"


def test_a_temporary_password_from_a_script_is_an_error_that_tells_what_to_do(run, deployment):
    deployment.temporary.add("ada")
    result = login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=3)
    assert "new password" in result.stderr


def test_a_challenge_that_cannot_be_answered_is_named(run, deployment):
    deployment.challenge = "SMS_MFA"
    result = login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=1)
    assert "SMS_MFA" in result.stderr


def test_the_code_of_an_authenticator_app_is_asked_for(run, deployment):
    deployment.codes["ada"] = "123456"
    result = run("login", deployment.api, "--user", "ada", stdin="correct horse\n000000\n 123456 \n")
    assert "Signed in" in result.stdout
    assert "the app shows now" in result.stderr


def test_a_script_gives_the_code(run, deployment):
    deployment.codes["ada"] = "123456"
    assert "give --code" in login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=3).stderr
    login(run, deployment, "--password-stdin", "--code", "000000", stdin="correct horse\n", fails=3)
    login(run, deployment, "--password-stdin", "--code", "123456", stdin="correct horse\n")


def test_after_three_wrong_codes_nobody_is_signed_in(run, deployment):
    deployment.codes["ada"] = "123456"
    result = run("login", deployment.api, "--user", "ada", stdin="correct horse\n1\n2\n3\n", fails=3)
    assert "not signed in" in result.stderr


def test_a_temporary_password_may_be_followed_by_a_code(run, deployment):
    deployment.temporary.add("ada")
    deployment.codes["ada"] = "123456"
    result = run("login", deployment.api, "--user", "ada", stdin="correct horse\nmy own\nmy own\n123456\n")
    assert "Signed in" in result.stdout


@pytest.mark.parametrize(
    ("kind", "exit_code", "words"),
    [
        ("UserNotFoundException", 3, "refused"),
        ("com.amazonaws.cognito#NotAuthorizedException", 3, "refused"),
        ("PasswordResetRequiredException", 3, "reset"),
        ("UserNotConfirmedException", 3, "not confirmed"),
        ("TooManyRequestsException", 7, "throttled"),
        ("InvalidParameterException", 1, "InvalidParameterException"),
    ],
)
def test_each_refusal_of_cognito_has_its_exit_code(run, deployment, says, kind, exit_code, words):
    deployment.script("/cognito/", says(400, {"__type": kind, "message": "no."}))
    assert words in login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=exit_code).stderr


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", {}, {"AuthenticationResult": {"AccessToken": "", "ExpiresIn": 1}}, {"AuthenticationResult": 3}],
)
def test_an_answer_that_cognito_would_not_give_is_a_server_fault(run, deployment, says, body):
    deployment.script("/cognito/", says(200, body))
    login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=8)


def test_an_address_that_is_no_fieldline_api_is_recognised_before_the_password_is_sent(run, deployment, says):
    deployment.script("/v1/sign-in", says(200, b"<html>welcome</html>"))
    assert "Fieldline API" in login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=8).stderr
    assert not deployment.calls("/cognito/")


def test_a_sign_in_document_without_its_fields_is_a_server_fault(run, deployment):
    del deployment.sign_in["client_id"]
    assert "client_id" in login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=8).stderr


def test_plain_http_to_another_machine_is_refused(run):
    result = run("login", "http://fieldline.example/v1", "--user", "ada", "--password-stdin", stdin="x\n", fails=2)
    assert "https://" in result.stderr


def test_the_password_goes_nowhere_unencrypted_even_if_the_api_says_so(run, deployment):
    deployment.sign_in["endpoint"] = "http://cognito.example/"
    result = login(run, deployment, "--password-stdin", stdin="correct horse\n", fails=2)
    assert "must not be sent" in result.stderr


def test_profiles_stand_side_by_side(run, signed_in):
    signed_in.users["bob"] = "staple"
    run("login", signed_in.api, "--user", "bob", "--password-stdin", "--profile", "prod", stdin="staple\n")
    assert "default" in run("whoami").stdout
    assert "prod" in run("whoami", "--profile", "prod").stdout
    assert "prod" in run("whoami", env={"FIELDLINE_PROFILE": "prod"}).stdout


def test_signing_in_elsewhere_under_the_same_profile_tells_what_was_replaced(run, signed_in, edit_profile):
    edit_profile(lambda document: document.update(api="https://other.example/v1"))
    result = login(run, signed_in, "--password-stdin", stdin="correct horse\n")
    assert "was for https://other.example/v1 before" in result.stderr


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "UPPER", ".hidden", "a" * 64])
def test_a_profile_name_cannot_leave_its_directory(run, deployment, name):
    result = login(run, deployment, "--password-stdin", "--profile", name, stdin="correct horse\n", fails=2)
    assert "profile" in result.stderr
    assert not deployment.asked


def test_logout_ends_the_session_and_forgets_it(run, signed_in, config_dir):
    assert signed_in.good_refresh_tokens
    result = run("logout")
    assert (result.stdout, result.stderr) == ("Signed out (profile default).\n", "")
    assert not signed_in.good_refresh_tokens
    assert list((config_dir / "profiles").iterdir()) == []
    assert "Not signed in" in run("whoami", fails=3).stderr


def test_logout_forgets_the_tokens_even_if_the_deployment_is_gone(run, signed_in, edit_profile):
    edit_profile(lambda document: document["sign_in"].update(endpoint="http://127.0.0.1:1/"))
    result = run("logout")
    assert "Signed out" in result.stdout
    assert "could not be ended" in result.stderr
    run("whoami", fails=3)


def test_logout_all_forgets_every_profile(run, signed_in, config_dir):
    run("login", signed_in.api, "--user", "ada", "--password-stdin", "-p", "prod", stdin="correct horse\n")
    assert run("logout", "--all").stdout == "Signed out (profile default).\nSigned out (profile prod).\n"


def test_logout_everywhere_ends_the_sessions_of_other_machines_too(run, signed_in):
    signed_in.good_refresh_tokens.add("of another machine")
    assert run("logout", "--everywhere").stdout == "Signed out everywhere (profile default).\n"
    assert not signed_in.good_refresh_tokens


def test_logout_everywhere_keeps_the_tokens_where_it_could_not_be_done(run, signed_in, edit_profile):
    edit_profile(lambda document: document["sign_in"].update(endpoint="http://127.0.0.1:1/"))
    assert "Signed out" not in run("logout", "--everywhere", fails=6).stdout
    run("whoami")


def test_logout_everywhere_with_a_session_that_has_ended_says_so(run, signed_in):
    signed_in.good_refresh_tokens.clear()
    assert "Signed out" not in run("logout", "--everywhere", fails=3).stdout


def test_logout_without_a_sign_in_is_no_error(run):
    assert run("logout").stdout == "Nothing to sign out of.\n"


@pytest.mark.parametrize(
    "args", [[], ["https://a.example/v1", "--local"], ["https://a.example/v1", "--port", "8420"], ["--port", "8420"]]
)
def test_where_to_sign_in_must_be_said_once(run, args):
    run("login", *args, fails=2)


@pytest.fixture
def laptop(tmp_path, monkeypatch, deployment):
    """A directory with laptop clouds; gives the function that makes one."""
    (tmp_path / "work" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "deep")

    def make(port, password="correct horse"):
        directory = tmp_path / "work" / ".local" / str(port)
        directory.mkdir(parents=True)
        document = {"api": deployment.api, "user": "ada", "password": password, "mqtt": "localhost:1", "more": [1]}
        (directory / "instance.json").write_text(json.dumps(document))

    return make


def test_the_laptop_cloud_needs_no_address_name_or_password(run, deployment, laptop):
    laptop(8420)
    assert "as ada" in run("login", "--local").stdout
    assert json.loads(run("whoami", "--json").stdout) == deployment.me


def test_several_laptop_clouds_are_told_apart_by_port(run, laptop):
    laptop(8420)
    laptop(8520, password="wrong")
    assert "8420, 8520" in run("login", "--local", fails=2).stderr
    run("login", "--local", "--port", "8420")
    run("login", "--local", "--port", "8520", fails=3)
    assert "8420, 8520" in run("login", "--local", "--port", "9000", fails=2).stderr


def test_no_laptop_cloud_names_the_command_that_starts_one(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "fieldline local up" in run("login", "--local", fails=2).stderr


def test_a_damaged_instance_file_is_named(run, laptop, tmp_path):
    laptop(8420)
    (tmp_path / "work" / ".local" / "8420" / "instance.json").write_text('{"api": 3}')
    assert "instance.json" in run("login", "--local", fails=2).stderr


def test_an_instance_file_that_names_another_machine_is_refused(run, laptop, tmp_path):
    laptop(8420)
    document = {"api": "https://evil.example/v1", "user": "ada", "password": "x"}
    (tmp_path / "work" / ".local" / "8420" / "instance.json").write_text(json.dumps(document))
    assert "another machine" in run("login", "--local", "--user", "bob", stdin="secret\n", fails=2).stderr


def test_another_user_of_the_laptop_cloud_is_asked_for_a_password(run, deployment, laptop):
    laptop(8420)
    deployment.users["bob"] = "staple"
    assert "as bob" in run("login", "--local", "--user", "bob", stdin="staple\n").stdout
