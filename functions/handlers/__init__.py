"""Entry points of AWS Lambda: parse, one call, map. Nothing is wired or read from the environment at import."""
