"""Deploys an assembly to the local AWS: assets to S3, then each stack by CloudFormation, created or updated."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.assembly import Asset, Stack, fingerprint
from local.emulator import ACCOUNT, REGION, root_credentials
from local.errors import DeployError
from local.transform import Place, transform

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

ASSETS_BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
POLL_S = 0.1
STACK_TIMEOUT_S = 180.0
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
# A stack whose creation failed cannot be updated, only deleted.
_USELESS = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A stack for the laptop, and the fingerprint of all that its deployment depends on."""

    name: str
    template: Mapping[str, Any]
    assets: tuple[Asset, ...]
    fingerprint: str


def client(service: str, aws_url: str) -> Any:
    """A boto3 client of the local AWS, as its root user."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=60, max_pool_connections=4)
    return boto3.client(  # type: ignore[call-overload] # the name is not a literal
        service, endpoint_url=aws_url, region_name=REGION, config=config, **root_credentials()
    )


def bootstrap_script(python: Path) -> str:
    """How a function starts: AWS's runtime interface client in MiniStack's Python, the bundle before all else."""
    return f'#!/bin/sh\nexport PYTHONPATH="$LAMBDA_TASK_ROOT"\nexec "{python}" -m awslambdaric "$_HANDLER"\n'


def prepare(stacks: tuple[Stack, ...], place: Place, python: Path) -> tuple[Prepared, ...]:
    """Raises TransformError when a stack holds what the laptop does not know."""
    script = bootstrap_script(python)
    prepared = []
    for stack in stacks:
        template = transform(stack.name, stack.template, place)
        print_ = fingerprint(template, stack.assets, script)
        prepared.append(Prepared(stack.name, template, stack.assets, print_))
    return tuple(prepared)


def outputs(aws_url: str, stacks: tuple[str, ...]) -> dict[str, str]:
    """The outputs of all the stacks together. Raises DeployError when one is absent or not in a good state."""
    cloudformation: CloudFormationClient = client("cloudformation", aws_url)
    found: dict[str, str] = {}
    for name in stacks:
        stack = _describe(cloudformation, name)
        if stack is None or stack["StackStatus"] not in _GOOD:
            raise DeployError(f"{name} is not deployed")
        found.update({output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])})
    return found


def deploy(prepared: tuple[Prepared, ...], place: Place, python: Path, deployed: Mapping[str, str], say: Say) -> bool:
    """Bring every stack whose fingerprint is not the deployed one up to date; whether there was one.

    Raises DeployError with the reasons.
    """
    s3: S3Client = client("s3", place.aws_url)
    cloudformation: CloudFormationClient = client("cloudformation", place.aws_url)
    _ensure_bucket(s3)
    uploaded: set[str] = set()
    bundles = {key for stack in prepared for key in _bundles(stack.template)}
    changed = [
        stack
        for stack in prepared
        if deployed.get(stack.name) != stack.fingerprint or not _is_good(cloudformation, stack.name)
    ]
    for stack in changed:
        for asset in stack.assets:
            if asset.key not in uploaded:
                say(f"packing {asset.path.name[:20]}")
                s3.put_object(
                    Bucket=ASSETS_BUCKET, Key=asset.key, Body=_body(asset, python if asset.key in bundles else None)
                )
                uploaded.add(asset.key)
        _deploy_stack(s3, cloudformation, stack, place, say)
    _forget_old_assets(s3, {asset.key for stack in prepared for asset in stack.assets})
    return bool(changed)


def _ensure_bucket(s3: "S3Client") -> None:
    names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    if ASSETS_BUCKET not in names:
        s3.create_bucket(Bucket=ASSETS_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def _forget_old_assets(s3: "S3Client", current: set[str]) -> None:
    """Functions have their code; here an old bundle only takes memory, which is what the local S3 keeps it in."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=ASSETS_BUCKET):
        for found in page.get("Contents", []):
            if found["Key"] not in current:
                s3.delete_object(Bucket=ASSETS_BUCKET, Key=found["Key"])


def _bundles(template: Mapping[str, Any]) -> Iterator[str]:
    """The keys of the archives that functions run."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            yield resource["Properties"]["Code"]["S3Key"]


def _body(asset: Asset, python: Path | None) -> bytes:
    """`python` runs it where it is a function's bundle."""
    if not asset.is_archive:
        return asset.path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(asset.path.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(asset.path))
        if python is not None:
            bootstrap = zipfile.ZipInfo("bootstrap")
            bootstrap.external_attr = 0o755 << 16
            archive.writestr(bootstrap, bootstrap_script(python))
    return packed.getvalue()


def _deploy_stack(
    s3: "S3Client", cloudformation: "CloudFormationClient", stack: Prepared, place: Place, say: Say
) -> None:
    total = len(stack.template["Resources"])
    say(f"{stack.name}: 0 of {total}")
    s3.put_object(Bucket=ASSETS_BUCKET, Key=f"{stack.name}.json", Body=json.dumps(stack.template).encode())
    url = f"{place.aws_url}/{ASSETS_BUCKET}/{stack.name}.json"
    current = _describe(cloudformation, stack.name)
    if current is not None and current["StackStatus"] in _USELESS:
        cloudformation.delete_stack(StackName=stack.name)
        _wait(cloudformation, stack.name, total, say)
        current = None
    if current is None:
        cloudformation.create_stack(StackName=stack.name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"])
    else:
        try:
            cloudformation.update_stack(StackName=stack.name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"])
        except cloudformation.exceptions.ClientError as exc:
            if "No updates are to be performed" not in str(exc):
                raise DeployError(f"{stack.name} was not accepted: {exc}") from exc
            return
    status = _wait(cloudformation, stack.name, total, say)
    if status not in _GOOD:
        raise DeployError(
            f"{stack.name} ended as {status} (`fieldline local down --purge` lets you start afresh):\n"
            f"{_reasons(cloudformation, stack.name)}"
        )
    say(f"{stack.name}: {total} of {total}")


def _wait(cloudformation: "CloudFormationClient", name: str, total: int, say: Say) -> str:
    deadline = time.monotonic() + STACK_TIMEOUT_S
    while time.monotonic() < deadline:
        stack = _describe(cloudformation, name)
        if stack is None:
            return "DELETE_COMPLETE"
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return str(stack["StackStatus"])
        done = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        say(f"{name}: {sum(r['ResourceStatus'].endswith('_COMPLETE') for r in done)} of {total}")
        time.sleep(POLL_S)
    raise DeployError(f"{name} was not finished within {STACK_TIMEOUT_S:.0f} s")


def _is_good(cloudformation: "CloudFormationClient", name: str) -> bool:
    stack = _describe(cloudformation, name)
    return stack is not None and stack["StackStatus"] in _GOOD


def _describe(cloudformation: "CloudFormationClient", name: str) -> Any:
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except cloudformation.exceptions.ClientError as exc:
        if "does not exist" in str(exc):
            return None
        raise


def _reasons(cloudformation: "CloudFormationClient", name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [e for e in events if "FAILED" in e.get("ResourceStatus", "") and e.get("ResourceStatusReason")]
    lines = [f"  {e['LogicalResourceId']} ({e.get('ResourceType')}): {e['ResourceStatusReason']}" for e in failed]
    return "\n".join(lines) or "  (no reasons given; see logs/ministack.log)"
