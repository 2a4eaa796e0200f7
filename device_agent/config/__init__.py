"""What the agent is told: TOML files, read into frozen dataclasses with every problem reported at once."""
