"""The rules that put recordings together to patients, by hand."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skheart.patients import PatientClassifier, log_odds
from skheart.patients._aggregate import Aggregator, aggregate
from tests.helpers.small import make, small_cnn, small_rnn


class Fixed(LogisticRegression):
    """A classifier whose probabilities are the rows of X."""

    def predict_proba(self, X):
        return np.asarray(X)


def fixed(X, **params):
    """A fitted classifier of patients whose recordings have the probabilities X."""
    y = np.resize(["a", "b", "c"][: X.shape[1]], 30)
    rows = np.full((30, X.shape[1]), 1 / X.shape[1])
    return PatientClassifier(Fixed(), **params).fit(rows, y)


PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
GROUPS = np.array([5, 5, 9])


@pytest.mark.parametrize(
    ("params", "of_two"),
    [
        ({}, [0.4, 0.4, 0.2]),
        ({"aggregate": "mean_logit"}, np.sqrt([0.7 * 0.1, 0.2 * 0.6, 0.1 * 0.3])),
        (
            {"aggregate": "noisy_or", "negative": "a"},
            [0.7 * 0.1, 1 - 0.8 * 0.4, 1 - 0.9 * 0.7],
        ),
    ],
)
def test_rules_by_hand(params, of_two):
    found = fixed(PROBABILITIES, **params).predict_patients(PROBABILITIES, GROUPS)
    np.testing.assert_allclose(found.probabilities[0], of_two / np.sum(of_two), rtol=1e-9)
    np.testing.assert_allclose(found.probabilities[1], PROBABILITIES[2], rtol=1e-9)
    assert found.patients.tolist() == [5, 9]
    assert found.n_recordings.tolist() == [2, 1]
    assert found.labels[1] == "c"


def test_noisy_or_finds_a_single_positive_recording():
    X = np.array([[0.97, 0.03]] * 3 + [[0.05, 0.95]])
    assert fixed(X, aggregate="noisy_or").predict(X, [0] * 4).tolist() == ["b"] * 4
    assert fixed(X).predict(X, [0] * 4).tolist() == ["a"] * 4


def test_attention_is_the_mean_weighted_by_mass():
    log_proba = np.log(PROBABILITIES[:2])
    mass = np.array([[1.0, 2.0, 4.0], [3.0, 2.0, 1.0]])
    found = aggregate(log_proba, np.zeros(2, int), 1, rule="attention", mass=mass)[0]
    by_hand = np.exp((mass * log_proba).sum(axis=0) / mass.sum(axis=0))
    np.testing.assert_allclose(np.exp(found), by_hand / by_hand.sum())


def test_attention_over_recordings_is_the_head_over_all_their_cells():
    X, y = make(24)
    clf = small_rnn(cell="gru", max_epochs=1).fit(X, y)
    model = PatientClassifier(small_rnn(cell="gru", max_epochs=1), aggregate="attention").fit(X, y)
    groups = np.arange(24) // 4
    found = model.predict_patients(X, groups).probabilities
    from skheart.explain import explain

    head = clf.net_.module_.head
    for patient in range(6):
        maps = [e.head for e in explain(clf, X[groups == patient])]
        with torch.no_grad():
            features = clf.net_.module_.features(torch.as_tensor(X[groups == patient]))
            raw = torch.sigmoid(head.attention_conv(features)).numpy()
        class_map = np.stack([m.class_map[..., 0] for m in maps])
        # One softmax of each recording's logits lies between, which takes a constant away.
        logits = (class_map * raw).sum(2) / raw.sum(2)
        log_proba = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        mass = raw.sum(2)
        together = (log_proba * mass).sum(0) / mass.sum(0)
        by_hand = np.exp(together) / np.exp(together).sum()
        np.testing.assert_allclose(found[patient], by_hand, rtol=1e-4)


def test_attention_needs_a_head_with_attention():
    X, y = make(12)
    model = PatientClassifier(small_cnn(head="max", max_epochs=1), aggregate="attention")
    with pytest.raises(TypeError, match="head='attention'"):
        model.fit(X, y).predict(X)
    with pytest.raises(TypeError, match="classifier of skheart"):
        fixed(PROBABILITIES, aggregate="attention").predict(PROBABILITIES)


def test_recordings_of_a_site_are_put_together_first():
    aggregator = Aggregator(None, 0.5, 4000, "mean_probability", 0)
    log_proba = np.log([[0.8, 0.2], [0.4, 0.6], [0.2, 0.8]])
    site = np.array(["AV", "AV", "MV"])
    found = aggregator.score_patients(log_proba, None, np.zeros(3, int), 1, site)
    assert np.exp(found[0, 0]) == pytest.approx(((0.8 + 0.4) / 2 + 0.2) / 2)
    flat = aggregator.score_patients(log_proba, None, np.zeros(3, int), 1, None)
    assert np.exp(flat[0, 0]) == pytest.approx((0.8 + 0.4 + 0.2) / 3)


def test_log_odds_by_hand():
    by_hand = np.log(PROBABILITIES / (1 - PROBABILITIES))
    np.testing.assert_allclose(log_odds(np.log(PROBABILITIES)), by_hand)
    np.testing.assert_allclose(log_odds(np.log([[0.25, 0.75]])), [[np.log(3)]])
