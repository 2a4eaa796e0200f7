"""Configuration files for a fleet."""

import pytest


@pytest.fixture
def write_agents(tmp_path):
    """Write `{name}.toml` for each name; returns the paths."""

    def write(*names):
        for file in ("ca.pem", "device.pem", "device.key"):
            (tmp_path / file).touch(mode=0o600)
        paths = []
        for name in names:
            path = tmp_path / f"{name}.toml"
            path.write_text(
                f'thing = "{name}"\nmodel = "climate"\nendpoints = ["localhost:1"]\nqueue = "{name}.queue"\n'
                'queue_max_mib = 2\nca = "ca.pem"\n'
                'certificate = "device.pem"\nprivate_key = "device.key"\nflush_interval_s = 1\n'
                '[[sensor]]\nkind = "simulated"\ninterval_s = 1\n'
            )
            paths.append(path)
        return paths

    return write
