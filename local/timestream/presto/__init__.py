"""Timestream's SQL, a dialect of Presto's: parsed by sqlglot, typed here, run by DuckDB.

Only what is listed compiles. Whatever else a query holds raises ServiceError, and never runs as something similar.
"""
