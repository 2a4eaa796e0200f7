"""Ports on AWS services, and fakes in memory that pass the same suites."""
