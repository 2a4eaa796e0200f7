"""Servers for the tests of this folder, started when a test first asks for one."""

from tests.functions.adapters.influx_backends import database, influxd

__all__ = ["database", "influxd"]
