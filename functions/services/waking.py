"""Has a device's rules looked at because the registry is about to say something else of it."""

from functions.domain.alarm_work import Wake
from functions.ports.alarms import AlarmsQueue

STANDS_S = 5
"""Later than the change stands, or was refused."""
FORGOTTEN_S = 75
"""Later than any process still goes by what the registry said before: the rulebook remembers a device for a minute.
What such a process made of a message meanwhile is put right then, also if the device never sends again.
"""


class Waking:
    def __init__(self, alarms: AlarmsQueue) -> None:
        self._alarms = alarms

    def before_change(self, thing: str) -> None:
        """To be called before the change, so that none is made without it; for nothing, a device is evaluated in vain.

        Raises AlarmsError.
        """
        for delay_s in (STANDS_S, FORGOTTEN_S):
            self._alarms.put(Wake(thing=thing), delay_s=delay_s)
