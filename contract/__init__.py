"""What devices, the cloud and apps agree on: identity, topics, telemetry, device models, documents, errors.

Imports nothing of the project, and of the outside only msgspec.
"""
