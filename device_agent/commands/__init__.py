"""Commands from the cloud: each is done once, in time, or not at all, and is answered."""
