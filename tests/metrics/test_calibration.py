"""Calibration error against a loop over bins."""

from itertools import pairwise

import numpy as np
import pytest

from skheart.metrics import expected_calibration_error


def error_by_definition(confidence, right, edges):
    """Loop over bins that are open below and closed above; the first includes 0."""
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
    assert found == pytest.approx(error_by_definition(confidence, right, edges(confidence)))
    each = [
        error_by_definition(column, y_true == label, edges(column))
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
    # Despite its rounding error, 0.1 + 0.2 + 0.3 is in the bin that ends at 0.6, with 0.55.
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
    sure = np.where(p > 0.5, 0.99, 0.01)  # correct with .75, confidence .99
    assert expected_calibration_error(y, sure) == pytest.approx(0.24, abs=0.01)


@pytest.mark.parametrize(
    ("y_proba", "options", "message"),
    [
        ([[0.5, 0.5, 0.0]] * 2, {}, "one column for each of the 2 classes"),
        ([0.5, 1.5], {}, "must contain probabilities"),
        ([0.5, np.nan], {}, "must contain probabilities"),
        ([0.5, 0.5], {"labels": [0, 2]}, "y_true contains 1, which is not in labels"),
        ([0.5, 0.5], {"n_bins": 0}, "The 'n_bins' parameter .* Got 0"),
        ([0.5, 0.5], {"strategy": "mass"}, "The 'strategy' parameter .* Got 'mass'"),
        ([0.5, 0.5], {"average": "micro"}, "The 'average' parameter .* Got 'micro'"),
    ],
)
def test_ece_errors(y_proba, options, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(np.array([0, 1]), y_proba, **options)
