"""A first folder for a county that has none: the least that `fengsui county check` passes, every made-up value marked, closed to live operation."""
