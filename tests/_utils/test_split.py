"""Rows that are trained and validated on: no leakage, balanced, independent of their order."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from skheart._utils.arrays import IndexedRows
from skheart._utils.splits import DIGEST_START, clusters, plan_rows, row_digests, validation_split


def make(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3, 2)).astype(np.float32)
    y = np.repeat([0, 1, 2], [n // 2, n // 3, n - n // 2 - n // 3])
    return X, y


def plan(X, y, **options):
    defaults = {
        "sample_weight": None,
        "groups": None,
        "validation_fraction": None,
        "oversample": False,
        "class_weight": None,
        "seeds": (0, 1),
    }
    return plan_rows(X, y, np.unique(y), **{**defaults, **options})


def test_equal_rows_have_equal_hashes():
    X, _ = make()
    X = np.concatenate([X, X[:5]])
    digests = row_digests(X)
    _, labels = np.unique(digests, axis=0, return_inverse=True)
    _, expected = np.unique(X.reshape(len(X), -1), axis=0, return_inverse=True)
    same = labels.ravel()[:, None] == labels.ravel()
    np.testing.assert_array_equal(same, expected.ravel()[:, None] == expected.ravel())


def alike(n=12, seed=0):
    """Return rows with equal starts; the last three are equal to the first three."""
    X = np.random.default_rng(seed).normal(size=(n, 40, 32)).astype(np.float16)
    X.reshape(n, -1)[:, :DIGEST_START] = X[0].reshape(-1)[:DIGEST_START]
    X[-3:] = X[:3]
    return X


def test_hashes_of_rows_with_equal_starts():
    X = alike()
    _, labels = np.unique(row_digests(X), axis=0, return_inverse=True)
    labels = labels.ravel()
    np.testing.assert_array_equal(labels[-3:], labels[:3])
    assert len(set(labels)) == 9


@pytest.mark.parametrize("rows", [make()[0], alike()], ids=["from the start", "at the end"])
def test_hashes_do_not_depend_on_type_and_layout(rows):
    X = rows.astype(np.float16)
    X[1, -1, -1] = 0
    expected = row_digests(X)
    X[1, -1, -1] = -0.0
    for held in (
        X.astype(np.float32),
        X.astype(np.float64),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=2)[..., ::2],
    ):
        np.testing.assert_array_equal(row_digests(held), expected)


def test_hashes_of_rows_by_index():
    X, _ = make()
    index = np.r_[np.arange(60), 3, 3, 7]
    found = row_digests(IndexedRows(X, index))
    np.testing.assert_array_equal(found[:, 0], row_digests(X[index])[:, 0])
    np.testing.assert_array_equal(found[60:], found[[3, 3, 7]])


def test_clusters_join_groups_and_identical_rows_transitively():
    # 0 and 1 share a group; 1 and 2 are identical; 2 and 3 share a group; 4 is alone.
    digests = np.array([[0, 0], [1, 0], [1, 0], [2, 0], [3, 0]], dtype=np.uint64)
    labels = clusters(digests, ["a", "a", "b", "b", "c"])
    assert len(set(labels[:4])) == 1
    assert labels[4] != labels[0]


@pytest.mark.parametrize("seed", range(5))
def test_groups_and_copies_stay_on_one_side_and_classes_are_stratified(seed):
    X, y = make(200)
    groups = np.arange(200) // 2
    copies = np.random.default_rng(seed).integers(0, 200, 80)
    X, y, groups = (
        np.concatenate([X, X[copies]]),
        np.r_[y, y[copies]],
        np.r_[groups, groups[copies]],
    )
    train, _, valid = plan(X, y, groups=groups, validation_fraction=0.2, seeds=(seed, 1))
    assert not set(groups[train]) & set(groups[valid])
    flat = X.reshape(len(X), -1)
    assert not {row.tobytes() for row in flat[train]} & {row.tobytes() for row in flat[valid]}
    assert sorted([*train, *valid]) == list(range(len(X)))
    for code in range(3):
        assert np.mean(y[valid] == code) == pytest.approx(np.mean(y == code), abs=0.1)
    assert len(valid) / len(X) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize(("fraction", "expected"), [(0.1, 0.1), (0.25, 0.25), (0.4, 0.4)])
def test_fraction(fraction, expected):
    y = np.repeat([0, 1], 200)
    _, valid = validation_split(y, np.arange(400), fraction, 0)
    assert len(valid) / 400 == pytest.approx(expected, abs=0.01)


def test_a_class_with_one_subject_is_trained_on():
    y = np.array([0] * 40 + [1] * 2)
    cluster = np.r_[np.arange(40), 99, 99]
    for seed in range(10):
        train, _ = validation_split(y, cluster, 0.2, seed)
        assert 1 in y[train]


@pytest.mark.parametrize("n_subjects", [2, 3])
def test_too_few_subjects_is_an_error_with_a_remedy(n_subjects):
    y = np.repeat([0, 1, 2][:n_subjects], 4)
    with pytest.raises(ValueError, match=r"validation_fraction=0.5 .*early_stopping=False"):
        validation_split(y, y, 0.5, 0)


def test_oversampling_and_class_weights_act_on_the_training_part_alone():
    X, y = make(90)
    train, weight, valid = plan(X, y, validation_fraction=0.2, oversample=True)
    assert len(set(np.bincount(y[train]))) == 1
    assert weight is None
    assert len(valid) == len(set(valid))
    assert not set(train) & set(valid)

    train, weight, valid = plan(X, y, validation_fraction=0.2, class_weight="balanced")
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y[train])[y[train]]
    np.testing.assert_allclose(weight, expected / expected.mean())
    assert len(np.unique(np.bincount(y[valid]))) > 1


@pytest.mark.parametrize("X", [make(30)[0], alike(30)], ids=["different", "alike"])
def test_order_of_rows_does_not_matter_and_integer_weights_are_counts(X):
    y = make(30)[1]
    shuffled = np.random.default_rng(1).permutation(30)
    first, _, _ = plan(X, y)
    second, _, _ = plan(X[shuffled], y[shuffled])
    np.testing.assert_array_equal(X[first], X[shuffled][second])

    weight = np.arange(30) % 3
    counted, none, _ = plan(X, y, sample_weight=weight.astype(float))
    assert none is None
    np.testing.assert_array_equal(np.bincount(counted, minlength=30), weight)

    repeated = np.repeat(np.arange(30), weight)
    again, _, _ = plan(X[repeated], y[repeated])
    np.testing.assert_array_equal(X[counted], X[repeated][again])

    index, weights, _ = plan(X, y, sample_weight=weight * 0.5)
    assert set(index) == set(np.flatnonzero(weight))
    np.testing.assert_allclose(weights / weights[0], weight[index] / weight[index[0]])


def test_class_weight_of_an_unknown_class():
    X, y = make(30)
    with pytest.raises(ValueError, match=r"class_weight has \[7\].*\[0, 1, 2\]"):
        plan(X, y, class_weight={0: 1, 1: 1, 2: 1, 7: 2})
