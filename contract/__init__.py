"""What devices, the cloud and apps agree on: identity, topics, telemetry, device models, documents, errors.

Imports nothing of the project, and of the outside only msgspec.
"""

__version__ = "0.1.0"
"""Of the whole project: read from here, since asking the installation for it costs a device a megabyte of memory."""
