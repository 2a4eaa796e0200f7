"""thingsboard-gateway from PyPI in an environment of its own, on the same broker and with the same recording."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bench.agents.broker import Broker

VERSION = "3.8.5"
ENVIRONMENT = Path(__file__).parents[2] / ".local" / "thingsboard-gateway"
CONNECTOR = Path(__file__).with_name("replayed_connector.py")


def install() -> Path:
    """The gateway's package folder, installed by the first who asks."""
    python = ENVIRONMENT / "bin" / "python"
    wanted = ENVIRONMENT / f"has-{VERSION}"
    if not wanted.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT], check=True)
        package = f"thingsboard-gateway=={VERSION}"
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, package], check=True)
        wanted.touch()
    (package_folder,) = (ENVIRONMENT / "lib").glob("python*/site-packages/thingsboard_gateway")
    extension = package_folder / "extensions" / "replayed"
    extension.mkdir(exist_ok=True)
    shutil.copy(CONNECTOR, extension)
    return package_folder


def command() -> list[str]:
    return [str(ENVIRONMENT / "bin" / "thingsboard-gateway")]


def configure(folder: Path, broker: Broker) -> dict[str, str]:
    """Write its configuration; what it needs in its environment. QoS 1, files as its storage, no limits of its own."""
    shipped = install() / "config"
    configuration = json.loads((shipped / "tb_gateway.json").read_text())
    server = configuration["thingsboard"]
    server.update(host="localhost", port=broker.port, remoteConfiguration=False, qos=1)
    server["statistics"]["enable"] = False
    server["security"] = {
        "type": "tls",
        "caCert": str(broker.credentials.ca),
        "privateKey": str(broker.credentials.private_key),
        "cert": str(broker.credentials.certificate),
    }
    server.update({key: "0:0," for key in server if key.lower().endswith("ratelimits")})
    (folder / "data").mkdir(parents=True)
    (folder / "logs").mkdir()
    configuration["storage"] = {
        "type": "file",
        "data_folder_path": f"{folder / 'data'}/",
        "max_file_count": 100,
        "max_read_records_count": 100,
        "max_records_per_file": 10_000,
    }
    connector = {"name": "replayed", "id": "replayed", "device": broker.credentials.thing}
    configuration["connectors"] = [
        {
            "type": "replayed",
            "name": "replayed",
            "class": "ReplayedConnector",
            "configuration": "replayed.json",
        }
    ]
    (folder / "tb_gateway.json").write_text(json.dumps(configuration))
    (folder / "replayed.json").write_text(json.dumps(connector))
    shutil.copy(shipped / "logs.json", folder)
    return {"TB_GW_CONFIG_DIR": f"{folder}/"}
