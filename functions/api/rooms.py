"""The operations with the services that they call."""

from functions.api.operations.devices import DeviceOperations
from functions.api.operations.docs import DocsOperations
from functions.api.operations.me import MeOperations
from functions.api.operations.quarantine import QuarantineOperations
from functions.api.operations.service import ServiceOperations, SignIn
from functions.api.operations.telemetry import TelemetryOperations
from functions.api.request import Request
from functions.services.api import ApiServices


def rooms(request: Request, services: ApiServices, sign_in: SignIn) -> dict[str, object]:
    """By the names that the catalogue of routes uses."""
    return {
        "service": ServiceOperations(services.clock, sign_in),
        "docs": DocsOperations(),
        "me": MeOperations(request),
        "devices": DeviceOperations(request, services.queries),
        "telemetry": TelemetryOperations(request, services.queries),
        "quarantine": QuarantineOperations(request, services.queries),
    }
