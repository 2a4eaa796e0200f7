"""The `fieldline` command: sign in, look at devices and telemetry, edit the fleet file; on AWS and laptop alike."""
