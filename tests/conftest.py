"""What holds for every test: an example may take as long as the machine needs; how long the product may take is measured in tests/bench/."""

from __future__ import annotations

import gc
import os

from hypothesis import settings

# The cores are taken by the tests beside this one: a second thread of the linear algebra would only spin for one. Children inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
settings.register_profile("fengsui", deadline=None)
settings.load_profile("fengsui")
gc.disable()  # what is imported and collected stays: to look for garbage in it is a fifth of the collection's time


def pytest_collection_finish() -> None:
    """From here on garbage is looked for again, only among what the tests make."""
    gc.freeze()
    gc.enable()
