"""Every score as a scorer of scikit-learn."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
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


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    y = rng.choice(["Abnormal", "Normal"], 120)
    X = rng.normal(size=(120, 3)) + (y == "Normal")[:, np.newaxis]
    return LogisticRegression().fit(X, y), X, y


def test_every_scorer_scores_the_predictions(fitted):
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


def test_a_scorer_of_probabilities_accepts_a_fold_without_a_class(fitted):
    model, X, y = fitted
    one = y == "Abnormal"
    error = SCORERS["neg_expected_calibration_error"](model, X[one], y[one])
    expected = expected_calibration_error(
        y[one], model.predict_proba(X[one]), labels=model.classes_
    )
    assert error == -expected


def test_a_search_accepts_a_scorer(fitted):
    model, X, y = fitted
    scorer = get_scorer("neg_expected_calibration_error")
    search = GridSearchCV(model, {"C": [1e-6, 1.0]}, scoring=scorer).fit(X, y)
    assert search.cv_results_["mean_test_score"].max() < 0
    assert "expected_calibration_error" in repr(scorer)


def test_names_of_scikit_learn_and_scorers_are_accepted(fitted):
    model, X, y = fitted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_scorer("roc_auc")(model, X, y) == sklearn_scorer("roc_auc")(model, X, y)
    assert get_scorer(SCORERS["uar"]) is SCORERS["uar"]
    with pytest.raises(ValueError, match="'uarr' is unknown. Use one of circor_weighted"):
        get_scorer("uarr")
    with pytest.raises(TypeError):
        SCORERS["mine"] = SCORERS["uar"]
