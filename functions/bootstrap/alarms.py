"""Rules without a message of their device: what time, presence and changes make of them; and what was, once more."""

from typing import TYPE_CHECKING

from functions.adapters.backoff import Backoff
from functions.bootstrap.clients import CLOCK, Env, clients
from functions.bootstrap.rulebooks import rulebook
from functions.bootstrap.stores import series_reader
from functions.bootstrap.watching import live_publisher
from functions.settings import AlarmsSettings, BacktestsSettings

if TYPE_CHECKING:
    from functions.services.alarm_work import AlarmWork
    from functions.services.backtests import RunBacktest

EVALUATE_WITHIN_S = 5.0
"""How long one device is tried while others write its state: a page of a hundred, eight at a time, must end in time."""


def alarms(env: Env) -> "AlarmWork":
    from functions.adapters.aws import side_by_side
    from functions.adapters.dynamodb_alarm_items import Tables
    from functions.adapters.dynamodb_alarms import DynamoDBAlarms
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_due import DynamoDBTimers
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.sqs_alarms import SqsActionsQueue, SqsAlarmsQueue
    from functions.services.alarm_work import AlarmWork
    from functions.services.engine import Engine
    from functions.services.evaluate import Evaluate

    settings = AlarmsSettings.from_env(env)
    client = clients()
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    tables = Tables(settings.core_table, settings.events_table)
    engine = Engine(
        states=DynamoDBStateStore(dynamodb, settings.state_table, alarms=tables),
        actions=SqsActionsQueue(client("sqs"), settings.actions_queue_url),
        live=live_publisher(client, settings.live_table, settings.live_queue_url, registry),
        clock=CLOCK,
    )
    return AlarmWork(
        timers=DynamoDBTimers(dynamodb, settings.core_table),
        evaluate=Evaluate(
            engine=engine,
            rulebook=rulebook(dynamodb, settings.core_table, registry),
            alarms=DynamoDBAlarms(dynamodb, tables),
            clock=CLOCK,
            attempts=lambda: Backoff(within_s=EVALUATE_WITHIN_S),
        ),
        registry=registry,
        queue=SqsAlarmsQueue(client("sqs"), settings.alarms_queue_url),
        clock=CLOCK,
        side_by_side=side_by_side,
    )


def backtests(env: Env) -> "RunBacktest":
    from functions.adapters.dynamodb_backtests import DynamoDBBacktests
    from functions.services.backtests import RunBacktest

    settings = BacktestsSettings.from_env(env)
    client = clients()
    series = series_reader(settings.telemetry_store, settings.retention_days, env, client)
    return RunBacktest(DynamoDBBacktests(client("dynamodb"), settings.core_table), series, CLOCK)
