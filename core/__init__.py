"""The floor of the house: domain types, county, quality, lake, ledger, alert life cycle, CAP, signing, settings, errors.

Layers inside, each importing only those to its right:
ledger, lake -> alerts, cap, county, quality, settings -> units, signing -> readings, times -> model -> errors.
"""
