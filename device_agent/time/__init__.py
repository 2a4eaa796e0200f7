"""What time it is on a machine without a clock (docs/adr/0012-time-on-a-device.md)."""
