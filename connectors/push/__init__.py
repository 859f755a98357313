"""The door for neighbouring departments and for reporters: one process that takes, stores, then answers."""
