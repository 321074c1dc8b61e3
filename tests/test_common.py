"""Every estimator through every check of scikit-learn; the sampler's are in test_sampling."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_methods_sample_order_invariance,
    check_methods_subset_invariance,
)

from skheart import (
    AttentionCNNClassifier,
    AttentionRNNClassifier,
    LogMelTransformer,
    PatientClassifier,
)
from skheart.segmentation import HeartCycleTransformer


@pytest.mark.parametrize(
    "estimator",
    [
        LogMelTransformer(),
        # As deep as by default, but narrow, and soon trained: each is fitted some 60 times.
        AttentionCNNClassifier(channels=(8, 8, 8, 8), lr=0.03, max_epochs=5),
        AttentionRNNClassifier(units=(16, 32, 16), lr=0.03, max_epochs=5),
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


DEFAULT_NETS = pytest.mark.parametrize(
    "clf", [AttentionCNNClassifier(), AttentionRNNClassifier()], ids=repr
)


@DEFAULT_NETS
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.filterwarnings("ignore:Each row of X is read as:UserWarning")
def test_nets_of_the_default_size_learn_what_scikit_learn_asks_for(clf, n_classes):
    """The blobs of its check, which is passed in full by the narrow nets above."""
    X, y = make_blobs(n_samples=300, random_state=0)
    X, y = StandardScaler().fit_transform(X)[y < n_classes], y[y < n_classes]
    clf = clone(clf).set_params(random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.83
    np.testing.assert_array_equal(clf.predict_proba(X).argmax(axis=1), clf.predict(X))


@DEFAULT_NETS
@pytest.mark.parametrize(
    "check", [check_methods_sample_order_invariance, check_methods_subset_invariance]
)
def test_nets_of_the_default_size_predict_each_row_alone(clf, check):
    check(type(clf).__name__, clf)


TOO_SHORT = (
    "check_fit_score_takes_y",
    "check_estimators_dtypes",
    "check_dtype_object",
    "check_pipeline_consistency",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_transformer_data_not_an_array",
    "check_transformer_general",
    "check_transformer_preserve_dtypes",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_dict_unchanged",
    "check_fit_idempotent",
)


def test_the_heart_cycle_passes_all_checks_whose_rows_are_long_enough():
    """The others give rows of 2 to 20 samples, and are refused for that."""
    import pandas  # noqa: F401

    cycle = HeartCycleTransformer()
    reasons = dict.fromkeys(TOO_SHORT, "rows shorter than a frame have no heart cycle")
    results = check_estimator(cycle, expected_failed_checks=reasons, on_fail=None, on_skip=None)
    by_status = {}
    for result in results:
        by_status.setdefault(result["status"], []).append(result)
    assert by_status.pop("failed", []) == []
    for result in by_status.pop("xfail"):
        if result["check_name"] != "check_estimators_nan_inf":  # it does not say why
            words = "Segmentation needs recordings from 0.064 s"
            assert words in str(result["exception"]), result["check_name"]
    assert {result["check_name"] for result in by_status.pop("skipped", [])} <= {
        "check_array_api_input"
    }
    assert len(by_status.pop("passed")) > 25
    assert by_status == {}
