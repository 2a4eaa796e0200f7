"""The agent that runs on a device: sensors → batch → durable queue → MQTT over mutual TLS.

Importing any module of this package stays cheap: `awscrt` and `cryptography` are loaded only by the call
that needs them.
"""
