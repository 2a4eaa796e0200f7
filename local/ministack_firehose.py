"""Firehose as it is on AWS: records gather, and an object holds many, compressed as the stream says.

MiniStack writes an object for each record, at once and never compressed; an hour of a small fleet would be tens of
thousands of files. Here records wait in a file, so that a SIGKILL costs none, and become an object after a few seconds.
"""

import gzip
import threading
from pathlib import Path
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import firehose

INTERVAL_S = 5.0
_SEPARATOR = "@"
_lock = threading.Lock()


def install(folder: Path) -> None:
    """Gather from now on, in files of this folder; what an earlier run left there is delivered with the next object."""
    folder.mkdir(parents=True, exist_ok=True)
    deliver_at_once = firehose._deliver_records_to_s3

    def gather(stream: dict[str, Any], destination: dict[str, Any], records: list[tuple[str, bytes]]) -> None:
        config = destination["config"]
        if config.get("ProcessingConfiguration") or config.get("DataFormatConversionConfiguration"):
            deliver_at_once(stream, destination, records)
            return
        spool = folder / _SEPARATOR.join((get_account_id(), get_region(), stream["name"]))
        with _lock, spool.open("ab") as stream_file:
            stream_file.write(b"".join(data for _, data in records))

    firehose._deliver_records_to_s3 = gather
    threading.Thread(target=_deliver_forever, args=(folder,), daemon=True, name="fieldline-firehose").start()


def _deliver_forever(folder: Path) -> None:
    pause = threading.Event()
    while not pause.wait(INTERVAL_S):
        deliver(folder)


def deliver(folder: Path) -> None:
    """Make an object of each file that waits; files of streams that are gone stay."""
    for spool in folder.iterdir():
        account, region, name = spool.name.split(_SEPARATOR, 2)
        with request_scope(account, region), _lock:
            stream = firehose._streams.get(name)
            if stream is None:
                continue
            for destination in stream["destinations"]:
                data = spool.read_bytes()
                gzipped = destination["config"].get("CompressionFormat") == "GZIP"
                firehose._deliver_to_s3(stream, destination, gzip.compress(data) if gzipped else data)
            spool.unlink()
