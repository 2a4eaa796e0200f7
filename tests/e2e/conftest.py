import os
import shutil
from pathlib import Path

import pytest

from device_agent import identity
from tests.e2e.cloud import ROOT, Cloud
from tests.e2e.replay import play

# Away from the port of a platform that somebody runs beside the tests.
PORT = int(os.environ.get("FIELDLINE_TEST_PORT", "18420"))
MODELS = {
    "alarmed": "machine",
    "alarmed-late": "machine",
    "alarmed-mixed": "machine",
    "alarmed-plain": "machine",
    "obedient": "machine",
    "other": "climate",
    "outlasting": "climate",
    "probe": "climate",
    "replayer": "climate",
    "replayer-2": "climate",
    "replayer-3": "climate",
    "survivor": "machine",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cloud)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """One laptop cloud with twelve simulated devices, and the test's own declared in a fleet file."""
    folder = tmp_path_factory.mktemp("fleet")
    entries = []
    for name, model in MODELS.items():
        identity.create(name, folder)
        entries.append(f'[[device]]\nname = "{name}"\nmodel = "{model}"\ngroup = "test/e2e"\ncsr = "{name}.csr"\n')
    (folder / "fleet.toml").write_text("\n".join(entries))
    cloud = Cloud(PORT, folder)
    cloud.run("local", "down", "--purge", "--port", str(PORT), check=False)
    try:
        cloud.up()
        yield cloud
    finally:
        if keep := os.environ.get("FIELDLINE_KEEP_LOGS"):
            shutil.copytree(ROOT / ".local" / str(PORT) / "logs", keep, dirs_exist_ok=True)
        cloud.run("local", "down", "--purge", "--port", str(PORT), check=False)


@pytest.fixture(scope="session")
def replayed(cloud):
    """What `replayer` played into the store that the cloud began with."""
    return play(cloud, "replayer")
