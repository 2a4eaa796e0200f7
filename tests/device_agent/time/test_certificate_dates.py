import datetime as dt

import pytest

from device_agent.time import certificate_dates


async def test_a_certificate_is_not_older_than_it_says(credentials, log):
    since = await certificate_dates.not_before_ms(credentials.certificate, log)
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    assert abs(since / 1000 - yesterday.timestamp()) < 3600


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_one_that_cannot_be_read_says_nothing_and_the_log_says_why(content, tmp_path, log, caplog):
    path = tmp_path / "device.pem"
    if content is not None:
        path.write_bytes(content)
    assert await certificate_dates.not_before_ms(path, log) == 0
    assert "since when the certificate is valid cannot be read: " in caplog.text
    assert "Error" in caplog.text
