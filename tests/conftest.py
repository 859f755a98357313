"""What holds for every test: an example may take as long as the machine needs; how long the product may take is measured in tests/bench/.

How the tests are shared out, too: by module, what waits longest first, so that no core stands idle at the end for the sake of one.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
# The cores are taken by the tests beside this one: a second thread of the linear algebra would only spin for one. Children inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
settings.register_profile("fengsui", deadline=None)
settings.load_profile("fengsui")
# Hundreds of processes begin in a run: what is compiled once, and what pytest rewrites, is kept also where the surroundings say otherwise.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
gc.disable()  # what is imported and collected stays: to look for garbage in it is a fifth of the collection's time

LONGEST = ("test_issue_live", "test_chain", "test_loudspeakers", "test_dolphin", "test_hostile", "test_rule_assess", "test_demo", "test_kill", "test_rule_packs",
           "test_sms_after", "test_served", "test_mqtt_sensors", "test_push_kill", "test_lies", "test_rule_afternoon", "test_file_drop_kill")
#: They judge the cases of the same packs, which one process does once.
PACKS = {"test_rule_packs", "test_rule_mutate", "test_rule_packtest"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The modules of LONGEST first, in that order; the others as they come."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_collection_finish() -> None:
    """From here on garbage is looked for again, only among what the tests make."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole modules in the order above; PACKS together."""
    from xdist.scheduler import LoadScopeScheduling

    class Modules(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return "packs" if Path(module).stem in PACKS else module

    config.option.loadscopereorder = False
    return Modules(config, log)
