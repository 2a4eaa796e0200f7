"""MiniStack, the local AWS: its environment, its settings, its start and its snapshots."""

import hashlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from local import processes
from local.errors import ChildDiedError, SetupError
from local.instance import CHECKOUT, Instance, home
from local.ports import LOOPBACK

ACCOUNT = "123456789012"
REGION = "eu-west-1"
READY_TIMEOUT_S = 60.0
SNAPSHOT_TIMEOUT_S = 60.0
# More than the event sources take together (a throttled batch waits for its visibility timeout), and few enough for the
# memory of a laptop: each worker holds about 50 MB.
CONCURRENT_INVOCATIONS = 32
WORKER_THREADS = 64
# What of the caller's environment a server and its functions may see: no AWS profile, no proxy, no credentials.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")


def root_credentials() -> dict[str, str]:
    """What the deployer and the console commands sign with: MiniStack takes the account id for its root user."""
    return {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test"}


def ensure_environment(say: Callable[[str], None]) -> Path:
    """MiniStack's Python, in an environment of its own (it pins botocore), made from uv.lock when that changed."""
    folder = home() / "ministack-env"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256((CHECKOUT / "uv.lock").read_bytes()).hexdigest()
    mark = folder / ".fieldline-lock"
    if python.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    say("making MiniStack's environment from uv.lock")
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv) if uv.exists() else "uv", "sync", "--frozen", "--only-group", "ministack"]
    command += ["--no-install-project", "--python", sys.executable, "--quiet"]
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)}
    env.pop("VIRTUAL_ENV", None)
    try:
        made = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError as exc:
        raise SetupError("MiniStack's environment needs uv, which was not found: run `make setup`.") from exc
    if made.returncode:
        raise SetupError(f"MiniStack's environment could not be made: {made.stderr.strip()[-600:]}")
    mark.write_text(wanted, encoding="utf-8")
    return python


def settings(instance: Instance) -> dict[str, str]:
    """MiniStack's whole environment: nothing shared with another instance, nothing beyond loopback."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **passed,
        "AUTH": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIND_HOST": LOOPBACK,
        "DOCKER_HOST": "unix:///nonexistent",
        "MINISTACK_SNAPSHOT_MARK": str(instance.snapshot_mark),
        "GATEWAY_PORT": str(instance.ports.aws),
        "IOT_MTLS_ENABLED": "1",
        "IOT_MTLS_PORT": str(instance.ports.mqtt),
        "LAMBDA_ACCOUNT_CONCURRENCY": str(CONCURRENT_INVOCATIONS),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "120",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_PAGES": " ".join(instance.ports.origins),
        "MINISTACK_REGION": REGION,
        "MINISTACK_WORKER_THREADS": str(WORKER_THREADS),
        "PERSIST_STATE": "1",
        "PYTHONUNBUFFERED": "1",
        "S3_DATA_DIR": str(instance.s3_dir),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(instance.state_dir),
        "TMPDIR": str(instance.tmp_dir),
    }


def start(instance: Instance, python: Path) -> "subprocess.Popen[bytes]":
    """Start the server; `wait_until_ready` says when it answers."""
    launcher = Path(__file__).with_name("ministack_launch.py")
    log = instance.log_dir / "ministack.log"
    command = [str(python), "-P", str(launcher)]  # -P keeps this folder off the path
    return processes.start(command, env=settings(instance), log=log, cwd=instance.root, mark=str(instance.root))


def wait_until_ready(instance: Instance, child: "subprocess.Popen[bytes]", timeout_s: float = READY_TIMEOUT_S) -> None:
    """Raises ChildDiedError, with the end of its log, when the server ends or does not come up in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ChildDiedError(with_log(f"MiniStack ended with {child.returncode} while starting", instance))
        if is_ready(instance):
            return
        time.sleep(0.1)
    raise ChildDiedError(with_log(f"MiniStack was not ready within {timeout_s:.0f} s", instance))


def is_ready(instance: Instance) -> bool:
    """Whether the server answers, its MQTT listener included."""
    try:
        with urllib.request.urlopen(f"{instance.ports.aws_url}/_ministack/ready", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's number for OK
    except (urllib.error.URLError, OSError):
        return False


def snapshot(instance: Instance, pid: int, timeout_s: float = SNAPSHOT_TIMEOUT_S) -> None:
    """Have the server write its state to disk now; returns when that is complete."""
    instance.snapshot_mark.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + timeout_s
    while not instance.snapshot_mark.exists():
        if time.monotonic() > deadline:
            raise ChildDiedError(with_log(f"MiniStack wrote no snapshot within {timeout_s:.0f} s", instance))
        time.sleep(0.05)
    failed = instance.read(instance.snapshot_mark.name).get("failed")
    if failed:
        raise ChildDiedError(with_log(f"MiniStack could not write the state of {', '.join(failed)}", instance))


def with_log(sentence: str, instance: Instance, lines: int = 8) -> str:
    """An error message with the end of the server's log, where that says anything."""
    try:
        text = (instance.log_dir / "ministack.log").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        text = ""
    tail = "".join(f"\n  {line}" for line in text.splitlines()[-lines:])
    return f"{sentence}; its log ends with:{tail}" if tail else f"{sentence}."
