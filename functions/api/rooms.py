"""The operations with the services that they call."""

from functions.api.cursors import Cursors
from functions.api.operations.alarms import AlarmOperations
from functions.api.operations.audit import AuditOperations
from functions.api.operations.backtests import BacktestOperations
from functions.api.operations.certificates import CertificateOperations
from functions.api.operations.commands import CommandOperations
from functions.api.operations.dead_letters import DeadLetterOperations
from functions.api.operations.deliveries import DeliveryOperations
from functions.api.operations.devices import DeviceOperations
from functions.api.operations.docs import DocsOperations
from functions.api.operations.events import EventOperations
from functions.api.operations.explanations import ExplanationOperations
from functions.api.operations.groups import GroupOperations
from functions.api.operations.keys import KeyOperations
from functions.api.operations.live import LiveOperations
from functions.api.operations.maintenance import MaintenanceOperations
from functions.api.operations.me import MeOperations
from functions.api.operations.models import ModelOperations
from functions.api.operations.quarantine import QuarantineOperations
from functions.api.operations.recipients import RecipientOperations
from functions.api.operations.rules import RuleOperations
from functions.api.operations.service import Deployment, ServiceOperations, SignIn
from functions.api.operations.shadows import ShadowOperations
from functions.api.operations.telemetry import TelemetryOperations
from functions.api.operations.trials import TrialOperations
from functions.api.operations.users import UserOperations
from functions.api.request import Request
from functions.services.api import ApiServices


def rooms(request: Request, services: ApiServices, sign_in: SignIn, deployment: Deployment) -> dict[str, object]:
    """By the names that the catalogue of routes uses."""
    cursors = Cursors(services.cursor_key)
    return {
        "service": ServiceOperations(services.clock, sign_in, deployment),
        "docs": DocsOperations(),
        "me": MeOperations(request, services.why),
        "users": UserOperations(request, services.users, services.grants, cursors),
        "keys": KeyOperations(request, services.keys, cursors, services.clock),
        "certificates": CertificateOperations(request, services.certificates),
        "live": LiveOperations(request, services.tickets),
        "devices": DeviceOperations(request, services.queries, services.devices, cursors),
        "groups": GroupOperations(request, services.groups, cursors),
        "models": ModelOperations(request, services.models, cursors),
        "backtests": BacktestOperations(request, services.backtests),
        "explanations": ExplanationOperations(request, services.explaining),
        "trials": TrialOperations(request, services.trials),
        "rules": RuleOperations(request, services.rules, cursors),
        "events": EventOperations(request, services.logs, cursors, services.clock),
        "telemetry": TelemetryOperations(request, services.history, services.intake, services.losses, cursors),
        "alarms": AlarmOperations(request, services.alarms, services.bulk_alarms, cursors),
        "recipients": RecipientOperations(request, services.recipients, cursors),
        "maintenance": MaintenanceOperations(request, services.maintenance, cursors, services.clock),
        "deliveries": DeliveryOperations(request, services.deliveries, cursors),
        "commands": CommandOperations(request, services.commands, services.bulks, cursors),
        "shadows": ShadowOperations(request, services.shadows, cursors),
        "audit": AuditOperations(request, services.audit, cursors),
        "dead_letters": DeadLetterOperations(request, services.dead_letters),
        "quarantine": QuarantineOperations(request, services.logs, services.replays, cursors),
    }
