"""Models stored from files, against the real API's code."""

import json

import pytest

from contract import models
from contract.models import shipped
from functions.adapters.clock import SystemClock
from tests.functions.api_harness import api_harness, person


@pytest.fixture
def platform(signed_in, says):
    api = api_harness(SystemClock(), who=person("admin", name="ada"))

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        sent = asked.body.decode() or None
        status, document = api.call(asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=sent)
        headers = {name: api.headers[name] for name in ("Content-Type", "ETag") if name in api.headers}
        return says(status, ("" if document is None else json.dumps(document)).encode(), headers)

    signed_in.authorized = authorized
    return api


@pytest.fixture
def file(tmp_path):
    def write(name="tracker", **changed):
        document = json.loads(models.encode(shipped()["tracker"])) | {"fieldline:name": name} | changed
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        return path

    return write


def words(result):
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def test_a_model_is_stored_once_it_is_seen_what_changes(run, platform, file):
    assert words(run("models", "apply", file())) == ["tracker: unchanged"]
    changed = file(title="Trailer tracker", version={"model": "9.0.0"})
    title = shipped()["tracker"].title
    shown = words(run("models", "apply", changed, "--dry-run"))
    assert shown[0] == "~ tracker: Trailer tracker"
    assert f"~ title: {title} → Trailer tracker" in shown
    assert platform.rules.models.kept == {}
    assert words(run("models", "apply", changed, "--yes"))[-1] == "Stored tracker."
    assert words(run("models", "apply", changed, "--yes")) == ["tracker: unchanged"]
    assert words(run("models", "apply", file(title="Cart"), file("boiler"), "--yes"))[-2:] == [
        "Stored tracker.",
        "Stored boiler.",
    ]
    lines = words(run("models", "history", "tracker"))
    assert [line.split()[0] for line in lines[2:]] == ["2", "1"]
    assert json.loads(run("models", "history", "tracker", "--json").stdout)["items"][1]["document"]["version"] == {
        "model": "9.0.0"
    }


def test_a_version_that_says_it_is_none_is_remarked(run, platform, file):
    done = run("models", "apply", file(title="Cart"), "--yes")
    assert "still" in done.stderr


def test_what_would_break_rules_is_refused_unless_forced(run, platform, file):
    metric = next(iter(shipped()["tracker"].metrics))
    rule = {
        "rule": "r",
        "scope": "model:tracker",
        "severity": "info",
        "when": {"no_data": True, "metric": metric, "for": "1h"},
    }
    assert platform.call("POST", "/rules", body={"document": rule})[0] == 201
    other = {"other": {"title": "Other", "type": "number", "unit": "1"}}
    changed = file(properties=other, actions={}, **{"fieldline:rules": {}})
    assert "r: " in run("models", "apply", changed, "--yes", fails=9).stderr
    assert words(run("models", "apply", changed, "--yes", "--force"))[-1] == "Stored tracker."


def test_a_stored_model_is_deleted_and_the_shipped_one_stands_again(run, platform, file):
    run("models", "apply", file(title="Cart"), file("boiler"), "--yes")
    assert words(run("models", "delete", "tracker", "--yes")) == ["Deleted tracker."]
    assert json.loads(run("models", "show", "tracker", "--json").stdout)["title"] == shipped()["tracker"].title
    run("models", "delete", "boiler", "-y")
    assert run("models", "show", "boiler", fails=4)
    assert words(run("models", "history", "boiler"))[2:]


def test_a_model_that_is_as_it_is_shipped_or_is_none_is_not_deleted(run, platform):
    assert "can be replaced, but not deleted" in run("models", "delete", "tracker", "--yes", fails=9).stderr
    assert run("models", "delete", "never", "--yes", fails=4)


def test_a_model_is_deleted_only_on_a_yes_and_as_it_was_read(run, platform, file, monkeypatch):
    run("models", "apply", file(title="Cart"), "--yes")
    assert "--yes" in run("models", "delete", "tracker", fails=2).stderr
    changed = file(title="Trailer")

    def changed_meanwhile(question):
        assert question == "Delete tracker?"
        run("models", "apply", changed, "--yes")
        return True

    monkeypatch.setattr("cli.commands.models.confirmed", changed_meanwhile)
    assert "changed meanwhile" in run("models", "delete", "tracker", fails=9).stderr
    assert platform.rules.models.find("tracker") is not None


def test_a_model_with_devices_is_deleted_only_by_force(run, platform, file):
    run("models", "apply", file("boiler"), "--yes")
    platform.register("boiler-1", "plant-1", "boiler")
    assert "boiler-1" in run("models", "delete", "boiler", "--yes", fails=9).stderr
    assert words(run("models", "delete", "boiler", "--yes", "--force")) == ["Deleted boiler."]


def test_a_file_that_is_no_model_is_refused_before_anything_is_asked(run, platform, file, tmp_path):
    assert "intervalMs" in run("models", "apply", file(**{"fieldline:intervalMs": 0}), fails=2).stderr
    assert run("models", "apply", tmp_path / "never.json", fails=2)
    assert "--yes" in run("models", "apply", file(title="Cart"), fails=2).stderr
