"""SMS: `channel` is what dispatch calls, `stage` keeps the send protocol, `twilio` speaks to the provider, `codes` says what its answers mean.

`lookup`, `read_back` and `polling` ask the provider what it holds.
"""
