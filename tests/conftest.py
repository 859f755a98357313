"""What holds for every test: an example may take as long as the machine needs; how long the product may take is measured in tests/bench/."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fengsui", deadline=None)
settings.load_profile("fengsui")
