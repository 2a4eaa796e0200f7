"""Servers for the tests of this folder, started when a test first asks for one."""

from tests.functions.adapters.influx_backends import database, influx_admin, influxd, mapped
from tests.functions.adapters.liveanalytics_backend import lookalike, timestream_clients, timestream_database

__all__ = ["database", "influx_admin", "influxd", "lookalike", "mapped", "timestream_clients", "timestream_database"]
