"""A folder of rules: what is read of it, in which order, and that one file's faults hide no other's."""

import pytest

from contract import models
from contract.errors import RuleError
from contract.rules.folder import load, load_trials

RULE = '{{rule: {0}, scope: "*", severity: info, when: {{metric: t, above: 1}}}}\n'


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_rules_and_tests_are_found_in_all_folders_below(folder):
    path = folder(
        b_yaml=RULE.format("b"),
        a__z_yml=RULE.format("z"),
        a__y_json='{"rule": "y", "scope": "*", "severity": "info", "when": {"metric": "t", "above": 1}}',
        a__z_test_yaml="[]",
        _hidden_yaml="[1",
        _git__x_yaml="[1",
        readme_md="# none",
    )
    found = load(path)
    assert [(each.rule.id, each.path.name) for each in found.rules] == [
        ("y", "y.json"),
        ("z", "z.yml"),
        ("b", "b.yaml"),
    ]
    assert [each.name for each in found.tests] == ["z.test.yaml"]
    assert found.errors == ()


def test_a_file_may_be_meant_alone(folder):
    path = folder(a_yaml=RULE.format("a"), b_yaml=RULE.format("b"))
    assert [each.rule.id for each in load(path / "a.yaml").rules] == ["a"]
    (error,) = load(path / "c.yaml").errors
    assert str(error) == f"Invalid rule {path / 'c.yaml'}: it must be a readable file, got No such file or directory."


def test_every_file_that_cannot_be_used_is_told_and_the_others_are_read(folder):
    path = folder(a_yaml="[1", b_yaml=RULE.format("b"), c_yaml=RULE.format("B!"), d_yaml=RULE.format("b"))
    found = load(path)
    assert [each.rule.id for each in found.rules] == ["b"]
    assert [error.source for error in found.errors] == [str(path / name) for name in ("a.yaml", "c.yaml", "d.yaml")]
    assert found.errors[2].sentences() == (
        f"`b.rule` must be an id that no other file has, got one of {path / 'b.yaml'}.",
    )


def test_rules_for_models_are_checked_against_them(folder):
    path = folder(a_yaml=RULE.format("a").replace('"*"', "model:machine"))
    assert load(path).errors == ()
    (error,) = load(path, models.shipped()).errors
    assert error.sentences()[0].startswith("line 1: `a.when.metric` must be one of temperature, vibration")


def test_a_file_of_tests_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(RuleError, match="must be a readable file, got Is a directory"):
        load_trials(tmp_path, {})
