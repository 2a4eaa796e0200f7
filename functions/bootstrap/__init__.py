"""The one place where things are wired: settings to adapters to use cases.

A handler calls its function once and keeps the result, so that clients live as long as the execution environment. What
a function does not need it does not load: adapters and services are imported where they are made.
"""

from functions.bootstrap.actions import actions
from functions.bootstrap.alarms import alarms, backtests
from functions.bootstrap.clients import CONNECT_S
from functions.bootstrap.http import api, auth, authorizer
from functions.bootstrap.pipeline import INGEST_WITHIN_S, commands, events, ingest, presence, shadows
from functions.bootstrap.stores import (
    ORDERED_WITHIN_S,
    SERIES_WAIT_S,
    SET_UP_WITHIN_S,
    STORE_BUDGET_S,
    TAKE_BACK_WITHIN_S,
    TIMESTREAM_CALL_S,
    backfill,
    series,
    store_admin,
    store_setup,
)
from functions.bootstrap.upkeep import audit_export, dashboard_files, registrar
from functions.bootstrap.watching import live, push

__all__ = [
    "CONNECT_S",
    "INGEST_WITHIN_S",
    "ORDERED_WITHIN_S",
    "SERIES_WAIT_S",
    "SET_UP_WITHIN_S",
    "STORE_BUDGET_S",
    "TAKE_BACK_WITHIN_S",
    "TIMESTREAM_CALL_S",
    "actions",
    "alarms",
    "api",
    "audit_export",
    "auth",
    "authorizer",
    "backfill",
    "backtests",
    "commands",
    "dashboard_files",
    "events",
    "ingest",
    "live",
    "presence",
    "push",
    "registrar",
    "series",
    "shadows",
    "store_admin",
    "store_setup",
]
