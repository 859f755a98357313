"""Were the warnings right: spans of warnings against spans of what happened, the skill with its uncertainty, and pictures of both.

period (what time was looked at) -> events (spans, read and matched) -> skill (POD, FAR, CSI, bias, lead time, bootstrap) -> pictures (SVG) -> report (one HTML file).
"""

from rules.verify.events import Outcome, Span, match, read_spans
from rules.verify.skill import Skill, auc, skill

__all__ = ["Outcome", "Skill", "Span", "auc", "match", "read_spans", "skill"]
