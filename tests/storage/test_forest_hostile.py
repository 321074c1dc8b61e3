"""Files with invalid trees are refused."""

import json
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from sklearn.ensemble import RandomForestClassifier

import skheart
from skheart.storage import _forest
from tests.helpers import model_files
from tests.helpers.forests import MISSING, TREES, X, Y, assert_same


@pytest.fixture(scope="module")
def forest_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("forest") / "m"
    skheart.save(RandomForestClassifier(max_depth=4, **TREES).fit(X, Y), path)
    return path


@pytest.fixture
def forge_forest(forest_file, tmp_path):
    """Load the valid file after changing its document and arrays; the checksum is valid."""

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
    """Return a change of one number of an array."""

    def change(estimator, arrays, others):
        arrays[name][place] = value

    return change


def replace(name, array_of):
    """Return a change of an array."""

    def change(estimator, arrays, others):
        arrays[name] = array_of(arrays[name])

    return change


def learnt(name, value):
    """Return a change of a fitted attribute in the document."""

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
    """A small file whose nodes would take a terabyte."""
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
    "a node behind itself": (put("right", 0), "leads out of a tree or to the node itself"),
    "beyond the tree": (put("right", 250), "leads out of a tree"),
    "into the next tree": (into_the_next, "leads out of a tree"),
    "two parents": (swap_children, "do not give each node one parent"),
    "a leaf with a child": (half_a_leaf, "right has [0-9]+ entries, not [0-9]+"),
    "a parent with no child": (put("left", 0), "right has [0-9]+ entries, not [0-9]+"),
    "signed children": (replace("left", lambda a: -a.astype(np.int64)), "left has the wrong type"),
    "feature": (put("feature", 6), "feature has an index beyond 6 features"),
    "no threshold": (put("threshold", np.nan), "threshold has NaN or -inf"),
    "-inf": (put("threshold", -np.inf), "threshold has NaN or -inf"),
    "float64": (replace("threshold", lambda a: a.astype(float)), "threshold has the wrong type"),
    "flag": (put("missing_go_to_left", 2), "missing_go_to_left has other values"),
    "offsets": (put("n_nodes", 5), "n_nodes has [0-9]+ nodes in total, but left has [0-9]+"),
    "no nodes": (put("n_nodes", 0), "n_nodes has no trees, trees without nodes, or more than"),
    "no trees": (replace("n_nodes", lambda a: a[:0]), "n_nodes has no trees"),
    "many trees": (many_trees, "n_nodes has no trees, trees without nodes, or more than 131072"),
    "a tree more": (replace("random_state", lambda a: a[1:]), "random_state has 11 entries, not"),
    "seed": (replace("random_state", lambda a: a.astype(float)), "random_state has the wrong type"),
    "nodes more": (replace("kind", lambda a: np.append(a, a)), "kind has [0-9]+ entries, not"),
    "features more": (replace("feature", lambda a: a[1:]), "feature has [0-9]+ entries, not"),
    "kind": (last_kind, "kind and kinds do not fit 3 classes or each other"),
    "kinds": (replace("kinds", lambda a: a[:, 1:]), "kind and kinds do not fit 3 classes"),
    "no kinds": (replace("kinds", lambda a: a[:0]), "kind and kinds do not fit 3 classes"),
    "flat": (replace("kinds", lambda a: a.ravel()), "kinds has the wrong type or shape"),
    "no sample": (put("kinds", 0, (0, 0)), "kinds has an invalid number of samples"),
    "half a sample": (put("kinds", 1.5, (0, 0)), "kinds has an invalid number of samples"),
    "samples": (put("kinds", 1e300, (0, 0)), "kinds has an invalid number of samples"),
    "weight": (put("kinds", -1, (0, 1)), "kinds has a weight that is not positive"),
    "impurity": (put("kinds", np.inf, (0, 2)), "kinds has NaN or infinity"),
    "sum": (
        put("kinds", 0.7, (0, slice(3, 6))),
        "proportions that are negative or do not sum to 1",
    ),
    "negative": (put("kinds", [-1, 1, 1], (0, slice(3, 6))), "negative or do not sum to 1"),
    "a terabyte": (many_classes, "has [0-9]+ nodes of 100000 classes, too many to load"),
    "missing": (lambda e, arrays, o: arrays.pop("kind"), "tensor of .*kind is missing"),
    "unnamed": (
        lambda e, a, o: e["fitted"]["estimators_"].pop("kind"),
        "must be the arrays of a forest",
    ),
    "list": (learnt("estimators_", []), "must be the arrays of a forest"),
    "lost": (lambda e, a, o: e["fitted"].pop("estimators_"), "model has no trees"),
    "estimator_": (learnt("estimator_", None), "must be the arrays of a forest"),
    "estimator": (
        learnt("estimator", None),
        "model.estimator is not a fitted attribute of a Random",
    ),
    "n_outputs_": (learnt("n_outputs_", 2), "model.n_outputs_ is 2, not 1"),
    "1.0": (learnt("n_outputs_", 1.0), "model.n_outputs_ is 1.0, not 1"),
    "n_classes_": (learnt("n_classes_", 4), "n_classes_ is not the number of classes_, 3"),
    "classes_": (learnt("classes_", [0, 1, 2]), "model.classes_ is not an array of labels"),
    "n_features_in_": (learnt("n_features_in_", -6), "n_features_in_ is not a number of features"),
    "one feature": (learnt("n_features_in_", 1), "has an index beyond 1 features"),
    "text": (learnt("n_features_in_", "6"), "n_features_in_ is not a number of features"),
    "_n_samples": (learnt("_n_samples", 2**70), "model has no valid number of samples"),
    "drawn": (learnt("_n_samples_bootstrap", True), "model has no valid number of samples"),
    "weights": (learnt("_sample_weight", [1.0] * 90), "one weight for each of 90 samples"),
    "max_features_": (
        lambda e, a, o: e["fitted"]["estimators_"].update({"max_features_": -1}),
        "max_features_ is not a number of features",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_invalid_forests_are_refused(name, forge_forest):
    change, words = BAD[name]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as caught:
            forge_forest(change)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert "m cannot be loaded: " in str(caught.value)


def test_any_change_of_the_arrays_is_loaded_or_refused(forge_forest):
    """Loaded forests are valid: they predict probabilities for all rows."""
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
