import json


def expire(document):
    document["tokens"]["expires_at"] = 1


def test_an_expired_token_is_renewed_before_it_is_used_and_the_new_one_kept(run, signed_in, edit_profile):
    edit_profile(expire)
    run("whoami")
    run("whoami")
    (refreshed,) = signed_in.cognito_calls("InitiateAuth")
    assert refreshed["AuthFlow"] == "REFRESH_TOKEN_AUTH"
    assert refreshed["AuthParameters"] == {"REFRESH_TOKEN": "refresh-1"}
    assert [one.headers["authorization"] for one in signed_in.calls("/v1/me")] == ["Bearer access-2"] * 2


def test_a_token_about_to_expire_is_renewed(run, signed_in, edit_profile):
    signed_in.expires_in = 59
    edit_profile(expire)
    run("whoami")
    run("whoami")
    assert len(signed_in.cognito_calls("InitiateAuth")) == 2


def test_a_refresh_keeps_the_refresh_token_unless_the_pool_rotates_it(run, signed_in, edit_profile, config_dir):
    def kept():
        return json.loads((config_dir / "profiles" / "default.json").read_text())["tokens"]["refresh"]

    edit_profile(expire)
    run("whoami")
    assert kept() == "refresh-1"
    edit_profile(expire)
    signed_in.script("/cognito/", signed_in.grant(with_refresh=True))
    run("whoami")
    assert kept() == "refresh-3"


def test_a_token_that_the_api_no_longer_accepts_is_renewed_once(run, signed_in):
    signed_in.good_tokens = {"access-x"}
    run("whoami")
    assert len(signed_in.calls("/v1/me")) == 2
    assert len(signed_in.cognito_calls("InitiateAuth")) == 1


def test_a_token_refused_even_after_renewal_ends_in_one_error(run, signed_in, says):
    signed_in.script("/v1/me", *[says(401, {"message": "Unauthorized"})] * 5)
    assert "fieldline login" in run("whoami", fails=3).stderr
    assert len(signed_in.calls("/v1/me")) == 2


def test_a_session_that_has_ended_names_the_command_that_starts_a_new_one(run, signed_in, edit_profile):
    signed_in.good_refresh_tokens.clear()
    edit_profile(expire)
    stderr = run("whoami", fails=3).stderr
    assert f"has ended. Run `fieldline login {signed_in.api}`." in stderr


def test_without_a_sign_in_nothing_is_asked(run, deployment):
    assert "Not signed in" in run("devices", "list", fails=3).stderr
    assert "--profile prod" in run("devices", "list", "--profile", "prod", fails=3).stderr


def test_a_damaged_profile_is_named_and_a_new_sign_in_mends_it(run, signed_in, config_dir):
    path = config_dir / "profiles" / "default.json"
    path.write_text("{")
    assert "default.json" in run("whoami", fails=3).stderr
    run("login", signed_in.api, "--user", "ada", "--password-stdin", stdin="correct horse\n")
    run("whoami")
