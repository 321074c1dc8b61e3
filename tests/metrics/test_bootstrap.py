"""The BCa interval: against scipy, by simulation, and where it is not defined."""

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from skheart.metrics import bootstrap_interval, uar


def mean_of(y_true, values):
    return values.mean()


def accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


def clustered(rng, n_subjects, per_subject, recall):
    """Two classes; the recordings of a subject share its own probability of a hit."""
    label = np.arange(n_subjects) % 2
    mean = np.asarray(recall)[label]
    own = rng.beta(mean, 1 - mean)
    groups = np.repeat(np.arange(n_subjects), per_subject)
    y_true = label[groups]
    hit = rng.random(len(groups)) < own[groups]
    return y_true, np.where(hit, y_true, 1 - y_true), groups


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_one_class_is_scipys_interval(confidence):
    values = np.random.default_rng(0).exponential(size=30)
    options = {"confidence": confidence, "n_resamples": 20000, "random_state": 0}
    ours, percentile = (
        bootstrap_interval(mean_of, ["a"] * 30, values, method=method, **options)
        for method in ("bca", "percentile")
    )
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=20000, method="BCa",
        random_state=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    # The quantiles of 20000 draws have a standard error of about .01 of the width.
    error = 0.04 * (theirs.high - theirs.low)
    np.testing.assert_allclose(ours[1:], theirs, atol=error)
    assert abs(percentile.high - theirs.high) > 1.5 * error  # or this would test nothing


def test_two_classes_are_scipys_interval_of_two_samples():
    rng = np.random.default_rng(2)
    samples = rng.exponential(size=25), rng.exponential(size=40) ** 2
    y_true = np.repeat(["a", "b"], [25, 40])
    options = {"n_resamples": 20000, "random_state": 0}

    def difference(y_true, values):
        return values[y_true == "b"].mean() - values[y_true == "a"].mean()

    values = np.concatenate(samples)
    ours, percentile = (
        bootstrap_interval(difference, y_true, values, method=method, **options)
        for method in ("bca", "percentile")
    )
    theirs = stats.bootstrap(
        samples, lambda a, b, axis: b.mean(axis) - a.mean(axis), n_resamples=20000, method="BCa",
        random_state=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    error = 0.04 * (theirs.high - theirs.low)
    np.testing.assert_allclose(ours[1:], theirs, atol=error)
    assert abs(percentile.high - theirs.high) > 1.5 * error


def test_subjects_are_left_out_whole():
    # Rows that are twice the same add nothing but rows: the interval of subjects stays.
    y_true, y_pred, _ = clustered(np.random.default_rng(0), 40, 1, (0.8, 0.9))
    options = {"method": "bca", "n_resamples": 500, "random_state": 0}
    alone = bootstrap_interval(accuracy, y_true, y_pred, **options)
    groups = np.repeat(np.arange(40), 3)
    thrice = bootstrap_interval(accuracy, y_true[groups], y_pred[groups], groups=groups, **options)
    np.testing.assert_allclose(thrice, alone)
    rows = bootstrap_interval(accuracy, y_true[groups], y_pred[groups], **options)
    assert rows.high - rows.low < 0.8 * (alone.high - alone.low)


def misses(method, by_subject, n_trials=300):
    """How often the truth is below and above the 90 % interval of a high, skewed score."""
    rng = np.random.default_rng(1)
    recall, below, above = (0.9, 0.96), 0, 0
    for i in range(n_trials):
        y_true, y_pred, groups = clustered(rng, 40, 4, recall)
        interval = bootstrap_interval(
            accuracy, y_true, y_pred, groups=groups if by_subject else None, confidence=0.9,
            n_resamples=200, method=method, random_state=i,
        )  # fmt: skip
        below += np.mean(recall) < interval.low
        above += np.mean(recall) > interval.high
    return below, above


def test_coverage_by_simulation():
    # 300 trials at .90 have a standard deviation of .017; with 40 subjects, 20 of a class, either
    # interval is up to .04 short of it (BCa errs by 1/n, the percentile by 1/sqrt(n)): .81 to .95.
    below, above = misses("bca", by_subject=True)
    assert 0.81 <= 1 - (below + above) / 300 <= 0.95
    # Each side should be missed 15 times, +- 3.8. The percentile misses one side far more often.
    assert max(below, above) <= 2.2 * min(below, above)
    below, above = misses("percentile", by_subject=True)
    assert 0.79 <= 1 - (below + above) / 300 <= 0.95
    assert max(below, above) > 2.2 * min(below, above)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_an_interval_of_rows_does_not_cover(method):
    # Recordings of a subject agree: 160 rows know hardly more than 40 subjects.
    below, above = misses(method, by_subject=False, n_trials=150)
    assert 1 - (below + above) / 150 < 0.78


def test_a_score_of_probabilities():
    rng = np.random.default_rng(0)
    y_true, groups = rng.integers(0, 2, 90), np.arange(90) // 3
    y_proba = rng.random((90, 2))
    y_proba[np.arange(90), y_true] += 0.4

    def auc(y_true, y_proba):
        return roc_auc_score(y_true, y_proba[:, 1])

    interval = bootstrap_interval(
        auc, y_true, y_proba, groups=groups, method="bca", n_resamples=200, random_state=0
    )
    assert interval.estimate == auc(y_true, y_proba)
    assert interval.low < interval.estimate < interval.high


# ---------------------------------------------------------------------- not defined


def test_a_perfect_score_has_an_interval_without_width():
    y = np.repeat([0, 1], 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = bootstrap_interval(uar, y, y, method="bca", n_resamples=50, random_state=0)
    assert interval == (1.0, 1.0, 1.0)


def n_different(y_true, rows):
    return len(np.unique(rows))


def whole_only(y_true, rows):
    return rows.mean() if len(rows) >= 30 else np.nan


@pytest.mark.parametrize(
    ("metric", "values", "confidence", "reason"),
    [
        (n_different, np.arange(30), 0.95, "the score 30 lies outside all resamples"),
        (whole_only, np.arange(30), 0.95, "no number without one of the subjects"),
        (mean_of, np.arange(400) == 7, 1 - 1e-9, "the acceleration .* is too large"),
    ],
)
def test_where_it_is_not_defined_it_is_the_percentile_interval(metric, values, confidence, reason):
    y_true = np.zeros(len(values), dtype=int)
    options = {"confidence": confidence, "n_resamples": 200, "random_state": 0}
    with pytest.warns(UserWarning, match=f"BCa interval is not defined: .*{reason}"):
        interval = bootstrap_interval(metric, y_true, values, method="bca", **options)
    assert interval == bootstrap_interval(metric, y_true, values, **options)


def test_the_only_subject_of_a_class_is_not_left_out():
    # "c" is nobody's majority, and in subject 0 alone.
    groups = np.repeat(np.arange(12), 3)
    y_true = np.where(groups % 2, "a", "b").astype(object)
    y_true[0] = "c"
    classes = set()

    def metric(y_true, y_pred):
        classes.add(tuple(np.unique(y_true)))
        return np.mean(y_true == y_pred)

    y_pred = np.where(np.arange(36) % 5 == 0, "a", y_true)
    interval = bootstrap_interval(
        metric, y_true, y_pred, groups=groups, method="bca", n_resamples=100, random_state=0
    )
    assert classes == {("a", "b", "c")}
    assert interval.low < interval.estimate < interval.high


def test_the_method_is_checked():
    with pytest.raises(ValueError, match="method must be 'percentile' or 'bca', got 'BCa'"):
        bootstrap_interval(uar, [0, 1], [0, 1], method="BCa")
