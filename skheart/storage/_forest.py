"""Forests: their trees as a few arrays, from which trees are made once every number is checked.

A tree of scikit-learn follows its nodes through memory without a look at where they lead, so one
from a file must be known to be a tree beforehand. Children are kept as the distance from their
parent, which is positive: no file can lead round in circles.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.tree._tree import NODE_DTYPE, TREE_LEAF, TREE_UNDEFINED, Tree

from ._checks import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("estimators_", "estimator_")
MAX_TREES = 2**17  # each takes a few kilobytes, however small it is in a file
MAX_NUMBERS = 2**27  # of all nodes together; one takes 8 bytes
NODE_NUMBERS = NODE_DTYPE.itemsize // 8  # of a node, beside the share of each class
SLACK = 1e-6  # by how much shares may fail to sum to 1: they are quotients of sums
UNSIGNED = ("uint8", "uint16", "uint32")
TYPES = {
    "n_nodes": UNSIGNED,
    "random_state": ("uint32",),
    "left": UNSIGNED,
    "right": UNSIGNED,
    "feature": UNSIGNED,
    "threshold": ("float32",),
    "missing_go_to_left": ("uint8",),
    "kind": UNSIGNED,
    "kinds": ("float64",),
}
JOBLIB = "Keep this model with joblib.dump (loading that runs code of the file), or fit it again."


# ---------------------------------------------------------------------- to a file


def pack(packer, forest, fitted, where):
    """The nodes of all trees as arrays; what a forest says of its kind of tree follows from it."""
    fresh = type(forest)()
    tree = fresh.estimator
    always = {"estimator": tree, "estimator_": tree, "estimator_params": fresh.estimator_params}
    for name, value in always.items():
        if not _equal(fitted.pop(name, value), value):
            raise ValueError(f"{where}.{name} is not that of a {type(forest).__name__}. {JOBLIB}")
    if "estimators_" not in fitted:
        return {}
    # Versions of scikit-learn without it draw all samples alike, which None says.
    fitted.setdefault("_sample_weight", None)
    trees = fitted.pop("estimators_")
    try:
        _check_learnt(forest, where)
    except Refused as error:
        raise ValueError(f"{error}, and cannot be kept. {JOBLIB}") from error
    where = f"{where}.estimators_"
    _check_alike(forest, trees, where)
    arrays = _arrays_of(trees)
    _check_faithful(forest, trees, arrays, where)
    packed = {name: packer.put(f"{where}.{name}", array) for name, array in arrays.items()}
    packed["max_features_"] = packer.pack(trees[0].max_features_, f"{where}.max_features_")
    return {"estimators_": packed}


def _check_alike(forest, trees, where):
    """Refuse trees that differ in more than nodes and seeds: those alone are kept of each."""
    if type(trees) is not list or not trees:
        raise ValueError(f"{where} is no list of trees. {JOBLIB}")
    learnt = _learnt(forest, getattr(trees[0], "max_features_", None))
    params = _tree_params(forest)
    for i, tree in enumerate(trees):
        if type(tree) is not type(forest.estimator):
            raise TypeError(f"{where}[{i}] is a {type(tree).__name__}. {JOBLIB}")
        found = tree.get_params(deep=False)
        seed = found.pop("random_state")
        for name, value in params.items():
            if not _equal(found[name], value):
                raise ValueError(
                    f"{where}[{i}] was fitted with {name}={found[name]!r}, and its forest has "
                    f"{name}={value!r}. Set that again, or fit again."
                )
        rest = {k: v for k, v in vars(tree).items() if k not in found and k != "random_state"}
        made = type(rest.pop("tree_", None)) is Tree and _equal(rest, learnt)
        if not made or type(seed) is not int or not 0 <= seed < 2**32:
            raise ValueError(f"{where}[{i}] is not a tree as its forest fits one. {JOBLIB}")


def _arrays_of(trees):
    """The arrays of `TYPES` of some trees, each in the smallest type that holds it."""
    nodes, values, n_nodes = _nodes_in(trees)
    ids = np.concatenate([np.arange(n) for n in n_nodes])
    inner = nodes["left_child"] != TREE_LEAF
    kinds, kind = _unique_rows(
        np.column_stack(
            [
                nodes["n_node_samples"],
                nodes["weighted_n_node_samples"],
                nodes["impurity"],
                values[:, 0],
            ]
        )
    )
    return {
        "n_nodes": _smallest(n_nodes),
        "random_state": np.array([tree.random_state for tree in trees], dtype=np.uint32),
        "left": _smallest(np.where(inner, nodes["left_child"] - ids, 0)),
        "right": _smallest((nodes["right_child"] - ids)[inner]),
        "feature": _smallest(nodes["feature"][inner]),
        "threshold": _round_down(nodes["threshold"][inner]),
        "missing_go_to_left": nodes["missing_go_to_left"][inner],
        "kind": _smallest(kind),
        "kinds": kinds,
    }


def _nodes_in(trees):
    states = [tree.tree_.__getstate__() for tree in trees]
    nodes = np.concatenate([state["nodes"] for state in states])
    values = np.concatenate([state["values"] for state in states])
    return nodes, values, np.array([len(state["nodes"]) for state in states])


def _unique_rows(rows):
    """The rows that differ in any bit, and for each row which one it is.

    Leaves are mostly of one class and a few samples: a tenth of the nodes differ.
    """
    _, first, which = np.unique(
        rows.view(np.uint64), axis=0, return_index=True, return_inverse=True
    )
    return rows[first], which.ravel()


def _smallest(counts):
    """Counts in few bytes; what is no count is noticed when they are read again."""
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _round_down(thresholds):
    """The largest float32 that is not above: of all x in float32, the same ones are <= it."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _check_faithful(forest, trees, arrays, where):
    """Read the arrays as `unpack` does, and compare them with the trees."""
    nodes, values, _ = _nodes_in(trees)
    try:
        again, shares = _nodes_from(arrays, forest.n_features_in_, forest.n_classes_, where)
    except Refused as error:
        raise ValueError(f"{error}, and cannot be kept. {JOBLIB}") from error
    inner = nodes["left_child"] != TREE_LEAF
    same = np.array_equal(values, shares)
    for name in NODE_DTYPE.names:
        # The first three say nothing of a leaf, but where it is said that it is one.
        some = inner if name in ("feature", "threshold", "missing_go_to_left") else slice(None)
        one, two = nodes[name][some], again[name][some]
        if name == "threshold":
            above = np.nextafter(two.astype(np.float32), np.float32(np.inf))
            same &= bool(np.all((two == one) | ((two < one) & (one < above))))
        else:
            same &= np.array_equal(one, two)
    if not same:
        raise ValueError(f"{where} would not be the same when loaded. {JOBLIB}")


# ---------------------------------------------------------------------- from a file


def unpack(unpacker, forest, packed, where):
    """Make the trees, if the forest was fitted."""
    if not packed:
        if any(name.endswith("_") for name in vars(forest)):
            raise Refused(f"{where} has lost its trees")
        return
    content = packed.get("estimators_")
    if len(packed) > 1 or type(content) is not dict or set(content) != {*TYPES, "max_features_"}:
        raise Refused(f"{where}.estimators_ are no trees of a forest")
    _check_learnt(forest, where)
    max_features = unpacker.unpack(content["max_features_"], f"{where}.max_features_")
    if not _is_size(max_features):
        raise Refused(f"{where}.max_features_ is no number of features")
    where = f"{where}.estimators_"
    arrays = {name: unpacker.take(content[name], f"{where}.{name}") for name in TYPES}
    nodes, shares = _nodes_from(arrays, forest.n_features_in_, forest.n_classes_, where)
    forest.estimator_ = forest.estimator
    forest.estimators_ = _trees(forest, arrays, nodes, shares, max_features)


def _check_learnt(forest, where):
    """Refuse a forest whose numbers do not agree; trees are checked against them."""
    learnt = vars(forest)
    classes, n_outputs = learnt.get("classes_"), learnt.get("n_outputs_")
    if type(n_outputs) is not int or n_outputs != 1:
        raise Refused(f"{where}.n_outputs_ is {str(n_outputs)[:80]}, not 1")
    if type(classes) is not np.ndarray or classes.ndim != 1 or not len(classes):
        raise Refused(f"{where}.classes_ is no array of labels")
    n_classes, n_features = learnt.get("n_classes_"), learnt.get("n_features_in_")
    if type(n_classes) is not int or n_classes != len(classes):
        raise Refused(f"{where}.n_classes_ is not the number of classes_, {len(classes)}")
    if type(n_features) is not int or not _is_size(n_features):
        raise Refused(f"{where}.n_features_in_ is no number of features")
    n_samples, n_drawn = learnt.get("_n_samples"), learnt.get("_n_samples_bootstrap")
    if not _is_size(n_samples) or not (n_drawn is None or _is_size(n_drawn)):
        raise Refused(f"{where} has no number of samples")
    weight = learnt.get("_sample_weight")
    if weight is not None and (
        type(weight) is not np.ndarray or weight.dtype.kind != "f" or weight.shape != (n_samples,)
    ):
        raise Refused(f"{where}._sample_weight is no weight of each of {n_samples} samples")


def _nodes_from(arrays, n_features, n_classes, where):
    """The nodes of all trees, one tree after the other, and their shares of classes.

    Whatever the arrays hold, what is returned are trees, or this raises Refused.
    """
    for name, types in TYPES.items():
        if arrays[name].dtype.name not in types or arrays[name].ndim != 1 + (name == "kinds"):
            raise Refused(f"{where}.{name} is no array as forests have")
    inner, left, right, first = _children(arrays, n_classes, where)
    samples, weights, impurities, shares = _kinds(arrays, n_classes, where)
    for name in ("feature", "threshold", "missing_go_to_left"):
        _check_length(arrays, name, len(inner), where)
    if np.any(arrays["feature"] >= n_features):
        raise Refused(f"{where}.feature has a feature that is none of the {n_features}")
    # Infinity says that missing values alone go to the right.
    if np.isnan(arrays["threshold"]).any() or np.isneginf(arrays["threshold"]).any():
        raise Refused(f"{where}.threshold has a threshold that is no number")
    if np.any(arrays["missing_go_to_left"] > 1):
        raise Refused(f"{where}.missing_go_to_left is neither 0 nor 1")
    kind = arrays["kind"]
    nodes = np.zeros(len(kind), dtype=NODE_DTYPE)
    for name in ("left_child", "right_child"):
        nodes[name] = TREE_LEAF
    for name in ("feature", "threshold"):
        nodes[name] = TREE_UNDEFINED
    nodes["left_child"][inner], nodes["right_child"][inner] = left - first, right - first
    for name in ("feature", "threshold", "missing_go_to_left"):
        nodes[name][inner] = arrays[name]
    nodes["n_node_samples"] = samples[kind]
    nodes["weighted_n_node_samples"] = weights[kind]
    nodes["impurity"] = impurities[kind]
    return nodes, np.take(shares, kind, axis=0)[:, np.newaxis]


def _children(arrays, n_classes, where):
    """Which nodes are no leaves; their children and the roots of their trees, among all nodes."""
    n_nodes, left = arrays["n_nodes"].astype(np.int64), arrays["left"]
    total = int(n_nodes.sum())
    if not 0 < len(n_nodes) <= MAX_TREES or n_nodes.min() == 0:
        raise Refused(f"{where}.n_nodes has no trees, trees of no nodes, or more than {MAX_TREES}")
    if total != len(left):
        raise Refused(f"{where}.n_nodes has {total} nodes together, and left has {len(left)}")
    if total * (n_classes + NODE_NUMBERS) > MAX_NUMBERS:
        raise Refused(f"{where} has {total} nodes of {n_classes} classes, which are too many")
    _check_length(arrays, "random_state", len(n_nodes), where)
    _check_length(arrays, "kind", total, where)
    inner = np.flatnonzero(left)
    _check_length(arrays, "right", len(inner), where)
    roots = np.cumsum(n_nodes) - n_nodes
    first, end = (np.repeat(place, n_nodes)[inner] for place in (roots, roots + n_nodes))
    left, right = inner + left[inner], inner + arrays["right"].astype(np.int64)
    if np.any(right == inner) or np.any(np.maximum(left, right) >= end):
        raise Refused(f"{where}.left or right leads out of a tree, or to a node from itself")
    expected = np.ones(total, dtype=np.int64)
    expected[roots] = 0
    n_parents = np.bincount(np.concatenate([left, right]), minlength=total)
    if not np.array_equal(n_parents, expected):
        raise Refused(f"{where}.left and right do not give each node one parent")
    return inner, left, right, first


def _kinds(arrays, n_classes, where):
    """The columns of `kinds`: samples, their weight, the impurity, and the share of each class."""
    kinds = arrays["kinds"]
    if kinds.shape[1] != 3 + n_classes or np.any(arrays["kind"] >= len(kinds)):
        raise Refused(f"{where}.kind and kinds do not fit {n_classes} classes or one another")
    if not np.isfinite(kinds).all():
        raise Refused(f"{where}.kinds has what is no number")
    samples, weights, impurities, shares = *kinds[:, :3].T, kinds[:, 3:]
    if np.any(samples < 1) or np.any(samples > 2**53) or np.any(samples % 1):
        raise Refused(f"{where}.kinds has nodes of no number of samples")
    if np.any(weights <= 0):
        raise Refused(f"{where}.kinds has nodes of no weight")
    if np.any(shares < 0) or np.any(np.abs(shares.sum(axis=1) - 1) > SLACK):
        raise Refused(f"{where}.kinds has negative shares of classes, or some that do not sum to 1")
    return samples, weights, impurities, shares


def _check_length(arrays, name, length, where):
    if len(arrays[name]) != length:
        raise Refused(f"{where}.{name} has {len(arrays[name])} entries, not {length}")


def _trees(forest, arrays, nodes, shares, max_features):
    """The trees as `fit` leaves them."""
    params, start, trees = _tree_params(forest), 0, []
    for n, seed in zip(arrays["n_nodes"].tolist(), arrays["random_state"].tolist(), strict=True):
        made = Tree(forest.n_features_in_, np.array([forest.n_classes_], dtype=np.intp), 1)
        part = slice(start, start + n)
        made.__setstate__(
            {"max_depth": 0, "node_count": n, "nodes": nodes[part], "values": shares[part]}
        )
        made.max_depth = int(made.compute_node_depths().max()) - 1
        tree = type(forest.estimator)(**params, random_state=seed)
        vars(tree).update(_learnt(forest, max_features), tree_=made)
        trees.append(tree)
        start += n
    return trees


# ---------------------------------------------------------------------- both ways


def _tree_params(forest):
    """The parameters of each tree of a forest, without its seed."""
    params = forest.estimator.get_params() | {
        name: getattr(forest, name) for name in forest.estimator_params
    }
    del params["random_state"]
    return params


def _learnt(forest, max_features):
    """The fitted attributes of each tree of a forest, without its nodes."""
    return {
        "n_features_in_": forest.n_features_in_,
        "n_outputs_": 1,
        "classes_": np.arange(forest.n_classes_, dtype=np.float64),  # a forest numbers its classes
        "n_classes_": np.intp(forest.n_classes_),
        "max_features_": max_features,
    }


def _is_size(value):
    return isinstance(value, (int, np.integer)) and value is not True and 0 < value < 2**40


def _equal(one, two):
    if one is two:
        return True
    if type(one) is not type(two):
        return False
    if isinstance(one, BaseEstimator):
        one, two = one.get_params(), two.get_params()
    if type(one) is dict:
        return one.keys() == two.keys() and all(_equal(one[key], two[key]) for key in one)
    return np.array_equal(one, two)
