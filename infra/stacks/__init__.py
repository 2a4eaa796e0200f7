"""One stack per lifecycle: data outlives devices, devices outlive code."""
