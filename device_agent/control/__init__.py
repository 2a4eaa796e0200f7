"""The control socket: how the command talks to the agent that runs."""
