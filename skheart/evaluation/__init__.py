"""Evaluation: a model and data in, tables of scores out."""

from ._evaluation import (
    SubjectEvaluation,
    class_table,
    evaluate_by_subject,
    evaluate_predictions,
    hold_out_by_subject,
    results_table,
)
from ._predict import (
    in_order,
    predict_in_chunks,
    predict_patients_in_chunks,
    predict_with_probabilities,
    probability_columns,
)
from ._report import ScoreReport, report

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
