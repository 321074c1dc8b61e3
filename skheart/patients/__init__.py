"""From recordings to patients: one estimator that predicts who, not only what was recorded."""

from ._aggregate import TINY, log_odds
from ._classifier import PatientClassifier
from ._recordings import join_recordings, recordings_of_patients
from ._scores import PatientPredictions, patient_scorer

__all__ = ["PatientClassifier", "PatientPredictions", "patient_scorer"]
