"""Readings to risk: the analysts' house. Packs of rules are data (packs/), the engine here reads them.

language (what analysts write) -> catalogue, rule, packs (what they declared, words of their own included) -> situation (what is known) -> findings (what the
rules say) -> hold (what is remembered) -> assess, explain (the steps).
"""

from rules.assess import AssessReport, assess
from rules.explain import Explanation, explain, explain_town
from rules.exposure import priority

__all__ = ["AssessReport", "Explanation", "assess", "explain", "explain_town", "priority"]
