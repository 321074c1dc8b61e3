"""Why a classifier answered as it did: maps over time and frequency, and checks of their truth.

``explain(pipeline, recordings)`` gives an `Explanation` for each recording, of attention nets and
of trees on average heart cycles; ``explain_checks`` says whether explanations are true of the
model. :mod:`skheart.plot` draws them, and :mod:`skheart.explain.report` makes a page to
look at and listen to.
"""

from ._checks import explain_checks
from ._explain import explain, members_of
from ._explanation import CycleMaps, Explanation, Maps
from ._phases import phase_enrichment
from ._votes import part_of
from .report import write_report

__all__ = [
    "CycleMaps",
    "Explanation",
    "Maps",
    "explain",
    "explain_checks",
    "phase_enrichment",
    "write_report",
]
