import json

import pytest

from local import synthesis
from local.errors import SynthesisError
from local.instance import Instance
from local.ports import Ports
from local.synthesis import Choice


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    for name in synthesis.SOURCES:
        (root / name).mkdir(parents=True)
        (root / name / "code.py").write_text("x = 1\n")
    for name in synthesis.SINGLE_FILES:
        (root / name).write_text(name)
    return root


@pytest.fixture
def choice(tmp_path):
    fleet = tmp_path / "fleet" / "fleet.toml"
    fleet.parent.mkdir()
    fleet.write_text("")
    (fleet.parent / "a.csr").write_text("request")
    return Choice("dev", "dynamodb", (fleet,))


def test_unchanged_inputs_have_the_same_hash(checkout, choice):
    assert synthesis.inputs_hash(choice, checkout) == synthesis.inputs_hash(choice, checkout)


@pytest.mark.parametrize("name", ["infra/code.py", "functions/new.py", "uv.lock", "app.py"])
def test_a_changed_or_new_source_changes_the_hash(checkout, choice, name):
    before = synthesis.inputs_hash(choice, checkout)
    (checkout / name).write_text("changed")
    assert synthesis.inputs_hash(choice, checkout) != before


def test_compiled_python_does_not_change_the_hash(checkout, choice):
    before = synthesis.inputs_hash(choice, checkout)
    (checkout / "infra" / "__pycache__").mkdir()
    (checkout / "infra" / "__pycache__" / "code.pyc").write_bytes(b"x")
    assert synthesis.inputs_hash(choice, checkout) == before


def test_the_fleet_its_requests_and_the_store_change_the_hash(checkout, choice):
    hashes = [synthesis.inputs_hash(choice, checkout)]
    (choice.fleet[0].parent / "a.csr").write_text("another request")
    hashes.append(synthesis.inputs_hash(choice, checkout))
    choice.fleet[0].write_text("[[device]]")
    hashes.append(synthesis.inputs_hash(choice, checkout))
    hashes.append(synthesis.inputs_hash(Choice("dev", "other", choice.fleet), checkout))
    hashes.append(synthesis.inputs_hash(Choice("prod", "dynamodb", choice.fleet), checkout))
    hashes.append(synthesis.inputs_hash(Choice("dev", "dynamodb", choice.fleet, "other"), checkout))
    assert len(set(hashes)) == len(hashes) == 6


@pytest.fixture
def synthesized(tmp_path):
    """An instance whose assembly has one stack with one bundle."""
    instance = Instance(tmp_path, Ports(9000))
    instance.make_dirs()
    (instance.assembly_dir / "asset.new").mkdir(parents=True)
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "S.template.json"}}
    bundle = {"source": {"path": "asset.new", "packaging": "zip"}, "destinations": {"here": {"objectKey": "new.zip"}}}
    for name, content in {
        "manifest.json": {"artifacts": {"S": stack}},
        "S.template.json": {"Resources": {}},
        "S.assets.json": {"files": {"new": bundle}},
    }.items():
        (instance.assembly_dir / name).write_text(json.dumps(content))
    return instance


def test_bundles_of_earlier_syntheses_are_deleted(synthesized):
    (synthesized.assembly_dir / "asset.old").mkdir()
    synthesis.finish(synthesized, "hash", 0)
    assert [path.name for path in synthesized.assembly_dir.glob("asset.*")] == ["asset.new"]


def test_a_failed_synthesis_is_told_with_the_apps_own_words_and_not_remembered(tmp_path):
    instance = Instance(tmp_path, Ports(9000))
    instance.make_dirs()
    instance.assembly_dir.mkdir()
    (instance.log_dir / "synth.log").write_text("fieldline: fleet: no such model")
    with pytest.raises(SynthesisError, match="no such model"):
        synthesis.finish(instance, "hash", 1)
    assert not synthesis.is_current(instance, "hash")


def test_a_finished_synthesis_is_current_for_its_inputs_only(synthesized):
    instance = synthesized
    synthesis.finish(instance, "hash", 0)
    assert synthesis.is_current(instance, "hash")
    assert not synthesis.is_current(instance, "other")
