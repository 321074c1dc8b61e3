"""Explanations of predictions, checks of explanations, and a report page.

In: a fitted classifier, pipeline, vote or `PatientClassifier`, and recordings. Out: an
`Explanation` for each recording (maps over time and frequency whose cells sum to the output), a
table that tests whether the maps describe the model, and an HTML page (`report`).

Read `_explanation` (the result), `_explain` (the entry point), `_estimators` (which estimators
are explained), `_networks` and `_saliency` (attention, gradients, occlusion), `_trees` (decision
paths), `_ensembles` and `_patients` (combined results), `_checks` with `_deletion`,
`_random_weights` and `_phases`, then `report`. May import rooms below floor 7; not `plot` or `cli`.
"""

from ._checks import explain_checks
from ._estimators import CannotExplain, check_explainable
from ._explain import explain
from ._explanation import CycleMaps, Explanation, Maps
from ._phases import phase_enrichment
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
