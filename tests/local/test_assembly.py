import json

import pytest

from local import assembly
from local.assembly import Asset
from local.errors import SynthesisError


@pytest.fixture
def folder(tmp_path):
    """Two stacks, the second depending on the first and listed before it."""
    artifacts = {
        "Api": {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": "Api.template.json"},
            "dependencies": ["Data", "Api.assets"],
        },
        "Data": {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": "Data.template.json", "stackName": "My-Data"},
        },
        "Api.assets": {"type": "cdk:asset-manifest"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    for name in ("Api", "Data"):
        (tmp_path / f"{name}.template.json").write_text(json.dumps({"Resources": {name: {}}}))
    files = {
        "h1": {"source": {"path": "asset.h1", "packaging": "zip"}, "destinations": {"here": {"objectKey": "h1.zip"}}},
        "h2": {"source": {"path": "Api.template.json"}, "destinations": {"here": {"objectKey": "h2.json"}}},
    }
    (tmp_path / "Api.assets.json").write_text(json.dumps({"files": files}))
    return tmp_path


def test_a_stack_comes_after_those_it_depends_on(folder):
    assert [stack.name for stack in assembly.read(folder)] == ["My-Data", "Api"]


def test_assets_are_listed_without_the_template_itself(folder):
    api = assembly.read(folder)[1]
    assert api.assets == (Asset("h1.zip", folder / "asset.h1", is_archive=True),)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(SynthesisError, match="no synthesized app"):
        assembly.read(tmp_path)


def test_the_fingerprint_follows_template_assets_and_start_script(folder):
    _, api = assembly.read(folder)
    prints = {
        assembly.fingerprint(api.template, api.assets, "script"),
        assembly.fingerprint({"Resources": {}}, api.assets, "script"),
        assembly.fingerprint(api.template, (), "script"),
        assembly.fingerprint(api.template, api.assets, "other"),
    }
    assert len(prints) == 4


def test_the_fingerprint_does_not_follow_the_order_of_keys():
    assert assembly.fingerprint({"a": 1, "b": 2}, (), "") == assembly.fingerprint({"b": 2, "a": 1}, (), "")
