"""From the queue to the broker: in which order, how fast, within which budget, and what was lost."""
