"""The code that runs in AWS Lambda: thin handlers, a pure domain, ports and their adapters."""
