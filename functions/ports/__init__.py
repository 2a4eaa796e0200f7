"""What the use cases need of the world. Each port has an adapter for AWS and a fake in `functions.adapters.memory`.

A module for each room: a function imports those that it uses, and with them no more of the domain than it needs.
"""
