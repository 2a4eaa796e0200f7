"""Runs inside thingsboard-gateway as a connector: row n of a recording is the number n, one each 1/RATE seconds.

With POSITION it goes on there after a restart: the row that follows the last one which the gateway said it had taken.
"""

import os
import time
from pathlib import Path
from threading import Thread
from typing import Any

from thingsboard_gateway.connectors.connector import Connector
from thingsboard_gateway.gateway.entities.converted_data import ConvertedData
from thingsboard_gateway.gateway.entities.telemetry_entry import TelemetryEntry


class ReplayedConnector(Thread, Connector):
    """The smallest connector that the gateway accepts."""

    def __init__(self, gateway: Any, config: dict[str, Any], connector_type: str) -> None:
        super().__init__(daemon=True)
        self._gateway = gateway
        self._config = config
        self._type = connector_type
        self._stopped = False
        self.name = config["name"]

    def open(self) -> None:
        self.start()

    def run(self) -> None:
        interval_s, rows = 1 / float(os.environ["RATE"]), int(os.environ["ROWS"])
        position = Path(os.environ["POSITION"]) if "POSITION" in os.environ else None
        row = int(position.read_text()) if position is not None and position.exists() else 0
        due = time.monotonic()
        while row < rows and not self._stopped:
            data = ConvertedData(self._config["device"])
            data.add_to_telemetry(TelemetryEntry({"temperature": float(row)}, time.time_ns() // 1_000_000))
            taken = str(self._gateway.send_to_storage(self.name, self.get_id(), data)).endswith("SUCCESS")
            row += taken
            if position is not None and taken:
                _replace(position, str(row))
            due = max(due + interval_s, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def close(self) -> None:
        self._stopped = True

    def get_id(self) -> str:
        return str(self._config["id"])

    def get_name(self) -> str:
        return str(self.name)

    def get_type(self) -> str:
        return self._type

    def get_config(self) -> dict[str, Any]:
        return self._config

    def is_connected(self) -> bool:
        return True

    def is_stopped(self) -> bool:
        return self._stopped

    def on_attributes_update(self, content: Any) -> None:
        """Nothing to set."""

    def server_side_rpc_handler(self, content: Any) -> None:
        """Nothing to call."""


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)
