import pytest


@pytest.fixture
def message():
    """A valid message of one measurement: `message(values)`, or `message(values, extra)` for more beside its values."""

    def build(values: str = '{"a":1}', extra: str = "") -> bytes:
        return f'{{"v":1,"boot":"b","seq":1,"sent":2,"m":[{{"ts":5,"values":{values}{extra}}}]}}'.encode()

    return build
