"""The allowance of each client: how much it may request in a minute, and what it is told of that."""
