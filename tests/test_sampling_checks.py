"""Both samplers in the checks of imbalanced-learn and scikit-learn."""

import warnings

import numpy as np
import pandas  # noqa: F401  # without it, scikit-learn leaves out the checks with DataFrames
import pytest
from imblearn.base import is_sampler
from imblearn.over_sampling import RandomOverSampler as TableOverSampler
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.estimator_checks import check_estimator

from skheart.sampling import RandomOverSampler, RecordingDropout

RETURNS_A_LIST = "the output is a list, because recordings differ in length"
REASONS = {
    "RandomOverSampler": {},
    "RecordingDropout": {
        "check_target_type": "labels of any type are repeated along with their recordings",
        "check_samplers_one_label": "a single class is repeated like any other",
        "check_samplers_fit": "there is no sampling_strategy_: all classes are repeated equally",
        "check_samplers_string": RETURNS_A_LIST,
        "check_samplers_nan": RETURNS_A_LIST,
        "check_samplers_preserve_dtype": RETURNS_A_LIST,
        "check_sampler_get_feature_names_out": RETURNS_A_LIST,
        "check_sampler_get_feature_names_out_pandas": RETURNS_A_LIST,
    },
}
SAMPLERS = [RandomOverSampler(random_state=0), RecordingDropout()]
CHECKS = [case for sampler in SAMPLERS for case in estimator_checks_generator(sampler)]


def name_of(case):
    return case.func.__name__ if hasattr(case, "func") else type(case).__name__


@pytest.mark.parametrize(("sampler", "check"), CHECKS, ids=name_of)
def test_checks_of_imbalanced_learn(sampler, check):
    reason = REASONS[name_of(sampler)].get(name_of(check))
    if reason is None:
        check(sampler)
    else:
        with pytest.raises((AssertionError, AttributeError)) as caught:
            check(sampler)
        assert (reason is RETURNS_A_LIST) == ("'list' object has no" in str(caught.value))


def test_the_checks_are_not_empty():
    names = {cls: [] for cls in REASONS}
    for sampler, check in CHECKS:
        names[name_of(sampler)].append(name_of(check))
    expected = [name_of(check) for _, check in estimator_checks_generator(TableOverSampler())]
    assert names["RandomOverSampler"] == expected
    assert len(expected) >= 17
    assert len(names["RecordingDropout"]) >= 14
    assert REASONS["RecordingDropout"].keys() <= set(names["RecordingDropout"])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=name_of)
def test_checks_of_scikit_learn(sampler):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(sampler, on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] in ("failed", "xfail")] == []
    assert sum(r["status"] == "passed" for r in results) >= 38


@pytest.mark.parametrize("sampler", SAMPLERS, ids=name_of)
def test_fit_checks_the_input_and_returns_the_sampler(sampler):
    assert is_sampler(sampler)
    assert sampler.fit([np.zeros(3), np.zeros(4)], [0, 1]) is sampler
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 1\]"):
        sampler.fit([np.zeros(3), np.zeros(4)], [0])
