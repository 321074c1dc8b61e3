"""Prediction of patients from their recordings.

Recordings with their patients go in; one label and one set of probabilities per patient come out.

Read `_recordings.py` (recordings and patients from tables or arrays), `_aggregate.py` (from windows
to recordings to patients), `_members.py` (fitting the inner estimators), `_scores.py` (predictions
and `patient_scorer`) and `_classifier.py`. This room imports `classifiers`, `audio` and `_utils`.
"""

from ._aggregate import TINY, log_odds
from ._classifier import PatientClassifier
from ._recordings import join_recordings, recordings_of_patients
from ._scores import PatientPredictions, patient_scorer

__all__ = ["PatientClassifier", "PatientPredictions", "patient_scorer"]
