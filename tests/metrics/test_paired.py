"""The paired test, against scipy's exact tests, brute force and by simulation."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from skheart.metrics import PairedTest, bootstrap_interval, paired_test, uar


def accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


@pytest.mark.parametrize(("a_only", "b_only"), [(5, 1), (4, 4), (0, 6), (3, 2)])
def test_rows_and_accuracy_are_mcnemars_exact_test(a_only, b_only):
    # Rows that both models have right (or wrong) do not matter: the p-value is binomial.
    y_true = np.zeros(10, dtype=int)
    a, b = np.zeros(10, dtype=int), np.zeros(10, dtype=int)
    b[:a_only], a[a_only : a_only + b_only] = 1, 1
    result = paired_test(accuracy, y_true, a, b, random_state=0)
    expected = stats.binomtest(a_only, a_only + b_only).pvalue
    assert result.p_value == pytest.approx(expected)
    assert result.difference == pytest.approx((a_only - b_only) / 10)
    assert result.n_subjects == 10


@pytest.mark.parametrize("seed", range(3))
def test_few_subjects_are_swapped_in_every_way(seed):
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


def test_many_subjects_are_swapped_at_random():
    # The exact p-value of signs is binomial: 24 of 36 subjects differ in favour of one model.
    y_true = np.zeros(60, dtype=int)
    a, b = np.zeros(60, dtype=int), np.zeros(60, dtype=int)
    b[:24], a[24:36] = 1, 1
    result = paired_test(accuracy, y_true, a, b, n_resamples=5000, random_state=0)
    expected = stats.binomtest(24, 36).pvalue  # .065
    assert result.p_value == pytest.approx(expected, abs=4 * np.sqrt(expected / 5000))


def test_the_interval_is_that_of_the_paired_difference():
    # Of accuracies of one class, the mean of hit differences per row: scipy can resample that.
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
    # Both models fail on the same recordings, but for a few: the difference is known well.
    rng = np.random.default_rng(0)
    y_true = np.arange(200) % 2
    b = np.where(rng.random(200) < 0.7, y_true, 1 - y_true)
    a = np.where(rng.random(200) < 0.1, y_true, b)
    result = paired_test(uar, y_true, a, b, random_state=0)
    alone = bootstrap_interval(uar, y_true, a, random_state=0)
    assert result.high - result.low < 0.6 * (alone.high - alone.low)
    assert 0 < result.low < result.difference < result.high
    assert result.p_value < 0.05


def test_subjects_are_swapped_and_drawn_whole():
    y_true, a, b, groups = trial(np.random.default_rng(1), 50, 0.2)
    first = np.arange(50) * 4  # a subject's four rows are the same
    by_subject = paired_test(accuracy, y_true, a, b, groups=groups, random_state=0)
    one_row = paired_test(accuracy, y_true[first], a[first], b[first], random_state=0)
    assert by_subject == pytest.approx(one_row)


def trial(rng, n_subjects, better):
    """Two models of the same kind; a subject of four recordings is right or wrong as a whole."""
    groups = np.repeat(np.arange(n_subjects), 4)
    y_true = groups % 2
    right_a = (rng.random(n_subjects) < 0.7 + better)[groups]
    right_b = (rng.random(n_subjects) < 0.7)[groups]
    return y_true, *(np.where(right, y_true, 1 - y_true) for right in (right_a, right_b)), groups


def rejected(better, by_subject, n_trials=200, n_subjects=40):
    rng = np.random.default_rng(0)
    p_values = []
    for i in range(n_trials):
        y_true, a, b, groups = trial(rng, n_subjects, better)
        groups = groups if by_subject else None
        options = {"groups": groups, "n_resamples": 99, "random_state": i}
        p_values.append(paired_test(accuracy, y_true, a, b, **options).p_value)
    return np.mean(np.array(p_values) <= 0.05)


def test_errors_of_the_first_and_second_kind():
    # 200 trials at .05 have a standard deviation of .015; the steps of the difference make the
    # test cautious, so that less is fine.
    assert rejected(better=0, by_subject=True) <= 0.05 + 3 * 0.015
    assert rejected(better=0.25, by_subject=True, n_trials=50) > 0.6
    # Rows as if they were subjects: a difference is found where there is none.
    assert rejected(better=0, by_subject=False, n_trials=100) > 0.2


def test_the_same_predictions_differ_in_nothing():
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


def test_seed_and_global_generator():
    y_true, a, b, groups = trial(np.random.default_rng(0), 30, 0.1)

    def test(random_state):
        options = {"groups": groups, "n_resamples": 50, "random_state": random_state}
        return paired_test(accuracy, y_true, a, b, **options)

    before = check_random_state(None).get_state()[1].copy()
    assert test(3) == test(3) == test(np.random.RandomState(3))
    assert test(3) != test(4)
    np.testing.assert_array_equal(check_random_state(None).get_state()[1], before)
    assert isinstance(test(3), PairedTest)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y_pred_b": [0, 1]}, ValueError, "y_true has 4 rows, y_pred_a 4, y_pred_b 2 and groups"),
        ({"y_pred_b": ["0", "1", "0", "1"]}, ValueError, "cannot be swapped"),
        ({"y_pred_b": np.ones((4, 2))}, ValueError, "cannot be swapped"),
        ({"groups": [1, 1, 1, 1]}, ValueError, "groups holds 1 subject"),
        ({"metric": "uar"}, TypeError, "metric must be a function"),
        ({"n_resamples": 0}, ValueError, "n_resamples"),
        ({"method": "t"}, ValueError, "method must be"),
    ],
)
def test_paired_errors(options, error, message):
    arguments = {"metric": accuracy, "y_true": [0, 0, 1, 1], "y_pred_a": [0, 1, 1, 1]}
    arguments |= {"y_pred_b": [0, 0, 0, 0], **options}
    with pytest.raises(error, match=message):
        paired_test(**arguments)
