"""The hourly export as EventBridge has Lambda call it, over fakes."""

import json
from types import SimpleNamespace

from functions.adapters.memory_audit import MemoryArchive, MemoryJournal
from functions.domain.access import Kind, Principal
from functions.domain.audit import Actor, Note
from functions.handlers import audit_export
from functions.services.audit_export import CLOSED_AFTER_MS, ExportAudit

HOURLY = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
ANN = Actor(Principal("user:1", Kind.USER, "ann"), "r-1", "192.0.2.1")


def context(left_ms):
    return SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=1,
        invoked_function_arn="arn",
        aws_request_id="r",
        get_remaining_time_in_millis=lambda: left_ms,
    )


def exporting(monkeypatch, clock):
    journal, archive = MemoryJournal(), MemoryArchive()
    journal.record(Note(actor=ANN, action="a", subject_kind="device", subject_id="d", at=clock.now))
    export = ExportAudit(journal, archive, clock, keep_days=365)
    monkeypatch.setattr(audit_export, "_service", lambda: export)
    return journal, archive


def test_a_run_exports_and_says_what_it_did(monkeypatch, clock):
    _, archive = exporting(monkeypatch, clock)
    done = audit_export.handler(HOURLY, context(300_000))
    assert done == {"parts": 1, "entries": 1, "closed": (), "finished": True}
    assert len(archive.objects) == 1


def test_a_run_without_time_begins_no_part(monkeypatch, clock):
    _, archive = exporting(monkeypatch, clock)
    assert audit_export.handler(HOURLY, context(audit_export.LEFT_MS))["finished"] is False
    assert archive.objects == {}


def test_what_somebody_else_changed_is_logged_as_an_error_and_counted(monkeypatch, clock, caplog, capsys):
    journal, _ = exporting(monkeypatch, clock)
    ((_, records),) = journal.chains.items()
    records.clear()
    clock.now += 86_400_000 + CLOSED_AFTER_MS
    audit_export.handler(HOURLY, context(300_000))
    (error,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert "truncated" in error.faults[0]
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [metric["AuditFaults"] for metric in counted] == [[1.0]]
