"""Entry points of AWS Lambda: parse, one call, map. Nothing is wired or read from the environment at import."""

import gc

# Nearly all that a start makes stays, and so does nearly nothing of what an invocation makes: to look for cycles after
# each 700 objects takes a sixth of a start.
gc.set_threshold(50_000, 10, 10)
