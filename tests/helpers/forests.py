"""Data for forests, and bitwise comparison of forests."""

import numpy as np

import skheart

rng = np.random.default_rng(0)
Y = np.arange(90) % 3
X = (rng.normal(size=(90, 6)) + Y[:, None] * [1, 0.5, 0, 0, 0, 0]).astype(np.float32)
X[:, 3] = np.round(X[:, 3])  # ties
MISSING = np.where(rng.random(X.shape) < 0.1, np.float32("nan"), X)
WORDS = np.array(["mild", "normal", "severe"])[Y]
WEIGHTS = rng.integers(0, 4, 90) / 3
TREES = {"n_estimators": 12, "random_state": 3}
SAMPLED = {"bootstrap": True, "oob_score": True, "max_samples": 0.6, "n_estimators": 40}


def again(estimator, tmp_path):
    skheart.save(estimator, tmp_path / "again")
    return skheart.load(tmp_path / "again")


def edges(forest, rows):
    """Return rows with each threshold, its float32 neighbours, and extreme values."""
    made = [rows]
    for tree in forest.estimators_:
        nodes = tree.tree_
        inner = np.flatnonzero(nodes.children_left >= 0)
        near = nodes.threshold[inner].astype(np.float32)
        for value in (near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))):
            some = rows[np.arange(len(inner)) % len(rows)]
            some[np.arange(len(inner)), nodes.feature[inner]] = value
            made.append(some)
    for value in (0, -0.0, 1e-45, 1e37, -1e37):
        made.append(np.full((1, rows.shape[1]), value, dtype=np.float32))
    made = np.concatenate(made)
    return made[~np.isinf(made).any(axis=1)]


def assert_same_trees(one, two):
    for tree, other in zip(one.estimators_, two.estimators_, strict=True):
        assert type(tree) is type(other)
        assert tree.get_params() == other.get_params()
        assert vars(tree).keys() == vars(other).keys()
        for name in vars(tree).keys() - {"tree_"}:
            assert type(vars(tree)[name]) is type(vars(other)[name])
            np.testing.assert_array_equal(vars(tree)[name], vars(other)[name], strict=True)
        state, found = tree.tree_.__getstate__(), other.tree_.__getstate__()
        assert state["max_depth"] == found["max_depth"]
        np.testing.assert_array_equal(state["values"], found["values"], strict=True)
        assert state["nodes"].dtype == found["nodes"].dtype
        for name in set(state["nodes"].dtype.names) - {"threshold", "missing_go_to_left"}:
            np.testing.assert_array_equal(state["nodes"][name], found["nodes"][name])
        np.testing.assert_allclose(tree.tree_.threshold, other.tree_.threshold, rtol=1e-6)


def assert_same(one, two, rows):
    """Assert that two forests are the same to the last bit."""
    rows = edges(one, rows)
    np.testing.assert_array_equal(one.predict_proba(rows), two.predict_proba(rows), strict=True)
    np.testing.assert_array_equal(one.predict(rows), two.predict(rows), strict=True)
    np.testing.assert_array_equal(one.apply(rows), two.apply(rows), strict=True)
    (path, ends), (other, other_ends) = one.decision_path(rows), two.decision_path(rows)
    assert (path != other).nnz == 0
    np.testing.assert_array_equal(ends, other_ends)
    np.testing.assert_array_equal(one.feature_importances_, two.feature_importances_, strict=True)
    for drawn, other in zip(one.estimators_samples_, two.estimators_samples_, strict=True):
        np.testing.assert_array_equal(drawn, other, strict=True)
    assert vars(one).keys() <= vars(two).keys() <= vars(one).keys() | {"_sample_weight"}
    for name in vars(one).keys() - {"estimator", "estimator_", "estimators_"}:
        assert type(vars(one)[name]) is type(vars(two)[name])
        np.testing.assert_array_equal(vars(one)[name], vars(two)[name])
    assert_same_trees(one, two)
