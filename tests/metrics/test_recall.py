"""UAR, sensitivity and specificity against scikit-learn and arithmetic by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, make_scorer, recall_score, roc_curve
from sklearn.model_selection import GridSearchCV, cross_val_score

from skheart.metrics import sensitivity, sensitivity_at_specificity, specificity, uar, uar_scorer

# ---------------------------------------------------------------------- UAR

LABELS = {
    "str": np.array(["Absent", "Present", "Unknown", "mild"]),
    "object": np.array(["Absent", "Present", "Unknown", "mild"], dtype=object),
    "int": np.array([-1, 1, 7, 3]),
    "uint8": np.array([0, 1, 2, 200], dtype=np.uint8),
    "float": np.array([0.0, 1.0, 2.0, 5.0]),
    "bool": np.array([False, True]),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", LABELS)
def test_uar_equals_balanced_accuracy(kind, weighted, seed):
    rng = np.random.default_rng(seed)
    labels = LABELS[kind]
    y_true = rng.choice(labels[: max(2, rng.integers(2, len(labels) + 1))], 60)
    y_pred = np.where(rng.random(60) < 0.5, y_true, rng.choice(labels, 60))
    weight = rng.random(60) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are only predicted
        expected = balanced_accuracy_score(y_true, y_pred, sample_weight=weight)
    assert uar(y_true, y_pred, sample_weight=weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "weight", "expected"),
    [
        ("aaaabb", "aaacba", None, (3 / 4 + 1 / 2) / 2),
        ("aaaabb", "aaacba", [1, 1, 2, 4, 3, 1], (4 / 8 + 3 / 4) / 2),
        ("ab", "ac", None, 1 / 2),  # c is only predicted
        ("aab", "aba", [1, 1, 0], 1 / 2),  # a class of zero weight counts as absent
        ("aaaa", "aaba", None, 3 / 4),  # recall of one class
    ],
)
@pytest.mark.filterwarnings("error")
def test_uar_by_hand(y_true, y_pred, weight, expected):
    assert uar(list(y_true), list(y_pred), sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("container", [list, tuple, pd.Series, lambda y: np.array(y)[:, None]])
def test_uar_takes_any_container(container):
    y_true, y_pred = ["a", "a", "b"], ["a", "b", "b"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns
        assert uar(container(y_true), container(y_pred)) == 0.75
    assert uar(pd.Series(y_true, dtype="category"), pd.Series(y_pred, dtype="string")) == 0.75


@pytest.mark.parametrize(
    ("y_true", "y_pred", "weight", "message"),
    [
        ([0, 1], [0, 1, 1], None, r"inconsistent numbers of samples: \[2, 3\]"),
        ([], [], None, "y_true is empty"),
        ([0, 1], [0.1, 0.9], None, "y_pred is a continuous target"),
        ([0.5, 1.5], [0, 1], None, "y_true is a continuous target"),
        ([[0, 1], [1, 1]], [0, 1], None, "y_true is a multilabel-indicator target"),
        ([0, 1], [[0.2, 0.8], [0.5, 0.5]], None, "y_pred is a continuous-multioutput target"),
        ([0.0, np.nan], [0, 1], None, "y_true contains NaN"),
        (["a", "b"], [0, 1], None, "both must be text or both numeric"),
        ([0, 1], [0, 1], [1.0], r"sample_weight.shape == \(1,\), expected \(2,\)"),
        ([0, 1], [0, 1], [1, -1], "Negative values in data passed to `sample_weight`"),
        ([0, 1], [0, 1], [np.nan, 1], "sample_weight contains NaN"),
        ([0, 1], [0, 1], [0, 0], "sample_weight is 0 for every row"),
    ],
)
def test_uar_errors(y_true, y_pred, weight, message):
    with pytest.raises(ValueError, match=message):
        uar(y_true, y_pred, sample_weight=weight)


def test_scorer_in_cross_validation_and_search():
    X, y = make_classification(200, n_classes=3, n_informative=5, random_state=0)
    y = np.array(["a", "b", "c"])[y]
    model = LogisticRegression()
    expected = cross_val_score(clone(model), X, y, scoring="balanced_accuracy")
    np.testing.assert_allclose(cross_val_score(model, X, y, scoring=uar_scorer), expected)
    search = GridSearchCV(model, {"C": [1e-4, 1.0]}, scoring=make_scorer(uar)).fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert uar_scorer(search, X, y) == pytest.approx(balanced_accuracy_score(y, search.predict(X)))


# ---------------------------------------------------------------------- sensitivity, specificity


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["Absent", "Present", "Unknown"], "Present"),
        (["Normal", "Abnormal"], "Abnormal"),
        ([-1, 1], 1),
        ([0, 1], 1),
        ([False, True], True),
    ],
)
def test_sensitivity_and_specificity_are_recalls_of_one_class_versus_the_rest(
    labels, positive, weighted
):
    rng = np.random.default_rng(0)
    y_true = rng.choice(labels, 80)
    y_pred = np.where(rng.random(80) < 0.6, y_true, rng.choice(labels, 80))
    weight = rng.random(80) if weighted else None
    true, predicted = (y_true == positive).astype(int), (y_pred == positive).astype(int)
    for options in ({}, {"pos_label": positive}):
        for metric, label in ((sensitivity, 1), (specificity, 0)):
            expected = recall_score(true, predicted, pos_label=label, sample_weight=weight)
            found = metric(y_true, y_pred, sample_weight=weight, **options)
            assert found == pytest.approx(expected)


def test_any_class_can_be_the_positive_one():
    y_true, y_pred = ["mild", "mild", "severe", "none"], ["mild", "none", "mild", "none"]
    assert sensitivity(y_true, y_pred, pos_label="mild") == 1 / 2
    assert specificity(y_true, y_pred, pos_label="mild") == 1 / 2  # of severe and none
    assert sensitivity([0, 1, 2, 2], [0, 1, 2, 1], pos_label=2) == 1 / 2


@pytest.mark.parametrize(
    "labels", [["ill", "well"], [1, 2], [0, 1, 2], ["Present", "Abnormal"], ["Normal", "Absent"]]
)
def test_an_unknown_positive_class_is_not_guessed(labels):
    for metric in (sensitivity, specificity, sensitivity_at_specificity):
        with pytest.raises(ValueError, match="Name the positive class, as in pos_label="):
            metric(labels, np.arange(len(labels)) if "at" in metric.__name__ else labels)


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "message"),
    [
        (sensitivity, [0, 0], [0, 1], "sensitivity is nan: .* no positive row"),
        (specificity, [1, 1], [0, 1], "specificity is nan: .* no negative row"),
        (sensitivity_at_specificity, [1, 1], [0.2, 0.4], "no negative row"),
    ],
)
def test_a_missing_class_gives_nan_and_a_warning_in_the_line_of_the_caller(
    metric, y_true, y_pred, message
):
    with pytest.warns(UndefinedMetricWarning, match=message) as caught:
        assert np.isnan(metric(y_true, y_pred))
    assert caught[0].filename == __file__


@pytest.mark.parametrize("metric", [sensitivity, specificity])
def test_a_positive_class_of_another_type_is_an_error(metric):
    with pytest.raises(ValueError, match="pos_label='1' and the labels .* have different types"):
        metric([0, 1], [0, 1], pos_label="1")


# ---------------------------------------------------------------------- at a given specificity


@pytest.mark.parametrize("level", [0.0, 0.5, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_sensitivity_at_specificity_is_the_best_of_all_thresholds(seed, level):
    rng = np.random.default_rng(seed)
    y_true, y_score = rng.integers(0, 2, 60), np.round(rng.random(60), 1)  # with ties
    y_score = y_score + 0.3 * y_true
    best = 0.0
    for threshold in [*np.unique(y_score), np.inf]:
        positive = y_score >= threshold
        if np.mean(~positive[y_true == 0]) >= level - 1e-9:
            best = max(best, np.mean(positive[y_true == 1]))
    found = sensitivity_at_specificity(y_true, y_score, specificity=level)
    assert found == pytest.approx(best)


def test_a_specificity_of_nine_in_ten_may_miss_one_of_ten():
    y_true, y_score = np.repeat([0, 1], [10, 2]), [0.9] + [0.1] * 9 + [0.5, 0.6]
    assert sensitivity_at_specificity(y_true, y_score, specificity=0.9) == 1.0  # 1 - .9 < .1
    assert sensitivity_at_specificity(y_true, y_score, specificity=0.91) == 0.0


def test_the_column_of_the_positive_class_is_taken():
    rng = np.random.default_rng(0)
    labels = np.array(["Absent", "Present", "Unknown"])
    y_true, y_proba = rng.choice(labels, 60), rng.dirichlet(np.ones(3), 60)
    fpr, tpr, _ = roc_curve(y_true == "Present", y_proba[:, 1], drop_intermediate=False)
    expected = tpr[fpr <= 0.2 + 1e-9].max()
    for columns, given in ((y_proba, None), (y_proba, labels), (y_proba[:, ::-1], labels[::-1])):
        found = sensitivity_at_specificity(y_true, columns, specificity=0.8, labels=given)
        assert found == expected


@pytest.mark.parametrize(
    ("y_score", "options", "message"),
    [
        ([0.1, 0.2], {"specificity": 90}, "The 'specificity' parameter .* Got 90"),
        ([[0.1, 0.2, 0.3]] * 2, {}, "y_score has 3 columns for the classes"),
        ([0.1], {}, "inconsistent numbers"),
    ],
)
def test_sensitivity_at_specificity_errors(y_score, options, message):
    with pytest.raises(ValueError, match=message):
        sensitivity_at_specificity([0, 1], y_score, **options)
