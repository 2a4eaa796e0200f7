"""A fleet of virtual devices: each is the real agent with its own configuration, identity, queue and connection."""
