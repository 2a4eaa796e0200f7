"""What goes to Lambda: everything a handler imports, nothing else, and the same bytes for the same input."""

import ast
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from functions.catalogue import FUNCTIONS
from infra.bundling import BOTO_SERVICES, SOURCES, Bundle, drop_unused
from infra.config import ROOT
from infra.errors import BundleError
from tests.once import once_in_a_run

GROUPS = sorted({spec.dependency_group for spec in FUNCTIONS})
# Nothing but the bundle and the standard library: no site-packages, no working directory, no PYTHONPATH.
ALONE = [sys.executable, "-I", "-S", "-c"]
RESOLVE = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].rpartition(".")
assert callable(getattr(importlib.import_module(module), name))
outside = [m.__file__ for m in sys.modules.values() if "site-packages" in (getattr(m, "__file__", None) or "")]
assert not outside, outside
"""
CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
import boto3
for service in sys.argv[2].split(","):
    boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A group's bundle for this machine, built once."""

    @cache
    def build(group):
        return once_in_a_run(tmp_path_factory, group, Bundle(group, "host").build)

    return build


@pytest.fixture
def copy(tmp_path):
    """A repository with what a bundle is made from, to be changed by a test."""
    for source in SOURCES:
        shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.name)
def test_a_handler_imports_with_nothing_but_its_bundle_on_the_path(built, prod, spec):
    # In prod's store, every function of the catalogue is deployed.
    variables = prod.render(prod.function(spec.name).properties["Environment"]["Variables"])
    environment = {
        **variables,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [*ALONE, RESOLVE, str(built(spec.dependency_group)), spec.handler],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("group", GROUPS)
def test_a_bundle_holds_its_group_and_our_two_packages_only(built, group):
    directory = built(group)
    ours = {
        name
        for name in ("contract", "functions", "infra", "local", "cli", "device_agent")
        if (directory / name).exists()
    }
    assert ours == set(SOURCES)
    assert not (directory / "bin").exists()
    assert not (directory / "aws_cdk").exists()
    assert (directory / "msgspec").is_dir()


def test_the_hot_bundle_stays_without_what_only_the_api_needs(built):
    for package in ("pydantic", "jwt", "cryptography"):
        assert not (built("fn-hot") / package).exists()


def test_the_models_that_stay_are_enough_to_make_their_clients(built):
    done = subprocess.run(
        [*ALONE, CLIENT, str(built("fn-hot")), ",".join(sorted(BOTO_SERVICES))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_functions_call_no_service_whose_model_is_left_out():
    called = set()
    for path in (ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", getattr(node.func, "id", "")) in {"client", "resource", "_client"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                called.add(node.args[0].value)
    assert called, "no client is made in functions/: has the way they are made changed?"
    assert called <= BOTO_SERVICES


def test_the_hash_changes_with_a_source_and_not_without(copy):
    before = Bundle("fn-hot", "host", copy).hash
    assert Bundle("fn-hot", "host", copy).hash == before
    (copy / "functions" / "__pycache__").mkdir()
    (copy / "functions" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert Bundle("fn-hot", "host", copy).hash == before
    (copy / "contract" / "new.py").write_text("")
    assert Bundle("fn-hot", "host", copy).hash != before


def test_each_group_and_target_has_a_hash_of_its_own():
    hashes = {Bundle(group, target).hash for group in GROUPS for target in ("lambda", "host")}
    assert len(hashes) == 2 * len(GROUPS)


def test_the_same_input_gives_the_same_files(built, tmp_path):
    Bundle("fn-hot", "host").build(tmp_path)
    first, second = (
        {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*.py") if p.is_file()}
        for directory in (built("fn-hot"), tmp_path)
    )
    assert first
    assert first == second


def test_only_bundles_that_no_stack_uses_are_dropped(tmp_path):
    for name in ("asset.old", "asset.used"):
        (tmp_path / name).mkdir()
    manifest = {"files": {"x": {"source": {"path": "asset.used"}}, "y": {"source": {"path": "A.template.json"}}}}
    (tmp_path / "A.assets.json").write_text(json.dumps(manifest))
    drop_unused(tmp_path)
    assert [path.name for path in tmp_path.glob("asset.*")] == ["asset.used"]


def test_without_cache_and_network_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    with pytest.raises(BundleError, match=r"dependencies of bundle 'fn-hot'.*neither in uv's cache nor") as error:
        Bundle("fn-hot", "host").build(bundle)
    assert "connect once" in str(error.value)


def test_an_unknown_group_is_named(copy):
    with pytest.raises(BundleError, match="no usable group 'fn-cold'"):
        Bundle("fn-cold", "host", copy).requirements  # noqa: B018 - the property is what fails


def test_a_failing_bundle_ends_the_synthesis_with_its_own_message(tmp_path):
    environment = {
        **os.environ,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_OFFLINE": "1",
        "CDK_OUTDIR": str(tmp_path / "cdk.out"),
        "CDK_CONTEXT_JSON": json.dumps({"target": "host"}),
    }
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "fieldline: cannot install the dependencies of bundle" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(Path(tmp_path / "cdk.out").glob("asset.*[0-9a-f]")), "half a bundle must not look like a whole one"
