"""From recordings to patients: one estimator that predicts who, not only what was recorded."""

from ._classifier import PatientClassifier
from ._scores import PatientPredictions, patient_scorer

__all__ = ["PatientClassifier", "PatientPredictions", "patient_scorer"]
