"""Look-alikes of Timestream: LiveAnalytics' and InfluxDB's protocols over one DuckDB engine."""
