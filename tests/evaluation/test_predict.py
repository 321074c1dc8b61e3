"""Labels and probabilities of many recordings, some of which fail."""

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import (
    TunedThresholdClassifierCV,
)
from sklearn.preprocessing import StandardScaler

from skheart.evaluation import (
    predict_in_chunks,
)
from skheart.evaluation._predict import predict_with_probabilities


def test_labels_and_probabilities_equal_separate_calls(data):
    X, y, _ = data
    model = make_pipeline(
        StandardScaler(), "passthrough", RandomOverSampler(random_state=0), LogisticRegression()
    ).fit(X, y)
    labels, probabilities = predict_with_probabilities(model, X)
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_array_equal(probabilities, model.predict_proba(X))


def test_labels_of_a_tuned_threshold_are_those_of_predict():
    X = np.linspace(0, 1, 60)[:, np.newaxis]
    y = np.array([0, 0, 1] * 10 + [0, 1, 1] * 10)
    model = TunedThresholdClassifierCV(LogisticRegression(), scoring="recall", random_state=0)
    model.fit(X, y)
    labels, probabilities = predict_with_probabilities(model, X)
    assert (labels != probabilities.argmax(axis=1)).any()
    np.testing.assert_array_equal(labels, model.predict(X))


def test_without_probabilities_there_are_labels(data):
    X, y, _ = data
    model = Perceptron().fit(X, y)
    labels, probabilities = predict_with_probabilities(model, X)
    assert probabilities is None
    np.testing.assert_array_equal(labels, model.predict(X))
    assert [row[2] for row in predict_in_chunks(Numbers(model), ["1", "2"])] == [None, None]


class Numbers(BaseEstimator):
    """Takes strings of numbers, and fails on a batch with a bad one, as reading files does."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self.model, "classes_")

    def predict(self, X):
        return self.model.predict(np.tile([[float(x)] for x in X], 4))


def test_a_failed_recording_does_not_lose_the_others(data):
    model = Numbers(Perceptron().fit(data[0], data[1]))
    texts = ["0", "1", "none", "3", "4"]
    rows = list(predict_in_chunks(model, texts, chunk_size=2))
    assert [row[0] for row in rows] == [0, 1, 2, 3, 4]
    assert [row[1] is None for row in rows] == [False, False, True, False, False]
    assert "could not convert string to float: 'none'" in str(rows[2][3])
    good = [text for text in texts if text != "none"]
    assert [row[1] for row in rows if row[3] is None] == model.predict(good).tolist()


def test_an_unfitted_model_raises():
    with pytest.raises(NotFittedError):
        list(predict_in_chunks(Numbers(Perceptron()), ["1"]))
    with pytest.raises(NotFittedError):
        predict_with_probabilities(LogisticRegression(), [[0.0]])
