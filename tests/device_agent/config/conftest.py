import pytest

from tests.device_agent.config.configuration import MINIMAL


@pytest.fixture
def write(tmp_path):
    (tmp_path / "keys").mkdir()
    for name in ("ca.pem", "pump-7.pem", "keys/pump-7.key"):
        (tmp_path / name).touch(mode=0o600)
    (tmp_path / "recording.csv").write_text("timestamp,value\nt,1\n")

    def write_(text=MINIMAL, **replacements):
        for old, new in replacements.items():
            assert f"{old} = " in text
            text = "\n".join(new if line.startswith(f"{old} = ") else line for line in text.splitlines())
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return path

    return write_
