"""Forests come back from a file bit for bit, small, and no file makes a tree that is none."""

import copy
import json
import tracemalloc

import model_files
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skheart
from skheart.storage import KEPT, _forest
from skheart.storage._estimators import class_of

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
    """Rows with, in turn, each threshold, the float32 next to it on both sides, and extremes."""
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
    """Two forests that do all things alike, to the last bit."""
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


# ---------------------------------------------------------------------- what comes back


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
def test_a_forest_comes_back_whole(name, tmp_path):
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
    """Their threshold is infinite."""
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
        assert (tmp_path / "m").stat().st_size < limit * n_nodes  # a pickle has 90 and more


# ---------------------------------------------------------------------- what is not saved


def tampered(change):
    forest = ExtraTreesClassifier(**TREES).fit(X, Y)
    change(forest)
    return forest


def set_state(forest, values=None, **fields):
    """Change the nodes of the first tree, as code of others may."""
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
        (lambda f: f.fit(X, np.column_stack([Y, Y])), "model.n_outputs_ is 2, not 1, and cannot"),
        (lambda f: f.fit(X, Y, np.where(Y == 1, -0.1, 1)), "kinds has .*, and cannot be kept"),
        (lambda f: f.set_params(criterion="entropy"), "'gini', and its forest has criterion='ent"),
        (lambda f: f.set_params(max_features=1.0), "max_features='sqrt', and its forest has"),
        (lambda f: f.estimators_.clear(), "model.estimators_ is no list of trees"),
        (lambda f: setattr(f, "estimators_", 3), "model.estimators_ is no list of trees"),
        (lambda f: setattr(f, "estimator", LogisticRegression()), "model.estimator is not that of"),
        (lambda f: f.estimator_.set_params(max_depth=3), "model.estimator is not that of a Extra"),
        (lambda f: setattr(f, "estimator_params", ()), "model.estimator_params is not that of"),
        (lambda f: setattr(f.estimators_[5], "note_", 1), r"estimators_\[5\] is not a tree as its"),
        (lambda f: setattr(f.estimators_[5], "tree_", 1), r"estimators_\[5\] is not a tree as its"),
        (lambda f: f.estimators_[5].set_params(random_state=None), r"\[5\] is not a tree as its"),
        (lambda f: f.estimators_[5].set_params(random_state=2**32), r"\[5\] is not a tree as its"),
        (lambda f: delattr(f.estimators_[5], "tree_"), r"estimators_\[5\] is not a tree as its"),
        (lambda f: set_state(f, impurity=np.nan), "kinds has what is no number, and cannot be"),
        (lambda f: set_state(f, values=0.4), "or some that do not sum to 1, and cannot"),
        (lambda f: set_state(f, left_child=0), "right has .* entries, not .*, and cannot"),
        (lambda f: set_state(f, right_child=-1), "leads out of a tree, .*, and cannot be kept"),
    ],
)  # fmt: skip
def test_what_is_no_common_forest_is_refused(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        skheart.save(tampered(change), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_what_is_code_is_refused(tmp_path):
    other = tampered(lambda f: f.estimators_.append(DecisionTreeClassifier().fit(X, Y)))
    with pytest.raises(TypeError, match=r"model.estimators_\[12\] is a DecisionTreeClassifier"):
        skheart.save(other, tmp_path / "m")
    random_state = tampered(lambda f: f.set_params(random_state=np.random.RandomState(0)))
    with pytest.raises(TypeError, match="set it to an int or None with set_params"):
        skheart.save(random_state, tmp_path / "m")


def test_a_file_is_compared_with_the_forest_before_it_is_written(monkeypatch, tmp_path):
    forest = ExtraTreesClassifier(**TREES).fit(X, Y)
    monkeypatch.setattr(_forest, "_round_down", lambda thresholds: thresholds.astype(np.float32))
    with pytest.raises(ValueError, match="model.estimators_ would not be the same when loaded"):
        skheart.save(forest, tmp_path / "m")


# ---------------------------------------------------------------------- files that lie


@pytest.fixture(scope="module")
def forest_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("forest") / "m"
    skheart.save(RandomForestClassifier(max_depth=4, **TREES).fit(X, Y), path)
    return path


@pytest.fixture
def forge_forest(forest_file, tmp_path):
    """Change the document and the arrays of the good file, sign it, and load it."""

    def load(change):
        document, _, _ = model_files.read(forest_file)
        prefix = "estimators_."
        arrays = {
            name.removeprefix(prefix): array.copy()
            for name, array in safetensors.numpy.load_file(forest_file).items()
            if name.startswith(prefix)
        }
        others = {"classes_": np.arange(3)}
        change(document["model"]["estimator"], arrays, others)
        content = safetensors.numpy.save({**{prefix + k: v for k, v in arrays.items()}, **others})
        (tmp_path / "plain").write_bytes(content)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        model_files.write(tmp_path / "m", document, header, content[8 + length :])
        return skheart.load(tmp_path / "m")

    return load


def test_the_forge_changes_nothing_by_itself(forge_forest, forest_file):
    forged = forge_forest(lambda estimator, arrays, others: None)
    assert_same(skheart.load(forest_file), forged, X)


def put(name, value, place=0):
    """Change one number of an array."""

    def change(estimator, arrays, others):
        arrays[name][place] = value

    return change


def replace(name, array_of):
    """Change an array."""

    def change(estimator, arrays, others):
        arrays[name] = array_of(arrays[name])

    return change


def learnt(name, value):
    """Change what stands in the document."""

    def change(estimator, arrays, others):
        estimator["fitted"][name] = value

    return change


def swap_children(estimator, arrays, others):
    """The first two nodes share a child; another has no parent."""
    inner = np.flatnonzero(arrays["left"])
    children = inner + arrays["right"]
    assert inner[1] == 1
    arrays["right"][1] = children[0] - 1


def into_the_next(estimator, arrays, others):
    arrays["right"][0] = arrays["n_nodes"][0]


def half_a_leaf(estimator, arrays, others):
    arrays["left"][np.argmin(arrays["left"])] = 1


def last_kind(estimator, arrays, others):
    arrays["kind"] = arrays["kind"].astype(np.uint16)
    arrays["kind"][0] = len(arrays["kinds"])


def many_classes(estimator, arrays, others):
    """A small file of nodes that would take a terabyte."""
    n_nodes = len(arrays["left"])
    others["classes_"] = np.arange(10**5)
    estimator["fitted"]["n_classes_"] = 10**5
    arrays["kinds"] = np.zeros((1, 3 + 10**5))
    arrays["kind"] = np.zeros(n_nodes * 20, dtype=np.uint8)
    for name in ("n_nodes", "random_state", "left", "right"):
        arrays[name] = np.tile(arrays[name], 20)
    for name in ("feature", "threshold", "missing_go_to_left"):
        arrays[name] = np.tile(arrays[name], 20)


def many_trees(estimator, arrays, others):
    n_trees = 2**17 + 1
    arrays["n_nodes"] = np.ones(n_trees, dtype=np.uint8)
    arrays["random_state"] = np.zeros(n_trees, dtype=np.uint32)
    arrays["left"] = arrays["kind"] = np.zeros(n_trees, dtype=np.uint8)
    for name in ("right", "feature", "threshold", "missing_go_to_left"):
        arrays[name] = arrays[name][:0]


BAD = {
    "a node behind itself": (put("right", 0), "leads out of a tree, or to a node from itself"),
    "beyond the tree": (put("right", 250), "leads out of a tree"),
    "into the next tree": (into_the_next, "leads out of a tree"),
    "two parents": (swap_children, "do not give each node one parent"),
    "a leaf with a child": (half_a_leaf, "right has [0-9]+ entries, not [0-9]+"),
    "a parent with no child": (put("left", 0), "right has [0-9]+ entries, not [0-9]+"),
    "signed children": (replace("left", lambda a: -a.astype(np.int64)), "left is no array as"),
    "feature": (put("feature", 6), "feature has a feature that is none of the 6"),
    "no threshold": (put("threshold", np.nan), "threshold has a threshold that is no number"),
    "-inf": (put("threshold", -np.inf), "threshold has a threshold that is no number"),
    "float64": (replace("threshold", lambda a: a.astype(float)), "threshold is no array as"),
    "flag": (put("missing_go_to_left", 2), "missing_go_to_left is neither 0 nor 1"),
    "offsets": (put("n_nodes", 5), "n_nodes has [0-9]+ nodes together, and left has [0-9]+"),
    "no nodes": (put("n_nodes", 0), "n_nodes has no trees, trees of no nodes, or more than"),
    "no trees": (replace("n_nodes", lambda a: a[:0]), "n_nodes has no trees"),
    "many trees": (many_trees, "n_nodes has no trees, trees of no nodes, or more than 131072"),
    "a tree more": (replace("random_state", lambda a: a[1:]), "random_state has 11 entries, not"),
    "seed": (replace("random_state", lambda a: a.astype(float)), "random_state is no array as"),
    "nodes more": (replace("kind", lambda a: np.append(a, a)), "kind has [0-9]+ entries, not"),
    "features more": (replace("feature", lambda a: a[1:]), "feature has [0-9]+ entries, not"),
    "kind": (last_kind, "kind and kinds do not fit 3 classes or one another"),
    "kinds": (replace("kinds", lambda a: a[:, 1:]), "kind and kinds do not fit 3 classes"),
    "no kinds": (replace("kinds", lambda a: a[:0]), "kind and kinds do not fit 3 classes"),
    "flat": (replace("kinds", lambda a: a.ravel()), "kinds is no array as forests have"),
    "no sample": (put("kinds", 0, (0, 0)), "kinds has nodes of no number of samples"),
    "half a sample": (put("kinds", 1.5, (0, 0)), "kinds has nodes of no number of samples"),
    "samples": (put("kinds", 1e300, (0, 0)), "kinds has nodes of no number of samples"),
    "weight": (put("kinds", -1, (0, 1)), "kinds has nodes of no weight"),
    "impurity": (put("kinds", np.inf, (0, 2)), "kinds has what is no number"),
    "sum": (put("kinds", 0.7, (0, slice(3, 6))), "shares of classes, or some that do not sum to 1"),
    "negative": (put("kinds", [-1, 1, 1], (0, slice(3, 6))), "negative shares of classes"),
    "a terabyte": (many_classes, "has [0-9]+ nodes of 100000 classes, which are too many"),
    "missing": (lambda e, arrays, o: arrays.pop("kind"), "tensor of .*kind is missing"),
    "unnamed": (lambda e, a, o: e["fitted"]["estimators_"].pop("kind"), "no trees of a forest"),
    "list": (learnt("estimators_", []), "estimators_ are no trees of a forest"),
    "lost": (lambda e, a, o: e["fitted"].pop("estimators_"), "model has lost its trees"),
    "estimator_": (learnt("estimator_", None), "estimators_ are no trees of a forest"),
    "estimator": (learnt("estimator", None), "model.estimator is no fitted attribute of a Random"),
    "n_outputs_": (learnt("n_outputs_", 2), "model.n_outputs_ is 2, not 1"),
    "1.0": (learnt("n_outputs_", 1.0), "model.n_outputs_ is 1.0, not 1"),
    "n_classes_": (learnt("n_classes_", 4), "n_classes_ is not the number of classes_, 3"),
    "classes_": (learnt("classes_", [0, 1, 2]), "model.classes_ is no array of labels"),
    "n_features_in_": (learnt("n_features_in_", -6), "n_features_in_ is no number of features"),
    "one feature": (learnt("n_features_in_", 1), "has a feature that is none of the 1"),
    "text": (learnt("n_features_in_", "6"), "n_features_in_ is no number of features"),
    "_n_samples": (learnt("_n_samples", 2**70), "model has no number of samples"),
    "drawn": (learnt("_n_samples_bootstrap", True), "model has no number of samples"),
    "weights": (learnt("_sample_weight", [1.0] * 90), "no weight of each of 90 samples"),
    "max_features_": (
        lambda e, a, o: e["fitted"]["estimators_"].update({"max_features_": -1}),
        "max_features_ is no number of features",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_forest_is_refused(name, forge_forest):
    change, words = BAD[name]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as caught:
            forge_forest(change)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert "m holds no model: " in str(caught.value)


def test_any_change_of_the_arrays_is_loaded_or_refused(forge_forest):
    """What is loaded are trees: they predict shares, whatever they are asked."""
    random, outcomes = np.random.default_rng(0), {True: 0, False: 0}

    def change(estimator, arrays, others):
        array = arrays[list(_forest.TYPES)[random.integers(len(_forest.TYPES))]]
        place = tuple(random.integers(array.shape))
        values = [0, 1, 2, 5, 255, -1, np.nan, array.flat[random.integers(array.size)]]
        with np.errstate(invalid="ignore"):
            array[place] = np.array(values[random.integers(len(values))]).astype(array.dtype)

    for _ in range(200):
        try:
            loaded = forge_forest(change)
        except ValueError:
            outcomes[False] += 1
        else:
            outcomes[True] += 1
            np.testing.assert_allclose(loaded.predict_proba(MISSING).sum(axis=1), 1)
            assert loaded.decision_path(X)[0].shape[1] == loaded.decision_path(X)[1][-1]
    assert min(outcomes.values()) > 30


def test_a_forest_of_a_version_that_draws_all_samples_alike(tmp_path):
    forest = RandomForestClassifier(**TREES).fit(X, Y)
    drawn = forest.estimators_samples_
    vars(forest).pop("_sample_weight", None)
    np.testing.assert_array_equal(again(forest, tmp_path).estimators_samples_, drawn)


# ---------------------------------------------------------------------- frozen estimators


def test_a_frozen_estimator_comes_back_frozen(tmp_path):
    frozen = FrozenEstimator(ExtraTreesClassifier(**TREES).fit(X, WORDS))
    loaded = again(make_pipeline(StandardScaler(), frozen).fit(X, WORDS), tmp_path)[-1]
    assert type(loaded) is FrozenEstimator
    assert_same(frozen.estimator, loaded.estimator, X)
    loaded.fit(X, Y)
    np.testing.assert_array_equal(loaded.predict(X), frozen.predict(X))
    alone = again(FrozenEstimator(frozen), tmp_path)
    assert alone.estimator.estimator.n_estimators == 12


@pytest.mark.parametrize("inner", [None, 3, "os.system", {"numpy_class": "int8"}, []])
def test_what_is_frozen_is_an_estimator(inner, tmp_path):
    frozen = {"class": "sklearn.FrozenEstimator", "params": {"estimator": inner}, "fitted": {}}
    document = {"format": 1, "versions": {}, "model": {"estimator": frozen}}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match=r"model.estimator is no estimator"):
        skheart.load(tmp_path / "m")
    frozen["params"] = {}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match=r"model.estimator is no estimator"):
        skheart.load(tmp_path / "m")


def test_what_is_frozen_must_be_valid_and_fitted(tmp_path):
    inner = {"class": "sklearn.LogisticRegression", "params": {"C": -1.0}, "fitted": {}}
    frozen = {"class": "sklearn.FrozenEstimator", "fitted": {}}
    frozen["params"] = {"estimator": {"estimator": inner}}
    document = {"format": 1, "versions": {}, "model": {"estimator": frozen}}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match="model.estimator: The 'C' parameter of Logistic"):
        skheart.load(tmp_path / "m")
    inner["params"] = {"C": 1.0}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match="m holds a FrozenEstimator that is not fitted"):
        skheart.load(tmp_path / "m")


def test_only_frozen_estimators_have_no_table_of_constraints():
    without = [name for name in KEPT if not hasattr(class_of(name), "_parameter_constraints")]
    assert without == ["sklearn.FrozenEstimator"]
    assert [name for name in KEPT if KEPT[name].inner] == without
