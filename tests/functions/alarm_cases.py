"""Transitions, and a place where states and alarms are kept: in memory, or in DynamoDB's tables."""

from types import SimpleNamespace

from msgspec.structs import replace

from contract.rules.rule import Notify
from functions.adapters.dynamodb_alarm_items import Tables
from functions.adapters.dynamodb_alarms import DynamoDBAlarms
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_due import DynamoDBOutbox, DynamoDBTimers
from functions.adapters.dynamodb_state import DynamoDBStateStore
from functions.adapters.memory import MemoryStateStore, MemoryWorld
from functions.adapters.memory_alarms import MemoryAlarms, MemoryOutbox, MemoryTimers
from functions.adapters.memory_audit import MemoryJournal
from functions.domain.access import Kind as PrincipalKind
from functions.domain.access import Principal
from functions.domain.alarms import Clearing, Transition, TransitionKind
from functions.domain.audit import Actor, Note
from functions.domain.state import Change, Wanted
from tests.functions.conftest import NOW

RAISED, ESCALATED, DOWNGRADED, FLAPPING, CLEARED = TransitionKind
TABLES = Tables("core", "events")
WANTED = Wanted(actions=(Notify(recipients=("on-call",)),))


def in_memory():
    world, journal = MemoryWorld(), MemoryJournal()
    return SimpleNamespace(
        states=MemoryStateStore(world, journal),
        alarms=MemoryAlarms(world, journal),
        timers=MemoryTimers(world),
        outbox=MemoryOutbox(world),
    )


def in_dynamodb(client, **options):
    audit = AuditedWrites(client, "events")
    return SimpleNamespace(
        states=DynamoDBStateStore(client, "state", alarms=TABLES, audit=audit, **options),
        alarms=DynamoDBAlarms(client, TABLES, audit),
        timers=DynamoDBTimers(client, "core"),
        outbox=DynamoDBOutbox(client, "core"),
    )


def transition(kind=RAISED, thing="pump-1", number=1, step=0, *, at=NOW, **more):
    found = Transition(
        kind=kind,
        thing=thing,
        rule=more.pop("rule", "hot"),
        rule_version=1,
        number=number,
        step=step,
        at=at,
        severity=more.pop("severity", "major"),
        title="Too hot",
        message="pump-1: 91 °C",
        since=more.pop("since", NOW),
        values={"temperature": 91.0, "door": None},
        first=88.5,
        last=91.0,
        peak=91.0,
        why={"all": [{"metric": "temperature", "verdict": True}]},
    )
    clearing = {"clearing": Clearing.CONDITION} if kind is CLEARED else {}
    return replace(found, **{**clearing, **more})


def saved(kept, *transitions, group="plant-1/line-2", armed=None, **more):
    """What came of saving them, one after the other in one change of each device."""
    changes = {}
    for thing in {one.thing: None for one in transitions}:
        state = kept.states.read([thing])[thing]
        changes[thing] = Change(
            state=replace(state, armed=armed, alarms=max(one.number for one in transitions)),
            now=more.get("now", NOW),
            transitions=tuple(one for one in transitions if one.thing == thing),
            group=group,
            wanted={one.rule: WANTED for one in transitions},
            armed_before=state.armed,
            by=more.get("by"),
            notes=more.get("notes", ()),
        )
    return kept.states.save(changes)


def note(action="alarm.clear", thing="pump-1"):
    who = Principal("user:1", PrincipalKind.USER, "ann")
    return Note(actor=Actor(who, "r1", "::1"), action=action, subject_kind="device", subject_id=thing, at=NOW)


def history(kept, number=1, thing="pump-1"):
    """Oldest first: the alarm's version and what it was."""
    steps = kept.alarms.history(thing, number, 100, None).steps
    return [(step.version, step.kind) for step in reversed(steps)]
