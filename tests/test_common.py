"""Every public estimator runs through scikit-learn's checks; tests/sampling has the samplers."""

import importlib
import inspect
import warnings
from importlib.metadata import version

import pandas  # noqa: F401  # without it, scikit-learn leaves out the checks with DataFrames
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import skheart
from skheart import (
    AttentionCNNClassifier,
    AttentionRNNClassifier,
    HeartCycleTransformer,
    HeartPhaseSegmenter,
    LogMelTransformer,
    PatientClassifier,
)
from tests.helpers.small import SMALL

NO_TABLES = "y is no table of phases for each recording"
TOO_SHORT = "rows of 2 to 20 samples are shorter than a frame and have no heart cycle"

# Checks that an estimator cannot pass, with the reason.
REASONS = {
    HeartPhaseSegmenter: dict.fromkeys(
        [
            "check_complex_data",
            "check_dict_unchanged",
            "check_dont_overwrite_parameters",
            "check_dtype_object",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
            "check_estimator_sparse_tag",
            "check_estimators_dtypes",
            "check_estimators_empty_data_messages",
            "check_estimators_fit_returns_self",
            "check_estimators_nan_inf",
            "check_estimators_overwrite_params",
            "check_estimators_pickle",
            "check_f_contiguous_array_estimator",
            "check_fit2d_1feature",
            "check_fit2d_1sample",
            "check_fit2d_predict1d",
            "check_fit_check_is_fitted",
            "check_fit_idempotent",
            "check_fit_score_takes_y",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_n_features_in",
            "check_n_features_in_after_fitting",
            "check_pipeline_consistency",
            "check_positive_only_tag_during_fit",
            "check_readonly_memmap_input",
        ],
        NO_TABLES,
    ),
    HeartCycleTransformer: dict.fromkeys(
        [
            "check_dict_unchanged",
            "check_dtype_object",
            "check_estimators_dtypes",
            "check_estimators_nan_inf",
            "check_estimators_pickle",
            "check_f_contiguous_array_estimator",
            "check_fit_idempotent",
            "check_fit_score_takes_y",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_pipeline_consistency",
            "check_transformer_data_not_an_array",
            "check_transformer_general",
            "check_transformer_preserve_dtypes",
        ],
        TOO_SHORT,
    ),
}

# In torch 2.4, the rounding of a matrix product depends on the place of a row in the batch, which
# may change a probability by more than the tolerance of this check, 1e-9.
OLD_TORCH = [int(number) for number in version("torch").split(".")[:2]] < [2, 5]
ROUNDING = {"check_methods_sample_order_invariance"} if OLD_TORCH else set()


@pytest.mark.parametrize(
    ("estimator", "at_least"),
    [
        (LogMelTransformer(), 45),
        (AttentionCNNClassifier(), 55),
        (AttentionCNNClassifier(channels=(16,), lr=0.03, masked=True, augment="standard"), 55),
        # As deep as by default, but narrow, and soon trained: it is fitted some 60 times.
        (AttentionRNNClassifier(units=(16, 32, 16), lr=0.03, max_epochs=5), 55),
        (PatientClassifier(LogisticRegression()), 45),
        (PatientClassifier(LogisticRegression(), cv=2, calibrator="logistic"), 45),
        (HeartCycleTransformer(), 25),
        (HeartPhaseSegmenter(), 10),
    ],
    ids=repr,
)
def test_estimators_pass_scikit_learns_checks(estimator, at_least):
    reasons = REASONS.get(type(estimator), {})
    with warnings.catch_warnings():
        # The rows of the checks are not spectrograms, as the classifiers warn.
        warnings.filterwarnings("ignore", message="Each row of X is read as", category=UserWarning)
        results = check_estimator(
            estimator, expected_failed_checks=reasons, on_fail=None, on_skip=None
        )
    by_status = {}
    for result in results:
        by_status.setdefault(result["status"], []).append(result["check_name"])
    assert set(by_status.pop("failed", [])) <= ROUNDING
    expected = reasons.keys() & {result["check_name"] for result in results}  # not all are in 1.6
    assert set(by_status.pop("xfail", [])) == expected
    # It runs only with an environment variable, for estimators that declare the array API.
    assert set(by_status.pop("skipped", [])) <= {"check_array_api_input"}
    assert len(by_status.pop("passed")) > at_least
    assert by_status == {}


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("lstm", "check_classifiers_train"),
        ("lstm", "check_methods_sample_order_invariance"),
        ("lstm", "check_methods_subset_invariance"),
        ("gru", "check_classifiers_train"),
        ("gru", "check_methods_sample_order_invariance"),
        ("gru", "check_methods_subset_invariance"),
    ],
)
@pytest.mark.filterwarnings("ignore:Each row of X is read as:UserWarning")
def test_recurrent_networks_of_default_size_pass_checks_of_what_is_learnt(cell, name):
    """The whole suite, which the narrow network above passes, would take minutes."""
    clf = AttentionRNNClassifier(cell=cell)
    checks = [check for _, check in estimator_checks_generator(clf) if check.func.__name__ == name]
    assert checks
    checks[0](clf)


def test_every_public_estimator_is_checked():
    found = {
        value
        for module in map(importlib.import_module, _public_modules())
        for value in (getattr(module, name) for name in module.__all__)
        if inspect.isclass(value) and issubclass(value, BaseEstimator) and hasattr(value, "fit")
    }
    checked = {
        LogMelTransformer,
        AttentionCNNClassifier,
        AttentionRNNClassifier,
        PatientClassifier,
        HeartCycleTransformer,
        HeartPhaseSegmenter,
    }
    elsewhere = {
        skheart.RandomOverSampler,  # imbalanced-learn's checks
        skheart.RecordingDropout,  # imbalanced-learn's checks
        skheart.classifiers.HeartSoundNet,  # skorch's class, which fails scikit-learn's checks
    }
    assert found - elsewhere == checked


def _public_modules():
    return ["skheart", *(f"skheart.{name}" for name in skheart._SUBMODULES)]


@pytest.mark.parametrize("build", SMALL)
def test_the_constructor_takes_what_get_params_returns(build):
    clf = build(lr=0.5).set_params(optimizer__weight_decay=0.1, callbacks=None)
    again = type(clf)(**clf.get_params())
    assert again.get_params() == clf.get_params()
