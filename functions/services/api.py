"""Everything that the API's operations call, in one value: the bootstrap makes it, tests make it of fakes."""

from collections.abc import Callable
from dataclasses import dataclass

from functions.ports.clock import Clock
from functions.ports.requests import RequestMemory
from functions.services.alarms import Alarms
from functions.services.audit import ReadAudit
from functions.services.backtests import Backtests
from functions.services.bulk_alarms import BulkAlarms
from functions.services.bulk_commands import BulkCommands
from functions.services.certificates import Certificates
from functions.services.commands import Commands
from functions.services.dead_letters import ManageDeadLetters
from functions.services.deliveries import Deliveries
from functions.services.device_logs import DeviceLogs
from functions.services.devices import Devices
from functions.services.explaining import Explaining
from functions.services.grants import Grants
from functions.services.groups import Groups
from functions.services.intake import Intake
from functions.services.keys import ManageKeys
from functions.services.live_tickets import Tickets
from functions.services.losses import ReadLosses
from functions.services.maintenance import Maintenance
from functions.services.models import DeviceModels
from functions.services.quarantine_replays import QuarantineReplays
from functions.services.queries import Queries
from functions.services.rates import Rates
from functions.services.recipients import ManageRecipients
from functions.services.rule_trials import Trials
from functions.services.rules import Rules
from functions.services.series import History
from functions.services.shadows import DeviceShadows
from functions.services.users import Users
from functions.services.why import Why


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiServices:
    """`cursor_key` gives the secret that cursors are signed with."""

    clock: Clock
    cursor_key: Callable[[], bytes]
    queries: Queries
    devices: Devices
    groups: Groups
    models: DeviceModels
    rules: Rules
    backtests: Backtests
    trials: Trials
    explaining: Explaining
    logs: DeviceLogs
    replays: QuarantineReplays
    dead_letters: ManageDeadLetters
    tickets: Tickets
    history: History
    losses: ReadLosses
    intake: Intake
    alarms: Alarms
    bulk_alarms: BulkAlarms
    recipients: ManageRecipients
    maintenance: Maintenance
    deliveries: Deliveries
    commands: Commands
    bulks: BulkCommands
    shadows: DeviceShadows
    why: Why
    grants: Grants
    users: Users
    keys: ManageKeys
    certificates: Certificates
    audit: ReadAudit
    rates: Rates
    requests: RequestMemory
