"""Every task is kept running, and watched."""
