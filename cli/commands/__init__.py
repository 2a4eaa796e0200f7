"""The commands: each reads its arguments, makes its calls, and prints."""
