"""Evaluation: a model and data in, predictions and tables of scores out.

Files: `_predict` (labels and probabilities of many recordings), `_evaluation` (subject-wise
cross-validation and hold-out), `_tables` (results as text), `_report` (scores by subgroup).
Imports `_utils`, `_cpu` and `metrics`.
"""

from ._evaluation import (
    SubjectEvaluation,
    evaluate_by_subject,
    evaluate_predictions,
    hold_out_by_subject,
)
from ._predict import (
    first_rows,
    predict_in_chunks,
    predict_patients_in_chunks,
    predict_with_probabilities,
    probability_columns,
)
from ._report import ScoreReport, report
from ._tables import class_table, results_table

__all__ = [
    "ScoreReport",
    "SubjectEvaluation",
    "class_table",
    "evaluate_by_subject",
    "evaluate_predictions",
    "hold_out_by_subject",
    "report",
    "results_table",
]
