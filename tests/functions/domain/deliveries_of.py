"""Steps of alarms and deliveries of them, as tests want them."""

from functions.domain.alarms import Transition, TransitionKind
from functions.domain.deliveries import FIRST_TRY_MS, Delivery, Notice
from functions.domain.delivery_ids import delivery_id

NOW = 1_764_000_000_000


def alarm(kind="raised", *, thing="pump-7", rule="too-warm", number=42, step=0, severity="major", at=NOW, **more):
    return Transition(
        kind=TransitionKind(kind),
        thing=thing,
        rule=rule,
        rule_version=3,
        number=number,
        step=step,
        at=at,
        severity=severity,
        title="Cold store too warm",
        message="9.5 °C in the cold store",
        since=more.pop("since", at),
        **more,
    )


def notice(recipient, kind="raised", *, at=NOW, **more):
    about = alarm(kind, **more)
    return Delivery(
        id=delivery_id(about.thing, about.number, about.step, "notice", recipient),
        task=Notice(recipient=recipient),
        created_at=at,
        since=at,
        next_at=at,
        due=at + FIRST_TRY_MS,
        about=about,
        group="plant-1/line-2",
        name="Pump 7",
    )
