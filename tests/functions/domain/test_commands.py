from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.documents import COMMAND_STATUSES
from functions.domain.commands import (
    MAX_ATTEMPTS_KEPT,
    RESULTS,
    TRANSITIONS,
    Heard,
    NewCommand,
    Outcome,
    Requester,
    Response,
    Source,
    Status,
)

NOW = 1_764_000_000_000
LIFE, TIMEOUT = 60_000, 120_000
NEW = NewCommand(
    thing="pump-7",
    group="plant-1",
    name="relay",
    parameters={"on": True},
    created_at=NOW,
    expires_at=NOW + LIFE,
    timeout_ms=TIMEOUT,
    by=Requester("user:1", "ann"),
)
CREATED = NEW.with_id("01KAV9FT000000000000000000")
EXPIRES = NOW + LIFE


def said(status, received_at, at=None, **more):
    return Response(status=Status(status), at=received_at if at is None else at, received_at=received_at, **more)


def sent(command=CREATED, at=NOW + 100):
    return command.attempting(at).published(at, at + 50, Outcome.PUBLISHED)


def after(command, *responses):
    for response in responses:
        command = command.heard(response).command
    return command


def history(command):
    return [step.status for step in command.steps if step.moved]


def test_the_statuses_are_those_of_the_contract():
    assert tuple(Status) == COMMAND_STATUSES
    assert set(TRANSITIONS) == set(Status)


def test_a_command_that_goes_well_has_each_step_with_its_time_and_source():
    command = after(
        sent(),
        said("DELIVERED", NOW + 300, NOW + 250),
        said("SUCCEEDED", NOW + 900, NOW + 800, result={"on": True}),
    )
    assert [(step.status, step.received_at, step.source, step.at) for step in command.steps] == [
        ("CREATED", NOW, "api", None),
        ("SENT", NOW + 150, "cloud", None),
        ("DELIVERED", NOW + 300, "device", NOW + 250),
        ("SUCCEEDED", NOW + 900, "device", NOW + 800),
    ]
    assert (command.result, command.due, command.closed) == ({"on": True}, None, True)


def test_sent_is_not_delivered():
    assert (sent().status, sent().unanswered) == (Status.SENT, True)


def test_what_was_never_sent_expires_at_its_very_end_and_not_before():
    assert CREATED.at(EXPIRES - 1) is CREATED
    expired = CREATED.at(EXPIRES + 999_999)
    assert (expired.status, expired.steps[-1].received_at, expired.steps[-1].source) == ("EXPIRED", EXPIRES, "cloud")


def test_what_was_sent_and_not_answered_times_out_at_its_end():
    assert sent().at(EXPIRES).status is Status.TIMED_OUT


def test_what_the_clock_closed_says_why():
    delivered = after(sent(), said("DELIVERED", NOW + 200))
    notes = [command.at(EXPIRES * 2).steps[-1].note for command in (CREATED, sent(), delivered)]
    assert notes == [
        "the device was not reached before it expired",
        "it was sent, and nothing was heard before it expired",
        "no result within 120 s of its delivery",
    ]


def test_an_attempt_whose_outcome_nobody_knows_may_act_so_it_times_out():
    assert CREATED.attempting(NOW).at(EXPIRES).status is Status.TIMED_OUT


def test_after_its_delivery_a_command_has_its_own_time():
    delivered = after(sent(), said("DELIVERED", EXPIRES - 1))
    assert delivered.at(EXPIRES - 1 + TIMEOUT - 1).status is Status.DELIVERED
    assert delivered.at(EXPIRES - 1 + TIMEOUT).status is Status.TIMED_OUT


@pytest.mark.parametrize("status", sorted(RESULTS))
def test_a_real_result_replaces_a_time_out_and_is_late(status):
    command = after(sent(), said(status, EXPIRES + 5))
    assert history(command) == ["CREATED", "SENT", "TIMED_OUT", status]
    assert [step.late for step in command.steps] == [False, False, False, True]


def test_a_result_that_came_in_time_is_not_late_though_the_time_out_was_written_first():
    command = after(sent().at(EXPIRES), said("SUCCEEDED", EXPIRES - 10))
    assert (command.status, command.steps[-1].late) == (Status.SUCCEEDED, False)


def test_a_delivery_told_after_the_time_out_is_kept_and_moves_nothing():
    listening = sent().heard(said("DELIVERED", EXPIRES + 5))
    assert (listening.heard, listening.command.status) == (Heard.KEPT, Status.TIMED_OUT)
    assert after(listening.command, said("FAILED", EXPIRES + 9)).status is Status.FAILED


def test_a_response_that_comes_twice_changes_nothing():
    command = after(sent(), said("DELIVERED", NOW + 300), said("SUCCEEDED", NOW + 400))
    for status in ("DELIVERED", "SUCCEEDED"):
        assert command.heard(said(status, NOW + 999)) == (command, Heard.REPEATED)


def test_a_delivery_after_the_result_stays_in_the_ledger():
    command = after(sent(), said("SUCCEEDED", NOW + 400), said("DELIVERED", NOW + 500))
    assert command.status is Status.SUCCEEDED
    assert [(step.status, step.moved) for step in command.steps][-1] == ("DELIVERED", False)


def test_the_first_of_two_results_stands_and_the_other_is_counted_and_kept():
    first = after(sent(), said("SUCCEEDED", NOW + 400, result={"on": True}))
    second = first.heard(said("FAILED", NOW + 500, note="interrupted"))
    assert (second.heard, second.command.status, second.command.result) == (
        Heard.CONTRADICTED,
        Status.SUCCEEDED,
        {"on": True},
    )


def test_an_answer_that_overtakes_the_note_that_it_was_sent_is_taken():
    attempting = CREATED.attempting(NOW)
    answered = after(attempting, said("DELIVERED", NOW + 20))
    noted = answered.published(NOW, NOW + 40, Outcome.PUBLISHED)
    assert (history(noted), noted.attempts[0].outcome) == (["CREATED", "DELIVERED"], Outcome.PUBLISHED)


def test_nothing_is_believed_of_a_command_that_was_never_sent():
    for command in (CREATED, CREATED.at(EXPIRES), CREATED.cancelled(NOW)):
        assert command.heard(said("SUCCEEDED", NOW + 5)) == (command, Heard.REFUSED)


def test_a_command_is_cancelled_only_while_nothing_was_tried():
    assert CREATED.cancelled(NOW + 1).status is Status.CANCELLED
    assert CREATED.attempting(NOW).cancelled(NOW + 1) is None
    assert sent().cancelled(NOW + 900) is None
    assert CREATED.cancelled(EXPIRES) is None
    assert CREATED.cancelled(NOW).cancelled(NOW + 1) is None


@pytest.mark.parametrize(
    "command", [CREATED.cancelled(NOW), after(sent(), said("DELIVERED", NOW + 200))], ids=["cancelled", "delivered"]
)
def test_what_is_closed_or_delivered_is_not_sent(command):
    with pytest.raises(ValueError, match="must not be sent"):
        command.attempting(NOW + 300)


def test_an_expired_command_is_not_sent():
    with pytest.raises(ValueError, match="is EXPIRED: it must not be sent"):
        CREATED.attempting(EXPIRES)


def test_a_publish_that_ends_after_the_expiry_is_in_the_ledger_and_is_no_sent():
    command = CREATED.attempting(EXPIRES - 1).published(EXPIRES - 1, EXPIRES + 3, Outcome.PUBLISHED)
    assert (history(command.at(EXPIRES + 3)), command.attempts[0].outcome) == (["CREATED", "TIMED_OUT"], "published")


def test_progress_keeps_the_newest_whatever_the_order_and_no_list_of_it():
    command = after(
        sent(),
        said("IN_PROGRESS", NOW + 300, NOW + 300, result={"progress": 0.5}),
        said("IN_PROGRESS", NOW + 500, NOW + 200, result={"progress": 0.2}),
        said("IN_PROGRESS", NOW + 600, NOW + 400, result={"progress": 0.8}),
    )
    assert history(command) == ["CREATED", "SENT", "IN_PROGRESS"]
    assert command.progress.result == {"progress": 0.8}


def test_the_ledger_of_attempts_keeps_the_first_and_the_newest_and_counts_all():
    command = CREATED
    for number in range(50):
        command = command.attempting(NOW + number)
    assert (len(command.attempts), command.attempted) == (MAX_ATTEMPTS_KEPT, 50)
    assert (command.attempts[0].at, command.attempts[-1].at) == (NOW, NOW + 49)


def test_an_unanswered_command_is_due_again_less_and_less_often_and_at_its_end():
    command, waits = CREATED, []
    for _ in range(7):
        now = command.due
        command = command.attempting(min(now, EXPIRES - 1))
        waits.append(command.try_at - command.attempts[-1].at)
    assert waits == [15_000, 30_000, 60_000, 120_000, 300_000, 300_000, 300_000]
    assert command.due == EXPIRES
    assert command.parked().due == EXPIRES


STATUSES = st.sampled_from([s for s in Status if s in RESULTS or s in {"DELIVERED", "IN_PROGRESS"}])
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 90_000),
        st.one_of(
            st.tuples(st.just("say"), STATUSES, st.integers(0, 200_000)),
            st.tuples(st.just("attempt"), st.sampled_from([*Outcome, None]), st.integers(0, 30_000)),
            st.tuples(st.just("cancel")),
            st.tuples(st.just("sweep")),
            st.tuples(st.just("park")),
        ),
    ),
    max_size=14,
)


def play(events):
    """Every state of a command to which all this happens; answers may be older than the moment that they are heard."""
    now, command = NOW, CREATED
    yield now, command
    for wait, (what, *how) in events:
        now += wait
        if what == "say":
            command = command.heard(said(how[0], max(NOW, now - how[1]))).command
        elif what == "attempt" and command.at(now).unanswered:
            command = command.attempting(now)
            started, now = now, now + how[1]
            if how[0] is not None:
                command = command.published(started, now, how[0])
        elif what == "cancel":
            command = command.cancelled(now) or command
        elif what == "sweep":
            command = command.at(now)
        elif what == "park":
            command = command.parked()
        yield now, command


@given(EVENTS)
def test_whatever_happens_in_whatever_order_the_history_is_legal(events):
    for _, command in play(events):
        moved = [step for step in command.steps if step.moved]
        for before, step in pairwise(moved):
            assert step.status in TRANSITIONS[before.status].get(step.source, frozenset())
        closed = [step for step in moved if step.status.closed]
        assert len(closed) <= 1 or [closed[0].status, len(closed)] == ["TIMED_OUT", 2]
        assert closed == moved[len(moved) - len(closed) :]


@given(EVENTS)
def test_whatever_happens_nothing_is_sent_after_its_expiry_and_what_was_never_tried_never_acts(events):
    for _, command in play(events):
        assert all(attempt.at < EXPIRES for attempt in command.attempts)
        assert all(step.received_at < EXPIRES for step in command.steps if step.status is Status.SENT)
        if not command.attempted:
            assert {step.source for step in command.steps} <= {Source.API, Source.CLOUD}
            assert command.status in {"CREATED", "EXPIRED", "CANCELLED"}
        if command.status in {"EXPIRED", "CANCELLED"} and command.steps[-1].source is not Source.DEVICE:
            assert command.status == "EXPIRED" or not command.attempted


@given(EVENTS, st.integers(0, 400_000))
def test_no_command_is_open_for_ever_and_looking_at_it_twice_is_looking_once(events, later):
    for now, command in play(events):
        seen = command.at(now + later)
        assert seen.at(now + later) == seen
        assert command.at(now).at(now + later) == seen
        assert command.at(max(now, EXPIRES) + TIMEOUT).closed
        assert (command.due is None) == command.closed


@given(EVENTS)
def test_the_ledger_is_bounded_and_survives_being_stored(events):
    for _, command in play(events * 5):
        assert len(command.steps) <= 5 + 6
        assert msgspec.json.decode(msgspec.json.encode(command), type=type(command)) == command
