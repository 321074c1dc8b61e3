"""The paired test against SciPy's exact tests, brute force and by simulation."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from skheart.metrics import PairedTest, bootstrap_interval, paired_test, uar


def accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


@pytest.mark.parametrize(("a_only", "b_only"), [(5, 1), (4, 4), (0, 6), (3, 2)])
def test_the_p_value_of_accuracy_over_rows_is_that_of_mcnemars_exact_test(a_only, b_only):
    # Rows on which both models agree do not matter, so the p-value is binomial.
    y_true = np.zeros(10, dtype=int)
    a, b = np.zeros(10, dtype=int), np.zeros(10, dtype=int)
    b[:a_only], a[a_only : a_only + b_only] = 1, 1
    result = paired_test(accuracy, y_true, a, b, random_state=0)
    expected = stats.binomtest(a_only, a_only + b_only).pvalue
    assert result.p_value == pytest.approx(expected)
    assert result.difference == pytest.approx((a_only - b_only) / 10)
    assert result.n_subjects == 10


@pytest.mark.parametrize("seed", range(3))
def test_all_swaps_of_few_subjects_are_tried(seed):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(8), rng.integers(1, 5, 8)))
    y_true = groups % 2
    y_a, y_b = (np.where(rng.random(len(groups)) < p, y_true, 1 - y_true) for p in (0.85, 0.5))
    result = paired_test(uar, y_true, y_a, y_b, groups=groups, random_state=0)
    observed = uar(y_true, y_a) - uar(y_true, y_b)
    swapped = []
    for swap in product([False, True], repeat=8):
        turned = np.array(swap)[groups]
        swapped.append(
            uar(y_true, np.where(turned, y_b, y_a)) - uar(y_true, np.where(turned, y_a, y_b))
        )
    expected = np.mean(np.abs(swapped) >= abs(observed) - 1e-12)
    assert result.p_value == pytest.approx(expected)
    assert result.difference == pytest.approx(observed)


def test_swaps_of_many_subjects_are_random():
    # The exact p-value is binomial: one model is better on 24 of 36 subjects.
    y_true = np.zeros(60, dtype=int)
    a, b = np.zeros(60, dtype=int), np.zeros(60, dtype=int)
    b[:24], a[24:36] = 1, 1
    result = paired_test(accuracy, y_true, a, b, n_resamples=5000, random_state=0)
    expected = stats.binomtest(24, 36).pvalue  # .065
    assert result.p_value == pytest.approx(expected, abs=4 * np.sqrt(expected / 5000))


def test_the_interval_is_that_of_the_paired_difference():
    # The difference between accuracies is the mean of a sample, which SciPy can resample.
    rng = np.random.default_rng(0)
    y_true = np.zeros(80, dtype=int)
    a, b = (rng.random(80) < 0.2).astype(int), (rng.random(80) < 0.4).astype(int)
    result = paired_test(accuracy, y_true, a, b, n_resamples=5000, random_state=0)
    theirs = stats.bootstrap(
        (b - a,), np.mean, n_resamples=5000, method="percentile",
        random_state=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose([result.low, result.high], theirs, atol=0.015)
    skewed = paired_test(accuracy, y_true, a, b, method="bca", random_state=0)
    assert (skewed.low, skewed.high) != (result.low, result.high)


def test_pairing_narrows_the_interval():
    # Both models fail on nearly the same recordings, so the variance of the difference is small.
    rng = np.random.default_rng(0)
    y_true = np.arange(200) % 2
    b = np.where(rng.random(200) < 0.7, y_true, 1 - y_true)
    a = np.where(rng.random(200) < 0.1, y_true, b)
    result = paired_test(uar, y_true, a, b, random_state=0)
    alone = bootstrap_interval(uar, y_true, a, random_state=0)
    assert result.high - result.low < 0.6 * (alone.high - alone.low)
    assert 0 < result.low < result.difference < result.high
    assert result.p_value < 0.05


def make_trial(rng, n_subjects, better):
    """Draw predictions of two models that are right or wrong on all four rows of a subject."""
    groups = np.repeat(np.arange(n_subjects), 4)
    y_true = groups % 2
    right_a = (rng.random(n_subjects) < 0.7 + better)[groups]
    right_b = (rng.random(n_subjects) < 0.7)[groups]
    return y_true, *(np.where(right, y_true, 1 - y_true) for right in (right_a, right_b)), groups


def test_repeated_rows_do_not_change_the_test_of_subjects():
    y_true, a, b, groups = make_trial(np.random.default_rng(1), 50, 0.2)
    first = np.arange(50) * 4  # a subject's four rows are the same
    by_subject = paired_test(accuracy, y_true, a, b, groups=groups, random_state=0)
    one_row = paired_test(accuracy, y_true[first], a[first], b[first], random_state=0)
    assert by_subject == pytest.approx(one_row)


def rejection_rate(better, by_subject, n_trials=200, n_subjects=40):
    rng = np.random.default_rng(0)
    p_values = []
    for i in range(n_trials):
        y_true, a, b, groups = make_trial(rng, n_subjects, better)
        groups = groups if by_subject else None
        options = {"groups": groups, "n_resamples": 99, "random_state": i}
        p_values.append(paired_test(accuracy, y_true, a, b, **options).p_value)
    return np.mean(np.array(p_values) <= 0.05)


def test_type_1_error_and_power():
    # 200 trials at .05 have a standard deviation of .015. The test is conservative, because the
    # difference is discrete.
    assert rejection_rate(better=0, by_subject=True) <= 0.05 + 3 * 0.015
    assert rejection_rate(better=0.25, by_subject=True, n_trials=50) > 0.6
    # With rows as subjects, it finds differences that do not exist.
    assert rejection_rate(better=0, by_subject=False, n_trials=100) > 0.2


def test_equal_predictions_have_no_difference():
    y_true = np.arange(20) % 2
    assert paired_test(uar, y_true, y_true, y_true, random_state=0) == (0.0, 0.0, 0.0, 1.0, 20)


def test_probabilities_and_text_labels():
    rng = np.random.default_rng(0)
    y_true, groups = np.arange(120) % 2, np.arange(120) // 3
    good, bad = rng.random((2, 120, 2))
    good[np.arange(120), y_true] += 1

    def auc(y_true, y_proba):
        return roc_auc_score(y_true, y_proba[:, 1] - y_proba[:, 0])

    result = paired_test(auc, y_true, good, bad, groups=groups, n_resamples=200, random_state=0)
    assert result.difference == pytest.approx(auc(y_true, good) - auc(y_true, bad))
    assert (result.n_subjects, result.low > 0) == (40, True)
    names = np.array(["no", "Present"], dtype=object)
    text = paired_test(
        uar, names[y_true], list(names[y_true]), ["no"] * 120, n_resamples=200, random_state=0
    )
    assert text.difference == 0.5


def test_the_result_depends_only_on_the_seed():
    y_true, a, b, groups = make_trial(np.random.default_rng(0), 30, 0.1)

    def test(random_state):
        options = {"groups": groups, "n_resamples": 50, "random_state": random_state}
        return paired_test(accuracy, y_true, a, b, **options)

    assert test(3) == test(3) == test(np.random.RandomState(3))
    assert test(3) != test(4)
    assert isinstance(test(3), PairedTest)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y_pred_b": [0, 1]}, r"inconsistent numbers of samples: \[4, 4, 2, 4\]"),
        ({"y_pred_b": ["0", "1", "0", "1"]}, "cannot be swapped"),
        ({"y_pred_b": np.ones((4, 2))}, "cannot be swapped"),
        ({"groups": [1, 1, 1, 1]}, "groups contains only 1 subject"),
        ({"metric": "uar"}, "The 'metric' parameter of paired_test must be a callable"),
        ({"n_resamples": 0}, "The 'n_resamples' parameter of paired_test"),
        ({"method": "t"}, "The 'method' parameter of paired_test"),
    ],
)
def test_paired_errors(options, message):
    arguments = {"metric": accuracy, "y_true": [0, 0, 1, 1], "y_pred_a": [0, 1, 1, 1]}
    with pytest.raises(ValueError, match=message):
        paired_test(**{**arguments, "y_pred_b": [0, 0, 0, 0], **options})
