"""Storage of forests: bit-identical and compact."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skheart
from tests.helpers.forests import (
    MISSING,
    SAMPLED,
    TREES,
    WEIGHTS,
    WORDS,
    X,
    Y,
    again,
    assert_same,
    assert_same_trees,
)

EXTRA, RANDOM = ExtraTreesClassifier, RandomForestClassifier
FORESTS = {
    "plain": (EXTRA, {}, X, Y, None),
    "balanced": (EXTRA, {"class_weight": "balanced", "min_samples_leaf": 3}, X, WORDS, None),
    "best first": (EXTRA, {"max_leaf_nodes": 9, "max_features": None}, X, WORDS, None),
    "missing values": (EXTRA, {"criterion": "entropy"}, MISSING, Y, WEIGHTS),
    "objects": (EXTRA, {"class_weight": "balanced", **SAMPLED}, X, WORDS.astype(object), None),
    "one class": (EXTRA, {}, X, np.full(90, "normal"), None),
    "negative": (RANDOM, {"criterion": "log_loss", "max_features": 0.9}, X, Y - 7, WEIGHTS),
    "pruned": (RANDOM, {"ccp_alpha": 0.02, "max_features": "log2"}, X, Y == 1, None),
    "drawn": (RANDOM, {"class_weight": "balanced_subsample", **SAMPLED}, X, WORDS, None),
    "dict": (RANDOM, {"class_weight": {0: 2, 1: 0, 2: 1}, "max_depth": 3}, MISSING, Y, None),
    "monotonic": (RANDOM, {"monotonic_cst": [1, 0, 0, -1, 0, 0]}, X, Y > 0, None),
    "floats": (RANDOM, {"max_features": np.int64(2)}, X, Y - 1.0, WEIGHTS.astype(np.float32)),
}


@pytest.mark.parametrize("name", FORESTS)
def test_a_forest_is_restored(name, tmp_path):
    kind, params, rows, labels, weights = FORESTS[name]
    forest = kind(**{**TREES, **params}).fit(rows, labels, weights)
    loaded = again(forest, tmp_path)
    assert type(loaded) is type(forest)
    assert_same(forest, loaded, rows)
    assert type(loaded.estimators_[0].random_state) is int
    first = (tmp_path / "again").read_bytes()
    again(loaded, tmp_path)
    assert (tmp_path / "again").read_bytes() == first
    refit = [clone(one).fit(rows, labels, weights) for one in (forest, loaded)]
    np.testing.assert_array_equal(*[one.predict_proba(rows) for one in refit])


def test_missing_values_alone_on_one_side(tmp_path):
    """The threshold is infinite."""
    rows = X.copy()
    rows[Y == 2] = np.nan
    forest = RandomForestClassifier(**TREES).fit(rows, Y == 2)
    assert np.isinf(forest.estimators_[0].tree_.threshold).any()
    assert_same(forest, again(forest, tmp_path), rows)


def test_a_loaded_forest_grows_on(tmp_path):
    forest = ExtraTreesClassifier(warm_start=True, **TREES).fit(X, Y)
    loaded = again(forest, tmp_path)
    for one in (forest, loaded):
        one.set_params(n_estimators=20).fit(X, Y)
    assert len(loaded.estimators_) == 20
    np.testing.assert_array_equal(forest.predict_proba(X), loaded.predict_proba(X))


def test_in_a_pipeline_with_names_of_columns(tmp_path):
    table = pd.DataFrame(X, columns=list("abcdef"))
    pipeline = make_pipeline(StandardScaler(), ExtraTreesClassifier(**TREES))
    pipeline.set_output(transform="pandas").fit(table, WORDS)
    loaded = again(pipeline, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(table), pipeline.predict_proba(table))
    assert list(loaded[-1].feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(table.rename(columns={"a": "z"}))


def test_more_features_and_labels_than_a_byte_counts(tmp_path):
    many = np.random.default_rng(0).normal(size=(700, 300)).astype(np.float32)
    forest = ExtraTreesClassifier(4, random_state=0).fit(many, np.arange(700) // 2)
    loaded = again(forest, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(many), forest.predict_proba(many))
    assert_same_trees(forest, loaded)


def test_a_forest_is_small(tmp_path):
    rows = np.random.default_rng(0).normal(size=(316, 100)).astype(np.float32)
    labels = np.arange(316) % 3
    for params, limit in (({}, 18), ({"class_weight": "balanced", "min_samples_leaf": 3}, 25)):
        forest = ExtraTreesClassifier(200, random_state=0, **params).fit(rows, labels)
        skheart.save(forest, tmp_path / "m")
        n_nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
        assert n_nodes > 25_000
        assert (tmp_path / "m").stat().st_size < limit * n_nodes  # a pickle has at least 90


def test_a_forest_without_sample_weight(tmp_path):
    forest = RandomForestClassifier(**TREES).fit(X, Y)
    drawn = forest.estimators_samples_
    vars(forest).pop("_sample_weight", None)
    np.testing.assert_array_equal(again(forest, tmp_path).estimators_samples_, drawn)


def tampered(change):
    forest = ExtraTreesClassifier(**TREES).fit(X, Y)
    change(forest)
    return forest


def set_state(forest, values=None, **fields):
    """Change the nodes of the first tree."""
    tree = forest.estimators_[0].tree_
    state = copy.deepcopy(tree.__getstate__())
    for name, value in fields.items():
        state["nodes"][name][0] = value
    if values is not None:
        state["values"][0] = values
    tree.__setstate__(state)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.fit(X, np.column_stack([Y, Y])), "model.n_outputs_ is 2, not 1, so that it"),
        (lambda f: f.fit(X, Y, np.where(Y == 1, -0.1, 1)), "kinds has .*, so that it cannot"),
        (lambda f: f.set_params(criterion="entropy"), "'gini', but the forest has criterion='ent"),
        (lambda f: f.set_params(max_features=1.0), "max_features='sqrt', but the forest has"),
        (lambda f: f.estimators_.clear(), "model.estimators_ must be a list of trees"),
        (lambda f: setattr(f, "estimators_", 3), "model.estimators_ must be a list of trees"),
        (lambda f: setattr(f, "estimator", LogisticRegression()), "model.estimator was changed"),
        (lambda f: f.estimator_.set_params(max_depth=3), "model.estimator was changed"),
        (lambda f: setattr(f, "estimator_params", ()), "model.estimator_params was changed"),
        (lambda f: setattr(f.estimators_[5], "note_", 1), r"\[5\] was changed after fit"),
        (lambda f: setattr(f.estimators_[5], "tree_", 1), r"\[5\] was changed after fit"),
        (lambda f: f.estimators_[5].set_params(random_state=None), r"\[5\] was changed after fit"),
        (lambda f: f.estimators_[5].set_params(random_state=2**32), r"\[5\] was changed after fit"),
        (lambda f: delattr(f.estimators_[5], "tree_"), r"\[5\] was changed after fit"),
        (lambda f: set_state(f, impurity=np.nan), "kinds has NaN or infinity, so that it"),
        (lambda f: set_state(f, values=0.4), "or do not sum to 1, so that it"),
        (lambda f: set_state(f, left_child=0), "right has .* entries, not .*, so that it"),
        (lambda f: set_state(f, right_child=-1), "leads out of a tree .*, so that it cannot"),
    ],
)  # fmt: skip
def test_changed_forests_are_refused(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        skheart.save(tampered(change), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_other_classes_in_a_forest_are_refused(tmp_path):
    other = tampered(lambda f: f.estimators_.append(DecisionTreeClassifier().fit(X, Y)))
    with pytest.raises(TypeError, match=r"model.estimators_\[12\] is a DecisionTreeClassifier"):
        skheart.save(other, tmp_path / "m")
    random_state = tampered(lambda f: f.set_params(random_state=np.random.RandomState(0)))
    with pytest.raises(TypeError, match="Set it to an int or None with set_params"):
        skheart.save(random_state, tmp_path / "m")
