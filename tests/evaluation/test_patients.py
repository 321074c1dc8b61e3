"""Evaluation of models that classify patients."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold

from skheart.evaluation import evaluate_by_subject
from skheart.patients import PatientClassifier


class OddsByName(ClassifierMixin, BaseEstimator):
    """Probabilities that depend on the number in a file name and on the training set."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.shift_ = sum(int(path[:-4]) for path in X)
        return self

    def predict_proba(self, X):
        odds = np.array([(int(path[:-4]) + self.shift_) % 7 for path in X]) + 1
        return np.stack([odds / 9.3, 1 - odds / 9.3], axis=1)  # no ties


def test_patients_are_predicted_by_models_of_other_subjects():
    subjects = np.repeat(np.arange(16), 4)
    patients = subjects * 2 + np.tile([0, 0, 1, 1], 16)  # two visits each
    order = np.random.default_rng(0).permutation(64)
    patients, subjects = patients[order], subjects[order]
    y = np.where(patients % 4 < 2, "a", "b")
    paths = [f"{row}.wav" for row in range(64)]
    X = pd.DataFrame({"path": paths, "patient": patients, "subject": subjects})
    cv = StratifiedGroupKFold(4, shuffle=True, random_state=3)
    result = evaluate_by_subject(
        PatientClassifier(OddsByName()), X, y, subjects, cv=cv, random_state=0, patients=patients
    )
    expected = {}
    for train, test in cv.split(paths, y, subjects):
        model = OddsByName().fit([paths[row] for row in train], y[train])
        for patient in np.unique(patients[test]):
            own = np.flatnonzero(patients == patient)
            mean = model.predict_proba([paths[row] for row in own]).mean(axis=0)
            expected[own[0]] = y[own[0]], "ab"[mean.argmax()], patient // 2
    true, predicted, who = zip(*(expected[row] for row in sorted(expected)), strict=True)
    assert (result.n_recordings, result.n_subjects) == (32, 16)
    assert result.y_true.tolist() == list(true)
    assert result.y_pred.tolist() == list(predicted)
    assert result.groups.tolist() == list(who)
    assert result.uar.estimate == pytest.approx(balanced_accuracy_score(true, predicted))


@pytest.mark.parametrize("column", ["label", "subject"])
def test_a_patient_of_two_labels_or_subjects(column):
    columns = {"label": list("aabb"), "subject": [0, 0, 1, 1]}
    columns[column][1] = columns[column][2]
    with pytest.raises(ValueError, match=f"patient 0 has the {column}s . and ., but needs one"):
        evaluate_by_subject(
            PatientClassifier(OddsByName()),
            [f"{row}.wav" for row in range(4)],
            columns["label"],
            columns["subject"],
            patients=[0, 0, 1, 1],
        )
