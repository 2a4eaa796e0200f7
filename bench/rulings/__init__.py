"""What `bench/rules.py` measures: the same messages and rules, for ours and for each peer in a process of its own."""
