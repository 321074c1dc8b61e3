"""HeartPhaseSegmenter and scikit-learn's checks of estimators."""

import pickle

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from skheart.segmentation import HeartPhaseSegmenter
from tests.helpers.phases import fitted_segmenter

# These checks fit to labels of rows, and a segmenter is fitted to segmentation tables: it refuses
# the labels before it looks at X.
FITS_TO_LABELS = """
    complex_data dict_unchanged dont_overwrite_parameters dtype_object estimator_sparse_array
    estimator_sparse_matrix estimator_sparse_tag estimators_dtypes
    estimators_empty_data_messages estimators_fit_returns_self estimators_nan_inf
    estimators_overwrite_params estimators_pickle f_contiguous_array_estimator fit2d_1feature
    fit2d_1sample fit2d_predict1d fit_check_is_fitted fit_idempotent fit_score_takes_y
    methods_sample_order_invariance methods_subset_invariance n_features_in
    n_features_in_after_fitting pipeline_consistency positive_only_tag_during_fit
    readonly_memmap_input
""".split()  # noqa: SIM905


def test_all_checks_pass_that_do_not_fit_to_labels():
    import pandas  # noqa: F401  # without it, scikit-learn leaves out the checks with DataFrames

    reasons = {f"check_{name}": "y must hold segmentation tables" for name in FITS_TO_LABELS}
    results = check_estimator(
        HeartPhaseSegmenter(), expected_failed_checks=reasons, on_fail=None, on_skip=None
    )
    by_status = {status: set() for status in ("passed", "xfail", "skipped", "failed")}
    for result in results:
        by_status[result["status"]].add(result["check_name"])
    assert by_status["failed"] == set()
    assert by_status["xfail"] == set(reasons)
    assert by_status["skipped"] <= {"check_array_api_input"}
    assert len(by_status["passed"]) >= 12


def test_labels_are_refused():
    with pytest.raises(ValueError, match="y at row 0: segmentation must be a DataFrame"):
        HeartPhaseSegmenter().fit(np.ones((2, 4000)), [0, 1])


def test_what_those_checks_ask_for_holds_on_recordings():
    """Fit returns self, is repeatable, and leaves parameters and input; predictions pickle."""
    sounds, segmenter = fitted_segmenter(max_epochs=1)
    params, X = segmenter.get_params(), np.stack(sounds.data)
    X.flags.writeable = False
    expected = segmenter.predict_proba(X[:2])
    attributes = set(vars(segmenter))
    assert segmenter.fit(X, sounds.segmentation) is segmenter
    assert segmenter.get_params() == params
    assert set(vars(segmenter)) == attributes
    for again in (segmenter, pickle.loads(pickle.dumps(segmenter))):
        np.testing.assert_array_equal(again.predict_proba(X[:2]), expected)
        np.testing.assert_array_equal(again.predict_proba(X[1::-1])[1], expected[0])
