"""Servers for the tests of this folder, started when a test first asks for one."""

from tests.functions.adapters.influx_backends import database, influxd
from tests.functions.adapters.liveanalytics_backend import lookalike, timestream_clients, timestream_database

__all__ = ["database", "influxd", "lookalike", "timestream_clients", "timestream_database"]
