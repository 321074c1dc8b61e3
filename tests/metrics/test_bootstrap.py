"""Bootstrap intervals against the binomial distribution and SciPy, and their coverage."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.utils import check_random_state

from skheart.metrics import Interval, bootstrap_interval, uar


def accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


def mean_of(y_true, values):
    return values.mean()


def make_subjects(rng, n_subjects, per_subject, recall=(0.6, 0.8), precision=2.0):
    """Draw labels, predictions and groups; each subject has its own probability of being correct.

    The probabilities have a beta distribution, which is the wider the lower `precision` is.
    """
    label = np.arange(n_subjects) % 2
    mean = np.asarray(recall)[label]
    p_correct = rng.beta(mean * precision, (1 - mean) * precision)
    groups = np.repeat(np.arange(n_subjects), per_subject)
    y_true = label[groups]
    correct = rng.random(len(groups)) < p_correct[groups]
    return y_true, np.where(correct, y_true, 1 - y_true), groups


def count_misses(method, by_subject, n_trials, recall, precision):
    """Count how often the accuracy is below and above its 90% confidence interval."""
    rng = np.random.default_rng(1)
    below, above = 0, 0
    for seed in range(n_trials):
        y_true, y_pred, groups = make_subjects(rng, 40, 4, recall, precision)
        interval = bootstrap_interval(
            accuracy,
            y_true,
            y_pred,
            groups=groups if by_subject else None,
            confidence=0.9,
            n_resamples=200,
            method=method,
            random_state=seed,
        )
        below += np.mean(recall) < interval.low
        above += np.mean(recall) > interval.high
    return below, above


# ---------------------------------------------------------------------- width and coverage


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_interval_of_one_class_is_binomial(confidence):
    y_true = np.array(["a"] * 400)
    y_pred = np.array(["a"] * 280 + ["b"] * 120)
    interval = bootstrap_interval(
        uar, y_true, y_pred, confidence=confidence, n_resamples=5000, random_state=0
    )
    assert interval.estimate == 0.7
    expected = stats.binom.ppf([(1 - confidence) / 2, (1 + confidence) / 2], 400, 0.7) / 400
    np.testing.assert_allclose(interval[1:], expected, atol=0.005)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_are_those_of_scipy_for_one_sample_per_class(method, confidence):
    rng = np.random.default_rng(2)
    a, b = rng.exponential(size=25), rng.exponential(size=40) ** 2

    def difference(y_true, values):
        return values[y_true == "b"].mean() - values[y_true == "a"].mean()

    ours = bootstrap_interval(
        difference,
        np.repeat(["a", "b"], [25, 40]),
        np.concatenate([a, b]),
        confidence=confidence,
        n_resamples=20000,
        method=method,
        random_state=0,
    )
    theirs = stats.bootstrap(
        (a, b),
        lambda a, b, axis: b.mean(axis) - a.mean(axis),
        confidence_level=confidence,
        n_resamples=20000,
        method=method,
        random_state=np.random.default_rng(1),
    ).confidence_interval
    # The quantiles of 20000 draws have a standard error of about .01 of the width.
    np.testing.assert_allclose(ours[1:], theirs, atol=0.04 * (theirs.high - theirs.low))


def test_the_interval_is_stratified():
    # The standard error of the mean of the recalls .5 (of 40 rows) and .8 (of 160).
    y_true = np.repeat([0, 1], [40, 160])
    y_pred = np.concatenate([np.arange(40) % 2, (np.arange(160) % 5 > 0).astype(int)])
    low, high = bootstrap_interval(uar, y_true, y_pred, n_resamples=4000, random_state=1)[1:]
    error = np.sqrt(0.5 * 0.5 / 40 + 0.8 * 0.2 / 160) / 2
    np.testing.assert_allclose([low, high], [0.65 - 1.96 * error, 0.65 + 1.96 * error], atol=0.01)


@pytest.mark.parametrize(
    ("method", "coverage", "symmetric"),
    [
        # 300 trials have a standard deviation of .017. With 20 subjects per class both kinds are up
        # to .04 short of .90. Each side should be missed 15 times, with a deviation of 3.8.
        ("percentile", 0.79, False),
        ("bca", 0.81, True),
    ],
)
def test_coverage_of_a_skewed_score(method, coverage, symmetric):
    options = {"recall": (0.9, 0.96), "precision": 1.0}
    below, above = count_misses(method, True, 300, **options)
    assert coverage <= 1 - (below + above) / 300 <= 0.95
    assert (max(below, above) <= 2.2 * min(below, above)) == symmetric
    # Intervals of rows are too narrow: 160 rows hold hardly more information than 40 subjects.
    below, above = count_misses(method, False, 100, **options)
    assert 1 - (below + above) / 100 < 0.78


def test_coverage_of_a_symmetric_score():
    below, above = count_misses("percentile", True, 250, recall=(0.6, 0.8), precision=2.0)
    assert 0.84 <= 1 - (below + above) / 250 <= 0.96


def test_resampling_subjects_widens_the_interval():
    y_true, y_pred, groups = make_subjects(np.random.default_rng(0), 60, 8, precision=0.5)
    rows = bootstrap_interval(uar, y_true, y_pred, random_state=0)
    subjects = bootstrap_interval(uar, y_true, y_pred, groups=groups, random_state=0)
    assert subjects.estimate == rows.estimate == uar(y_true, y_pred)
    assert subjects.high - subjects.low > 1.5 * (rows.high - rows.low)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_repeated_rows_do_not_change_the_interval_of_subjects(method):
    y_true, y_pred, _ = make_subjects(np.random.default_rng(0), 40, 1, (0.8, 0.9))
    options = {"method": method, "n_resamples": 500, "random_state": 0}
    once = bootstrap_interval(accuracy, y_true, y_pred, **options)
    groups = np.repeat(np.arange(40), 3)
    thrice = bootstrap_interval(accuracy, y_true[groups], y_pred[groups], groups=groups, **options)
    np.testing.assert_allclose(thrice, once)


# ---------------------------------------------------------------------- what is drawn


def recorded_draws(y_true, groups, **options):
    """Return the row numbers of every resample."""
    drawn = []
    bootstrap_interval(
        lambda _, rows: drawn.append(rows) or rows.mean(),
        y_true,
        np.arange(len(y_true)),
        groups=groups,
        random_state=0,
        **options,
    )
    return drawn[1:]  # the first call scores all rows


def test_rows_of_a_subject_stay_together():
    groups = np.repeat([3, 1, 0, 2], [1, 2, 3, 4])
    for rows in recorded_draws(np.zeros(10, dtype=int), groups, n_resamples=300):
        times = np.bincount(rows, minlength=10)
        assert all(len(set(times[groups == group])) == 1 for group in range(4))
        assert times[[0, 1, 3, 6]].sum() == 4  # as many subjects as there are


@pytest.mark.parametrize(
    ("groups", "y_true", "n_subjects"),
    [
        (np.arange(9), [0] * 6 + [1] * 3, [6, 3]),
        # Subjects 3 and 4 are half 0, half 1, and belong to the rarer class 1.
        (np.repeat(np.arange(5), 2), [0, 0, 0, 0, 0, 0, 0, 1, 0, 1], [5, 2]),
        # Class 2 is the majority of no subject: one stratum for subjects with {0}, one for {0, 2}.
        ([0, 0, 0, 1, 1, 2, 2, 3, 3, 3], [0, 0, 2, 0, 0, 0, 0, 0, 0, 2], [4, 2]),
    ],
)
def test_each_resample_has_as_many_subjects_of_each_class(groups, y_true, n_subjects):
    groups, y_true = np.array(groups), np.array(y_true)
    for rows in recorded_draws(y_true, groups, n_resamples=100):
        times = np.bincount(rows, minlength=len(y_true))
        for label, n in zip(np.unique(y_true), n_subjects, strict=True):
            having = [np.flatnonzero((groups == g) & (y_true == label)) for g in np.unique(groups)]
            assert sum(times[rows[0]] for rows in having if len(rows)) == n


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_no_class_vanishes_from_a_resample(method):
    # "c" is the majority of no subject, and in subject 0 alone.
    groups = np.repeat(np.arange(12), 3)
    y_true = np.where(groups % 2, "a", "b").astype(object)
    y_true[0] = "c"
    with pytest.warns(UserWarning, match="Only one subject in class b and c: it is in every"):
        draws = recorded_draws(y_true, groups, method=method, n_resamples=100)
    assert {tuple(np.unique(y_true[rows])) for rows in draws} == {("a", "b", "c")}


# ---------------------------------------------------------------------- scores and containers


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("columns", [None, 3])
def test_scores_and_probabilities(columns, method):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, columns or 2, 120)
    scores = rng.random((120, columns)) if columns else rng.random(120) + 0.3 * y_true
    if columns:
        scores[np.arange(120), y_true] += 0.3
        scores /= scores.sum(axis=1, keepdims=True)

    def metric(y_true, y_score):
        return roc_auc_score(y_true, y_score, multi_class="ovr")

    interval = bootstrap_interval(
        metric, y_true, scores, method=method, n_resamples=100, random_state=0
    )
    assert interval.estimate == metric(y_true, scores)
    assert interval.low < interval.estimate < interval.high


def test_text_in_any_container_gives_the_same_interval():
    y_true, y_pred, groups = make_subjects(np.random.default_rng(3), 20, 2)
    names = np.array(["Absent", "Present"])
    expected = bootstrap_interval(uar, y_true, y_pred, groups=groups, random_state=0)
    for kind in (list, pd.Series, lambda y: np.asarray(y, dtype=object)):
        interval = bootstrap_interval(
            uar, kind(names[y_true]), kind(names[y_pred]), groups=kind(groups), random_state=0
        )
        assert interval == expected


def test_a_metric_of_scikit_learn():
    y_true, y_pred, groups = make_subjects(np.random.default_rng(1), 40, 2)
    options = {"groups": groups, "n_resamples": 200, "random_state": 0}
    ours = bootstrap_interval(accuracy, y_true, y_pred, **options)
    assert bootstrap_interval(accuracy_score, y_true, y_pred, **options) == pytest.approx(ours)


def test_seed_and_global_generator():
    y_true, y_pred, groups = make_subjects(np.random.default_rng(0), 30, 3)

    def interval(random_state):
        return bootstrap_interval(
            uar, y_true, y_pred, groups=groups, n_resamples=50, random_state=random_state
        )

    before = check_random_state(None).get_state()[1].copy()
    assert interval(7) == interval(7) == interval(np.random.RandomState(7))
    assert interval(7) != interval(8)
    np.testing.assert_array_equal(check_random_state(None).get_state()[1], before)
    assert isinstance(interval(7), Interval)


# ---------------------------------------------------------------------- limits


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_perfect_score_has_an_interval_without_width(method):
    y = np.repeat([0, 1], 10)
    interval = bootstrap_interval(uar, y, y, method=method, n_resamples=50, random_state=0)
    assert interval == (1.0, 1.0, 1.0)


def n_different(y_true, rows):
    return len(np.unique(rows))


def nan_unless_30_rows(y_true, rows):
    return rows.mean() if len(rows) >= 30 else np.nan


@pytest.mark.parametrize(
    ("metric", "values", "confidence"),
    [
        (n_different, np.arange(30), 0.95),  # the score is above that of all resamples
        (nan_unless_30_rows, np.arange(30), 0.95),  # nan without any of the subjects
        (mean_of, np.arange(400) == 7, 1 - 1e-9),  # too skewed for this confidence
    ],
)
def test_where_bca_is_not_defined_the_percentile_interval_is_returned(metric, values, confidence):
    y_true = np.zeros(len(values), dtype=int)
    options = {"confidence": confidence, "n_resamples": 200, "random_state": 0}
    with pytest.warns(UserWarning, match="The BCa interval is not defined for the score") as caught:
        interval = bootstrap_interval(metric, y_true, values, method="bca", **options)
    assert [warning.filename for warning in caught] == [__file__]
    assert interval == bootstrap_interval(metric, y_true, values, **options)


def test_a_score_that_is_nan_in_some_resamples_has_no_interval():
    def recall_of_predicted(y_true, y_pred):
        return np.mean(y_true[y_pred == 1]) if (y_pred == 1).any() else np.nan

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = bootstrap_interval(
            recall_of_predicted, [0, 0, 1, 1], [0, 0, 0, 1], random_state=0
        )
    assert interval.estimate == 1
    assert np.isnan(interval[1:]).all()


@pytest.mark.parametrize(("groups", "width"), [([0, 1, 2, 2], True), ([0, 0, 2, 2], False)])
def test_a_single_subject_of_a_class_is_in_every_resample(groups, width):
    with pytest.warns(UserWarning, match="Only one subject in class .*b") as caught:
        interval = bootstrap_interval(
            uar, ["a", "a", "b", "b"], ["a", "b", "b", "a"], groups=groups, random_state=0
        )
    assert caught[0].filename == __file__
    assert (interval.low < interval.high) is width


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": [1, 1, 1, 1]}, "groups contains only 1 subject"),
        ({"groups": [1, 2, 3]}, r"inconsistent numbers of samples: \[4, 4, 3\]"),
        ({"y_pred": [0, 1]}, r"inconsistent numbers of samples: \[4, 2, 4\]"),
        ({"y_true": [], "y_pred": []}, "at least one row"),
        ({"y_true": 0}, "at least one row"),
        ({"confidence": 95}, "The 'confidence' parameter .* Got 95"),
        ({"confidence": "high"}, "The 'confidence' parameter .* Got 'high'"),
        ({"n_resamples": 0}, "The 'n_resamples' parameter .* Got 0"),
        ({"n_resamples": 10.5}, "The 'n_resamples' parameter .* Got 10.5"),
        ({"method": "BCa"}, "The 'method' parameter .* Got 'BCa'"),
        ({"metric": "uar"}, "The 'metric' parameter .* Got 'uar'"),
        ({"y_pred": [0.2, 0.4, 0.6, 0.8]}, "y_pred is a continuous target"),
        ({"metric": accuracy, "y_true": [0.2, 0.4, 0.6, 0.8]}, "y_true is a continuous target"),
    ],
)
def test_bootstrap_errors(options, message):
    arguments = {"metric": uar, "y_true": [0, 0, 1, 1], "y_pred": [0, 1, 1, 1], **options}
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**arguments)
