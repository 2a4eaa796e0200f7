"""The agent that runs on a device: sensors → pipeline → rules → durable queue → MQTT over mutual TLS.

Importing any module of this package stays cheap: awscrt, paho, cryptography, gpiozero and smbus2 are loaded only by the
call that needs them.
"""
