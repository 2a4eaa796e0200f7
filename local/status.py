"""What an instance is doing: `status --json` is this object, and its keys are relied on."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import run_record
from local.instance import Instance
from local.run_record import FAILED, READY, STARTING, STOPPED


def status(instance: Instance) -> dict[str, Any]:
    """Never raises for an instance that is down or half up: `ready` is false then, and `reason` says why."""
    record = run_record.read(instance)
    running = instance.is_locked()
    phase = record.get("phase")
    known = {"ready": False, "phase": phase if running else STOPPED, "port": instance.ports.gateway}
    if not running:
        return {**known, "reason": _why_down(instance, record)}
    if phase != READY:
        # The last step says how far a start has come, and nothing of a stop.
        why = record.get("error") or ((record.get("steps") or ["begun"])[-1] if phase == STARTING else "")
        return {**known, "reason": f"{phase}: {why}" if why else phase}
    try:
        figures = _figures(instance, record["started"])
    except (BotoCoreError, ClientError) as exc:
        return {**known, "reason": f"the local AWS does not answer: {exc}"}
    return {**known, **figures, "ready": True, "notes": record.get("notes", [])}


def _why_down(instance: Instance, record: dict[str, Any]) -> str:
    if not record:
        return "never started"
    if record.get("phase") == FAILED:
        return f"failed: {record.get('error')}"
    if record.get("phase") == STOPPED:
        return "stopped"
    return f"its supervisor died; `fieldline local up --port {instance.ports.gateway}` cleans up and starts again"


def _figures(instance: Instance, started: float) -> dict[str, Any]:
    from local.figures import Reader

    details = instance.read("instance.json")
    figures = Reader(instance.ports.aws_url, details["outputs"]["StateTableName"], started).read()
    return {
        **{name: details[name] for name in ("dashboard", "api", "mqtt", "aws", "user", "ca", "lake", "region")},
        "devices": figures.online,
        "messages_stored": figures.messages,
        "points_stored": figures.points,
        "duplicates": figures.duplicates,
        "late": figures.late,
        "errors": figures.errors,
        "failed": {name: count for name, count in figures.failed.items() if count},
        "function_errors": {name: count for name, count in figures.function_errors.items() if count},
        "waiting": sum(figures.waiting.values()),
        "quarantined": dict(figures.quarantined),
    }
