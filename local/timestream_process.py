"""The Timestream look-alike of an instance: its process, and what AWS provisions before a store can be used."""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import urllib3

from local import processes
from local.deploy import client
from local.errors import ChildDiedError, DeployError
from local.instance import CHECKOUT, Instance
from local.timestream_template import InfluxInstance, LiveTable, Provision
from local.user import new_password

if TYPE_CHECKING:
    import subprocess

    from mypy_boto3_timestream_write import TimestreamWriteClient

READY_TIMEOUT_S = 30.0
_LOG = "timestream.log"
_KEPT = "timestream.json"
_HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(10.0))
_CREATED, _ALREADY, _SIGNED_IN = 201, 422, 204


def password(instance: Instance) -> str:
    """Of the InfluxDB instance's administrator, on disk before the look-alike learns it."""
    known = instance.read(_KEPT)
    if "password" not in known:
        known = {"password": new_password()}
        instance.write(_KEPT, known)
    return str(known["password"])


def start(instance: Instance) -> "subprocess.Popen[bytes]":
    """Start the server; `wait_until_ready` says when it answers."""
    command = [sys.executable, "-m", "local.timestream"]
    command += ["--directory", str(instance.timestream_dir), "--port", str(instance.ports.timestream)]
    log = instance.log_dir / _LOG
    return processes.start(command, env=dict(os.environ), log=log, cwd=CHECKOUT, mark=str(instance.root))


def wait_until_ready(instance: Instance, child: "subprocess.Popen[bytes]") -> None:
    """Raises ChildDiedError, naming its log, when it ends or does not come up in time."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ChildDiedError(
                f"The Timestream look-alike ended with {child.returncode} while starting; {_see(instance)}"
            )
        if is_ready(instance):
            return
        time.sleep(0.05)
    raise ChildDiedError(f"Timestream's look-alike was not ready within {READY_TIMEOUT_S:.0f} s; {_see(instance)}")


def is_ready(instance: Instance) -> bool:
    try:
        return _HTTP.request("GET", f"{instance.ports.timestream_url}/ping").status < 300  # noqa: PLR2004 - HTTP's good answers
    except urllib3.exceptions.HTTPError:
        return False


def provision(url: str, wanted: tuple[Provision, ...]) -> None:
    """Make what the templates ask of the service itself, as CloudFormation does on AWS. Raises DeployError."""
    for one in wanted:
        match one:
            case InfluxInstance():
                _onboard(url, one)
            case LiveTable():
                _make_table(client("timestream-write", url), one)


def _onboard(url: str, wanted: InfluxInstance) -> None:
    body = {
        "username": wanted.username,
        "password": wanted.password,
        "org": wanted.organization,
        "bucket": wanted.bucket,
    }
    answer = _HTTP.request("POST", f"{url}/api/v2/setup", json=body)
    if answer.status == _ALREADY:
        headers = urllib3.util.make_headers(basic_auth=f"{wanted.username}:{wanted.password}")
        answer = _HTTP.request("POST", f"{url}/api/v2/signin", headers=headers)
        if answer.status == _SIGNED_IN:
            return
        raise DeployError(
            "the InfluxDB look-alike was set up with another password than this instance's: "
            "`fieldline local down --purge` lets you start afresh"
        )
    if answer.status != _CREATED:
        raise DeployError(
            f"the InfluxDB instance was not set up: {answer.status} {answer.data.decode(errors='replace')}"
        )


def _make_table(timestream: "TimestreamWriteClient", wanted: LiveTable) -> None:
    kept: Any = {"RetentionProperties": wanted.retention, "MagneticStoreWriteProperties": wanted.magnetic_writes}
    with contextlib.suppress(timestream.exceptions.ConflictException):
        timestream.create_database(DatabaseName=wanted.database)
    try:
        timestream.create_table(DatabaseName=wanted.database, TableName=wanted.table, **kept)
    except timestream.exceptions.ConflictException:
        timestream.update_table(DatabaseName=wanted.database, TableName=wanted.table, **kept)


def _see(instance: Instance) -> str:
    return f"see {instance.log_dir / _LOG}."
