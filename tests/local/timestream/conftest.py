import pytest

from tests.timestream import Lookalike


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Lookalike(tmp_path_factory.mktemp("timestream")) as server:
        yield server


@pytest.fixture(scope="session")
def write(server):
    return server.client("timestream-write")


@pytest.fixture(scope="session")
def query(server):
    return server.client("timestream-query")
