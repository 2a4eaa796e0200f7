"""What telemetry means, free of IO: time, randomness and storage come in through `functions.ports`."""
