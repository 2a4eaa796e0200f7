"""The HTTP API as data: `infra` makes its resources from it, the `api` handler serves exactly it.

Paths are without the version: `v1` is the name of the REST stage.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `permission` names a row of the access matrix; a public route has none and needs no token."""

    method: str
    path: str
    operation: str
    permission: str | None

    @property
    def public(self) -> bool:
        return self.permission is None


ROUTES: tuple[Route, ...] = (
    Route("GET", "/health", "health", None),
    Route("GET", "/sign-in", "sign_in", None),
    Route("GET", "/me", "me", "self:read"),
    Route("GET", "/devices", "list_devices", "devices:read"),
    Route("GET", "/devices/{id}", "show_device", "devices:read"),
    Route("GET", "/devices/{id}/telemetry", "device_telemetry", "telemetry:read"),
    Route("GET", "/devices/{id}/quarantine", "device_quarantine", "quarantine:read"),
    Route("GET", "/fleet/summary", "fleet_summary", "devices:read"),
)
