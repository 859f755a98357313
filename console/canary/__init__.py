"""The canary (链路自检): a test that goes the whole way from a feed to a test phone and a test loudspeaker, and a watch that shares nothing with the way.

`lane` is the place it flies in, `walk` the way as a list of stages, `log` what was seen where, `watch` the far end.
"""
