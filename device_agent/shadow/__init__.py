"""Named shadows: what is desired comes in, what is true goes out."""
