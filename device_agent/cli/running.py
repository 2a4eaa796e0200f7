"""The agent that may run beside the command: whoever has pins and queue is asked, not bypassed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from device_agent.errors import NotRunningError

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig


PATIENCE_S = 65.0


def ask(
    config: "AgentConfig", method: str, params: Mapping[str, Any] | None = None, *, timeout_s: float = PATIENCE_S
) -> Any:
    """What the running agent of this device answers.

    Raises:
        NotRunningError: none does.
        ControlError: it did not answer, or with an error.
    """
    from device_agent.control.server import call

    for place in config.control.places():
        try:
            return call(place, method, params, thing=config.thing, timeout_s=timeout_s)
        except NotRunningError:
            continue
    places = " or ".join(map(str, config.control.places()))
    raise NotRunningError(f"no agent of {config.thing} runs here (nobody listens at {places})")


def answers(config: "AgentConfig", method: str, params: Mapping[str, Any] | None = None) -> Any | None:
    """As `ask`; None if no agent runs."""
    try:
        return ask(config, method, params)
    except NotRunningError:
        return None
