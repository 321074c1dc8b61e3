"""Every estimator through every check of scikit-learn; the sampler's are in test_sampling."""

import warnings

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from skheart import (
    AttentionCNNClassifier,
    AttentionRNNClassifier,
    LogMelTransformer,
    PatientClassifier,
)


@pytest.mark.parametrize(
    "estimator",
    [
        LogMelTransformer(),
        AttentionCNNClassifier(),
        AttentionRNNClassifier(),
        PatientClassifier(LogisticRegression()),
        PatientClassifier(LogisticRegression(), cv=2, calibrator="logistic"),
    ],
    ids=repr,
)
def test_sklearn_checks(estimator):
    import pandas  # noqa: F401  # without it, scikit-learn leaves out the checks with DataFrames

    with warnings.catch_warnings():
        # Rows of the checks are no spectrograms, and the classifiers say so.
        warnings.filterwarnings("ignore", message="Each row of X is read as", category=UserWarning)
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    by_status = {}
    for result in results:
        by_status.setdefault(result["status"], []).append(result["check_name"])
    assert by_status.pop("failed", []) == []
    assert by_status.pop("xfail", []) == []
    # This one asks for an environment variable, and for estimators that declare the array API.
    assert set(by_status.pop("skipped", [])) <= {"check_array_api_input"}
    assert len(by_status.pop("passed")) > 45
    assert by_status == {}
