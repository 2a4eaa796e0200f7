"""The quarantine of a device whose model was wrong, and its replay."""

import json
from itertools import count

import msgspec

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from contract.models import shipped
from tests.functions.ingest_fleet import NOW

_numbers = count()


def climate(**maxima):
    """The climate model with other upper bounds."""
    model = shipped()["climate"]
    metrics = {
        key: msgspec.structs.replace(metric, maximum=maxima.get(key, metric.maximum))
        for key, metric in model.metrics.items()
    }
    return {**shipped(), "climate": msgspec.structs.replace(model, metrics=metrics)}


def message(*measurements, seq=0, thing="pump-1", received_at=NOW, boot="b1"):
    """`measurements` are pairs of how long ago, and values."""
    m = [{"ts": NOW - ago, "values": values} for ago, values in measurements]
    document = {"v": 1, "boot": boot, "seq": seq, "sent": NOW, "m": m}
    return wrapper.encode(IngestMessage(data=json.dumps(document).encode(), thing=thing, received_at=received_at))


def entries(fleet, thing="pump-1"):
    return fleet.quarantine.page(thing, 100, None).entries


def replay(fleet, *ids, thing="pump-1", take=None):
    """Replay these entries, or all of the device, as the API has the queue say so."""
    wanted = ids or [entry.id for entry in entries(fleet, thing)]
    bodies = {
        f"replay-{next(_numbers)}": wrapper.encode(IngestMessage(data=b"", thing=thing, received_at=NOW, replay=entry))
        for entry in wanted
    }
    return (take or fleet.take)(bodies)
