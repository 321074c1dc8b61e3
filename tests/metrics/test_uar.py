"""uar against scikit-learn and by hand; intervals against the binomial and by simulation."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import check_random_state

from skheart.metrics import Interval, bootstrap_interval, uar, uar_scorer


def accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


ALPHABETS = {
    "str": np.array(["Absent", "Present", "Unknown", "mild"]),
    "object": np.array(["Absent", "Present", "Unknown", "mild"], dtype=object),
    "int": np.array([-1, 1, 7, 3]),
    "uint8": np.array([0, 1, 2, 200], dtype=np.uint8),
    "float": np.array([0.0, 1.0, 2.0, 5.0]),
    "bool": np.array([False, True]),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ALPHABETS)
def test_uar_equals_balanced_accuracy(kind, weighted, seed):
    rng = np.random.default_rng(seed)
    labels = ALPHABETS[kind]
    y_true = rng.choice(labels[: max(2, rng.integers(2, len(labels) + 1))], 60)
    y_pred = np.where(rng.random(60) < 0.5, y_true, rng.choice(labels, 60))  # absent classes too
    weight = rng.random(60) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(y_true, y_pred, sample_weight=weight)
    assert uar(y_true, y_pred, sample_weight=weight) == pytest.approx(expected, abs=1e-12)


def test_uar_by_hand():
    y_true = ["a"] * 4 + ["b"] * 2
    y_pred = ["a", "a", "a", "c", "b", "a"]
    assert uar(y_true, y_pred) == pytest.approx((3 / 4 + 1 / 2) / 2)
    weight = [1, 1, 2, 4, 3, 1]
    assert uar(y_true, y_pred, sample_weight=weight) == pytest.approx((4 / 8 + 3 / 4) / 2)


def test_uar_is_silent_about_a_class_that_is_only_predicted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert uar(["a", "b"], ["a", "c"]) == 0.5


def test_a_class_of_zero_weight_counts_as_absent():
    assert uar([0, 0, 1], [0, 1, 0], sample_weight=[1, 1, 0]) == 0.5


def test_one_class_is_plain_recall():
    assert uar([1, 1, 1, 1], [1, 1, 0, 1]) == 0.75


@pytest.mark.parametrize("container", [list, tuple, pd.Series, lambda y: np.array(y)[:, None]])
def test_uar_takes_any_container(container):
    y_true, y_pred = ["a", "a", "b"], ["a", "b", "b"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a column is worth a warning, not an error
        assert uar(container(y_true), container(y_pred)) == 0.75
    assert uar(pd.Series(y_true, dtype="category"), pd.Series(y_pred, dtype="string")) == 0.75


@pytest.mark.parametrize(
    ("y_true", "y_pred", "options", "message"),
    [
        ([0, 1], [0, 1, 1], {}, r"inconsistent numbers of samples: \[2, 3\]"),
        ([], [], {}, "y_true is empty"),
        ([0, 1], [0.1, 0.9], {}, "y_pred holds a continuous target"),
        ([0.5, 1.5], [0, 1], {}, "y_true holds a continuous target"),
        ([[0, 1], [1, 1]], [0, 1], {}, "y_true holds a multilabel-indicator target"),
        ([0, 1], [[0.2, 0.8], [0.5, 0.5]], {}, "y_pred holds a continuous-multioutput target"),
        ([0.0, np.nan], [0, 1], {}, "y_true holds NaN"),
        (["a", "b"], [0, 1], {}, "both must be text or both numbers"),
        ([0, 1], [0, 1], {"sample_weight": [1.0]}, "sample_weight has 1 values and y_true 2"),
        ([0, 1], [0, 1], {"sample_weight": [1, -1]}, "not negative"),
        ([0, 1], [0, 1], {"sample_weight": [np.nan, 1]}, "finite"),
        ([0, 1], [0, 1], {"sample_weight": [0, 0]}, "at least one weight above 0"),
    ],
)
def test_uar_errors(y_true, y_pred, options, message):
    with pytest.raises(ValueError, match=message):
        uar(y_true, y_pred, **options)


def test_scorer_in_cross_validation_and_search():
    X, y = make_classification(200, n_classes=3, n_informative=5, random_state=0)
    y = np.array(["a", "b", "c"])[y]
    model = LogisticRegression()
    expected = cross_val_score(clone(model), X, y, scoring="balanced_accuracy")
    np.testing.assert_allclose(cross_val_score(model, X, y, scoring=uar_scorer), expected)
    search = GridSearchCV(model, {"C": [1e-4, 1.0]}, scoring=make_scorer(uar)).fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert uar_scorer(search, X, y) == pytest.approx(balanced_accuracy_score(y, search.predict(X)))


# Intervals


def clustered(rng, n_subjects, per_subject, recall=(0.6, 0.8), spread=2.0):
    """Two classes; the recordings of a subject share its own probability of a hit."""
    label = np.arange(n_subjects) % 2
    mean = np.asarray(recall)[label]
    own = rng.beta(mean * spread, (1 - mean) * spread)
    groups = np.repeat(np.arange(n_subjects), per_subject)
    y_true = label[groups]
    hit = rng.random(len(groups)) < own[groups]
    return y_true, np.where(hit, y_true, 1 - y_true), groups


def test_interval_of_one_class_is_the_binomial_one():
    # Resampled hits among n rows of one class are binomial (n, share of hits).
    y_true = np.array(["a"] * 400)
    y_pred = np.array(["a"] * 280 + ["b"] * 120)
    interval = bootstrap_interval(uar, y_true, y_pred, n_resamples=5000, random_state=0)
    assert interval.estimate == 0.7
    expected = stats.binom.ppf([0.025, 0.975], 400, 0.7) / 400
    np.testing.assert_allclose(interval[1:], expected, atol=0.005)
    narrow = bootstrap_interval(uar, y_true, y_pred, confidence=0.5, random_state=0)
    expected = stats.binom.ppf([0.25, 0.75], 400, 0.7) / 400
    np.testing.assert_allclose(narrow[1:], expected, atol=0.005)


def test_interval_is_stratified():
    # Recall .5 of 40 and .8 of 160: the standard error of their mean by hand.
    y_true = np.repeat([0, 1], [40, 160])
    y_pred = np.concatenate([np.arange(40) % 2, (np.arange(160) % 5 > 0).astype(int)])
    low, high = bootstrap_interval(uar, y_true, y_pred, n_resamples=4000, random_state=1)[1:]
    error = np.sqrt(0.5 * 0.5 / 40 + 0.8 * 0.2 / 160) / 2
    np.testing.assert_allclose([low, high], [0.65 - 1.96 * error, 0.65 + 1.96 * error], atol=0.01)
    counts = []
    bootstrap_interval(
        lambda t, p: counts.append(tuple(np.bincount(t))) or 0.0, y_true, y_pred, n_resamples=50
    )
    assert set(counts) == {(40, 160)}


@pytest.mark.parametrize("per_subject", [1, 4])
def test_coverage_by_simulation(per_subject):
    rng = np.random.default_rng(per_subject)
    truth, covered = 0.5 * (0.6 + 0.8), 0
    for i in range(250):
        y_true, y_pred, groups = clustered(rng, 80, per_subject)
        interval = bootstrap_interval(
            accuracy,
            y_true,
            y_pred,
            groups=groups,
            confidence=0.9,
            n_resamples=200,
            random_state=i,
        )
        covered += interval.low <= truth <= interval.high
    # 250 trials at .90 have a standard deviation of .019; a percentile interval falls a bit short.
    assert 0.84 <= covered / 250 <= 0.96


def test_ignoring_the_subjects_does_not_cover():
    rng = np.random.default_rng(0)
    covered = 0
    for i in range(150):
        y_true, y_pred, _ = clustered(rng, 40, 10, spread=0.5)
        interval = bootstrap_interval(
            accuracy, y_true, y_pred, confidence=0.9, n_resamples=100, random_state=i
        )
        covered += interval.low <= 0.7 <= interval.high
    assert covered / 150 < 0.7


def test_subjects_widen_the_interval():
    y_true, y_pred, groups = clustered(np.random.default_rng(0), 60, 8, spread=0.5)
    apart = bootstrap_interval(uar, y_true, y_pred, random_state=0)
    together = bootstrap_interval(uar, y_true, y_pred, groups=groups, random_state=0)
    assert together.estimate == apart.estimate == uar(y_true, y_pred)
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_rows_of_a_subject_stay_together():
    groups = np.repeat(np.array(["x", "y", "z", "w"]), [1, 2, 3, 4])
    rows = np.arange(10)

    def whole_subjects(y_true, picked):
        times = np.bincount(picked, minlength=10)
        assert all(len(set(times[groups == g])) == 1 for g in "xyzw")
        assert times[[0, 1, 3, 6]].sum() == 4  # as many subjects as there are
        return times[0]

    y_true = np.zeros(10, dtype=int)
    low, high = bootstrap_interval(whole_subjects, y_true, rows, groups=groups, random_state=0)[1:]
    assert low == 0
    assert high >= 2


def test_no_class_vanishes_even_if_it_is_nobodys_majority():
    # Class 2 has one row, in one subject of class 0; class 1 ties with class 0 in subject 4.
    groups = [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    y_true = [0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 1]
    classes = []
    bootstrap_interval(
        lambda t, p: classes.append(tuple(np.unique(t))) or 0.0,
        y_true,
        y_true,
        groups=groups,
        n_resamples=300,
        random_state=0,
    )
    assert set(classes) == {(0, 1, 2)}


def test_a_tie_goes_to_the_rarer_class():
    # Subjects 3 and 4 are half 0, half 1. In the stratum of class 1 they are drawn twice in all.
    groups = np.repeat(np.arange(5), 2)
    y_true = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 1])
    ones = []
    bootstrap_interval(
        lambda t, p: ones.append(t.sum()) or 0.0, y_true, y_true, groups=groups, n_resamples=100
    )
    assert set(ones) == {2}


@pytest.mark.parametrize("columns", [None, 3])
def test_scores_are_indexed_by_row(columns):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, columns or 2, 120)
    scores = rng.random((120, columns)) if columns else rng.random(120)
    if columns:
        scores[np.arange(120), y_true] += 0.3
        scores /= scores.sum(axis=1, keepdims=True)

        def metric(y, p):
            return roc_auc_score(y, p, multi_class="ovr")
    else:
        scores += 0.3 * y_true
        metric = roc_auc_score
    interval = bootstrap_interval(metric, y_true, scores, n_resamples=100, random_state=0)
    assert interval.estimate == metric(y_true, scores)
    assert interval.low < interval.estimate < interval.high


def test_text_labels_in_any_container_give_the_same_interval():
    y_true, y_pred, groups = clustered(np.random.default_rng(3), 20, 2)
    names = np.array(["Absent", "Present"])
    expected = bootstrap_interval(uar, y_true, y_pred, groups=groups, random_state=0)
    for kind in (list, pd.Series, lambda y: np.asarray(y, dtype=object)):
        interval = bootstrap_interval(
            uar, kind(names[y_true]), kind(names[y_pred]), groups=kind(groups), random_state=0
        )
        assert interval == expected


def test_seed_and_global_generator():
    y_true, y_pred, groups = clustered(np.random.default_rng(0), 30, 3)

    def interval(random_state):
        return bootstrap_interval(
            uar, y_true, y_pred, groups=groups, n_resamples=50, random_state=random_state
        )

    before = check_random_state(None).get_state()[1].copy()
    assert interval(7) == interval(7) == interval(np.random.RandomState(7))
    assert interval(7) != interval(8)
    np.testing.assert_array_equal(check_random_state(None).get_state()[1], before)
    assert isinstance(interval(7), Interval)
    assert Interval._fields == ("estimate", "low", "high")


def test_one_subject_in_a_class_warns():
    with pytest.warns(UserWarning, match="Only one subject in class b"):
        bootstrap_interval(uar, ["a", "a", "b", "b"], ["a"] * 4, groups=[0, 1, 2, 2])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"groups": [1, 1, 1, 1]}, ValueError, "groups holds 1 subject"),
        ({"groups": [1, 2, 3]}, ValueError, "y_true has 4 rows, y_pred 4 and groups 3"),
        ({"y_pred": [0, 1]}, ValueError, "y_true has 4 rows, y_pred 2"),
        ({"y_true": [], "y_pred": []}, ValueError, "at least one row"),
        ({"y_true": 0}, ValueError, "at least one row"),
        ({"confidence": 95}, ValueError, "confidence .* got 95. For 95 % pass 0.95"),
        ({"confidence": "high"}, ValueError, "confidence .* got 'high'"),
        ({"n_resamples": 0}, ValueError, "n_resamples .* got 0"),
        ({"n_resamples": 10.5}, ValueError, "n_resamples .* got 10.5"),
        ({"metric": "uar"}, TypeError, "metric must be a function .* got 'uar'"),
        ({"y_pred": [0.2, 0.4, 0.6, 0.8]}, ValueError, "y_pred holds a continuous target"),
        (
            {"metric": accuracy, "y_true": [0.2, 0.4, 0.6, 0.8]},
            ValueError,
            "y_true holds a continuous target",
        ),
    ],
)
def test_bootstrap_errors(options, error, message):
    arguments = {"metric": uar, "y_true": [0, 0, 1, 1], "y_pred": [0, 1, 1, 1], **options}
    with pytest.raises(error, match=message):
        bootstrap_interval(**arguments)


def test_any_metric_of_scikit_learn():
    y_true, y_pred, groups = clustered(np.random.default_rng(1), 40, 2)
    ours = bootstrap_interval(accuracy, y_true, y_pred, groups=groups, random_state=0)
    theirs = bootstrap_interval(accuracy_score, y_true, y_pred, groups=groups, random_state=0)
    assert ours == pytest.approx(theirs)
