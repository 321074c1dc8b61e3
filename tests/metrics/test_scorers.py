"""Calibration error against a loop over bins, and every metric as a scorer."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer as sklearn_scorer
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from skheart import metrics
from skheart.metrics import (
    SCORERS,
    circor_cost,
    circor_weighted_accuracy,
    expected_calibration_error,
    get_scorer,
    sensitivity_at_specificity,
)

# ---------------------------------------------------------------------- calibration


def by_the_definition(confidence, right, edges):
    """ECE as a plain loop over bins, open below and closed above; the first takes 0 too."""
    error = 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high) | (
            (low == edges[0]) & (confidence <= low)
        )
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return error


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n_bins", [1, 7, 10])
def test_ece_is_the_loop_over_bins(n_bins, strategy):
    rng = np.random.default_rng(n_bins)
    labels = np.array(["a", "b", "c"])
    y_proba, y_true = rng.dirichlet(np.ones(3), 300), rng.choice(labels, 300)

    def edges(confidence):
        if strategy == "uniform":
            return np.linspace(0, 1, n_bins + 1)
        return np.quantile(confidence, np.linspace(0, 1, n_bins + 1))

    confidence, right = y_proba.max(axis=1), labels[y_proba.argmax(axis=1)] == y_true
    options = {"n_bins": n_bins, "strategy": strategy}
    found = expected_calibration_error(y_true, y_proba, **options)
    assert found == pytest.approx(by_the_definition(confidence, right, edges(confidence)))
    each = [
        by_the_definition(column, y_true == label, edges(column))
        for label, column in zip(labels, y_proba.T, strict=True)
    ]
    found = expected_calibration_error(y_true, y_proba, average=None, **options)
    np.testing.assert_allclose(found, each)
    found = expected_calibration_error(y_true, y_proba, average="macro", **options)
    assert found == pytest.approx(np.mean(each))


def test_ece_by_hand():
    assert expected_calibration_error([1, 1, 1, 0], [0.8] * 4) == pytest.approx(0.05)
    assert expected_calibration_error([0, 1], [0.0, 1.0]) == 0.0
    assert expected_calibration_error([1, 0], [0.0, 1.0]) == 1.0
    # 0.6 as a sum of floats is in the bin that ends at 0.6, with 0.55.
    two = [[0.1 + 0.2 + 0.3, 0.4], [0.55, 0.45]]
    assert expected_calibration_error(["a", "b"], two) == pytest.approx(abs(1.15 / 2 - 0.5))
    # A row of weight 3 counts as three rows.
    y_proba, y_true = [0.9, 0.7, 0.75], [1, 0, 1]
    weighted = expected_calibration_error(y_true, y_proba, sample_weight=[1, 3, 1])
    repeated = expected_calibration_error([1, 0, 0, 0, 1], [0.9, 0.7, 0.7, 0.7, 0.75])
    assert weighted == pytest.approx(repeated)


def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large_one():
    rng = np.random.default_rng(0)
    p = rng.random(20000)
    y = (rng.random(20000) < p).astype(int)
    assert expected_calibration_error(y, p) < 0.015
    sure = np.where(p > 0.5, 0.99, 0.01)  # right with .75, says .99
    assert expected_calibration_error(y, sure) == pytest.approx(0.24, abs=0.01)


@pytest.mark.parametrize(
    ("y_proba", "options", "message"),
    [
        ([[0.5, 0.5, 0.0]] * 2, {}, "one column per class"),
        ([0.5, 1.5], {}, "must hold probabilities"),
        ([0.5, np.nan], {}, "must hold probabilities"),
        ([0.5, 0.5], {"labels": [0, 2]}, "y_true holds 1, which is not in labels"),
        ([0.5, 0.5], {"n_bins": 0}, "n_bins must be an integer of at least 1, got 0"),
        ([0.5, 0.5], {"strategy": "mass"}, "strategy must be .* got 'mass'"),
        ([0.5, 0.5], {"average": "micro"}, "average must be .* got 'micro'"),
    ],
)
def test_ece_errors(y_proba, options, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(np.array([0, 1]), y_proba, **options)


# ---------------------------------------------------------------------- scorers


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    y = rng.choice(["Abnormal", "Normal"], 120)
    X = rng.normal(size=(120, 3)) + (y == "Normal")[:, np.newaxis]
    return LogisticRegression().fit(X, y), X, y


def test_every_scorer_is_the_function_of_the_predictions(fitted):
    model, X, y = fitted
    labels, proba = model.predict(X), model.predict_proba(X)
    expected = {
        "circor_weighted_accuracy": circor_weighted_accuracy(y, labels),
        "neg_circor_cost": -circor_cost(y, labels),
        "neg_expected_calibration_error": -expected_calibration_error(y, proba),
        "physionet2016_macc": recall_score(y, labels, average="macro"),
        "sensitivity": recall_score(y, labels, pos_label="Abnormal"),
        "sensitivity_at_specificity": sensitivity_at_specificity(y, proba[:, 0]),
        "specificity": recall_score(y, labels, pos_label="Normal"),
        "uar": recall_score(y, labels, average="macro"),
    }
    assert expected.keys() == SCORERS.keys()
    for name, value in expected.items():
        assert get_scorer(name) is SCORERS[name] is getattr(metrics, f"{name}_scorer")
        assert SCORERS[name](model, X, y) == pytest.approx(value), name
        again = pickle.loads(pickle.dumps(SCORERS[name]))
        assert again(model, X, y) == pytest.approx(value), name
        folds = cross_val_score(clone(model), X, y, scoring=SCORERS[name], cv=3)
        assert np.isfinite(folds).all(), name


def test_a_scorer_of_probabilities_takes_a_fold_without_a_class(fitted):
    model, X, y = fitted
    one = y == "Abnormal"
    error = SCORERS["neg_expected_calibration_error"](model, X[one], y[one])
    expected = expected_calibration_error(
        y[one], model.predict_proba(X[one]), labels=model.classes_
    )
    assert error == -expected


def test_a_search_takes_a_scorer(fitted):
    model, X, y = fitted
    scorer = get_scorer("neg_expected_calibration_error")
    search = GridSearchCV(model, {"C": [1e-6, 1.0]}, scoring=scorer).fit(X, y)
    assert search.cv_results_["mean_test_score"].max() < 0
    assert "expected_calibration_error" in repr(scorer)


def test_names_of_scikit_learn_and_scorers_themselves(fitted):
    model, X, y = fitted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_scorer("roc_auc")(model, X, y) == sklearn_scorer("roc_auc")(model, X, y)
    assert get_scorer(SCORERS["uar"]) is SCORERS["uar"]
    with pytest.raises(ValueError, match="'uarr' is not known. Take one of circor_weighted"):
        get_scorer("uarr")
    with pytest.raises(TypeError):
        SCORERS["mine"] = SCORERS["uar"]


def test_one_answer_to_all_by_a_dummy_classifier():
    murmur = np.repeat(["Present", "Unknown", "Absent"], [179, 68, 695])
    X = np.zeros((942, 1))
    model = DummyClassifier(strategy="constant", constant="Present").fit(X, murmur)
    assert get_scorer("circor_weighted_accuracy")(model, X, murmur) == 5 * 179 / (
        5 * 179 + 204 + 695
    )
