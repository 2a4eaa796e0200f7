"""The rules of one device at work: which messages they see in which order, and what they find. Pure."""
