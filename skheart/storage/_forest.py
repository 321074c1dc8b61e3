"""Storage of forests: all trees as nine arrays, which are checked before trees are built.

scikit-learn follows the nodes of a tree without bounds checks, so a tree from a file is verified
first. A child is stored as its positive distance from its parent, so that there are no cycles.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.tree._tree import NODE_DTYPE, TREE_LEAF, TREE_UNDEFINED, Tree

from ._checks import USE_JOBLIB, InvalidModel

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("estimators_", "estimator_")
MAX_TREES = 2**17  # a tree takes a few kilobytes of memory, however small its file is
MAX_NUMBERS = 2**27  # of 8 bytes, in all nodes together
NODE_NUMBERS = NODE_DTYPE.itemsize // 8  # of a node, without its class proportions
TOLERANCE = 1e-6  # of the sum of class proportions, which are rounded quotients
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
REMEDY = f"Fit it again. {USE_JOBLIB}"


def pack(packer, forest, fitted, where):
    """Pack the nodes of all trees as arrays."""
    fresh = type(forest)()
    tree = fresh.estimator
    always = {"estimator": tree, "estimator_": tree, "estimator_params": fresh.estimator_params}
    for name, value in always.items():
        if not _equal(fitted.pop(name, value), value):
            raise ValueError(f"{where}.{name} was changed from its default. {REMEDY}")
    if "estimators_" not in fitted:
        return {}
    # Older versions of scikit-learn have no such attribute. None means equal weights.
    fitted.setdefault("_sample_weight", None)
    trees = fitted.pop("estimators_")
    try:
        _check_fitted_attributes(forest, where)
        where = f"{where}.estimators_"
        _check_same_settings(forest, trees, where)
        arrays = _arrays_of(trees)
        _nodes_from(arrays, forest.n_features_in_, forest.n_classes_, where)
    except InvalidModel as error:
        raise ValueError(f"{error}, so that it cannot be stored. {REMEDY}") from error
    packed = {name: packer.put(f"{where}.{name}", array) for name, array in arrays.items()}
    packed["max_features_"] = packer.pack(trees[0].max_features_, f"{where}.max_features_")
    return {"estimators_": packed}


def _check_same_settings(forest, trees, where):
    """Raise if trees differ in more than nodes and seeds, which alone are stored per tree."""
    if type(trees) is not list or not trees:
        raise ValueError(f"{where} must be a list of trees. {REMEDY}")
    shared = _fitted_attributes(forest, getattr(trees[0], "max_features_", None))
    params = _tree_params(forest)
    for i, tree in enumerate(trees):
        if type(tree) is not type(forest.estimator):
            raise TypeError(f"{where}[{i}] is a {type(tree).__name__}. {REMEDY}")
        found = tree.get_params(deep=False)
        seed = found.pop("random_state")
        for name, value in params.items():
            if not _equal(found[name], value):
                raise ValueError(
                    f"{where}[{i}] was fitted with {name}={found[name]!r}, but the forest has "
                    f"{name}={value!r}. Set the former again, or fit again."
                )
        rest = {k: v for k, v in vars(tree).items() if k not in found and k != "random_state"}
        made = type(rest.pop("tree_", None)) is Tree and _equal(rest, shared)
        if not made or type(seed) is not int or not 0 <= seed < 2**32:
            raise ValueError(f"{where}[{i}] was changed after fit. {REMEDY}")


def _arrays_of(trees):
    """Return the arrays of `TYPES` for a list of trees, in the smallest sufficient types."""
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
    """Return the rows that differ in any bit, and the index of each row among them.

    Most leaves have a single class and few samples, so that only a tenth of the nodes differ.
    """
    _, first, which = np.unique(
        rows.view(np.uint64), axis=0, return_index=True, return_inverse=True
    )
    return rows[first], which.ravel()


def _smallest(counts):
    """Return counts in the smallest type; `_nodes_from` finds those that do not fit."""
    return counts.astype(np.min_scalar_type(counts.max(initial=0)))


def _round_down(thresholds):
    """Return the largest float32 below or equal: the same float32 inputs are <= it."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def unpack(unpacker, forest, packed, where):
    """Build the trees, if the forest was fitted."""
    if not packed:
        if any(name.endswith("_") for name in vars(forest)):
            raise InvalidModel(f"{where} has no trees")
        return
    content = packed.get("estimators_")
    if len(packed) > 1 or type(content) is not dict or set(content) != {*TYPES, "max_features_"}:
        raise InvalidModel(f"{where}.estimators_ must be the arrays of a forest")
    _check_fitted_attributes(forest, where)
    max_features = unpacker.unpack(content["max_features_"], f"{where}.max_features_")
    if not _is_size(max_features):
        raise InvalidModel(f"{where}.max_features_ is not a number of features")
    where = f"{where}.estimators_"
    arrays = {name: unpacker.take(content[name], f"{where}.{name}") for name in TYPES}
    nodes, proportions = _nodes_from(arrays, forest.n_features_in_, forest.n_classes_, where)
    forest.estimator_ = forest.estimator
    forest.estimators_ = _trees(forest, arrays, nodes, proportions, max_features)


def _check_fitted_attributes(forest, where):
    """Raise if the fitted attributes of a forest contradict each other."""
    fitted = vars(forest)
    classes, n_outputs = fitted.get("classes_"), fitted.get("n_outputs_")
    if type(n_outputs) is not int or n_outputs != 1:
        raise InvalidModel(f"{where}.n_outputs_ is {str(n_outputs)[:80]}, not 1")
    if type(classes) is not np.ndarray or classes.ndim != 1 or not len(classes):
        raise InvalidModel(f"{where}.classes_ is not an array of labels")
    n_classes, n_features = fitted.get("n_classes_"), fitted.get("n_features_in_")
    if type(n_classes) is not int or n_classes != len(classes):
        raise InvalidModel(f"{where}.n_classes_ is not the number of classes_, {len(classes)}")
    if type(n_features) is not int or not _is_size(n_features):
        raise InvalidModel(f"{where}.n_features_in_ is not a number of features")
    n_samples, n_drawn = fitted.get("_n_samples"), fitted.get("_n_samples_bootstrap")
    if not _is_size(n_samples) or not (n_drawn is None or _is_size(n_drawn)):
        raise InvalidModel(f"{where} has no valid number of samples")
    weight = fitted.get("_sample_weight")
    if weight is not None and (
        type(weight) is not np.ndarray or weight.dtype.kind != "f" or weight.shape != (n_samples,)
    ):
        raise InvalidModel(
            f"{where}._sample_weight must have one weight for each of {n_samples} samples"
        )


def _nodes_from(arrays, n_features, n_classes, where):
    """Return the nodes of all trees, one tree after another, and their class proportions.

    Raises InvalidModel unless the arrays describe valid trees.
    """
    for name, types in TYPES.items():
        if arrays[name].dtype.name not in types or arrays[name].ndim != 1 + (name == "kinds"):
            raise InvalidModel(f"{where}.{name} has the wrong type or shape")
    inner, left, right, first = _children(arrays, n_classes, where)
    samples, weights, impurities, proportions = _kinds(arrays, n_classes, where)
    for name in ("feature", "threshold", "missing_go_to_left"):
        _check_length(arrays, name, len(inner), where)
    if np.any(arrays["feature"] >= n_features):
        raise InvalidModel(f"{where}.feature has an index beyond {n_features} features")
    # With an infinite threshold, only missing values go to the right.
    if np.isnan(arrays["threshold"]).any() or np.isneginf(arrays["threshold"]).any():
        raise InvalidModel(f"{where}.threshold has NaN or -inf")
    if np.any(arrays["missing_go_to_left"] > 1):
        raise InvalidModel(f"{where}.missing_go_to_left has other values than 0 and 1")
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
    return nodes, np.take(proportions, kind, axis=0)[:, np.newaxis]


def _children(arrays, n_classes, where):
    """Return the nodes with children, their children, and the roots of their trees."""
    n_nodes, left = arrays["n_nodes"].astype(np.int64), arrays["left"]
    total = int(n_nodes.sum())
    if not 0 < len(n_nodes) <= MAX_TREES or n_nodes.min() == 0:
        raise InvalidModel(
            f"{where}.n_nodes has no trees, trees without nodes, or more than {MAX_TREES}"
        )
    if total != len(left):
        raise InvalidModel(f"{where}.n_nodes has {total} nodes in total, but left has {len(left)}")
    if total * (n_classes + NODE_NUMBERS) > MAX_NUMBERS:
        raise InvalidModel(f"{where} has {total} nodes of {n_classes} classes, too many to load")
    _check_length(arrays, "random_state", len(n_nodes), where)
    _check_length(arrays, "kind", total, where)
    inner = np.flatnonzero(left)
    _check_length(arrays, "right", len(inner), where)
    roots = np.cumsum(n_nodes) - n_nodes
    first, end = (np.repeat(place, n_nodes)[inner] for place in (roots, roots + n_nodes))
    left, right = inner + left[inner], inner + arrays["right"].astype(np.int64)
    if np.any(right == inner) or np.any(np.maximum(left, right) >= end):
        raise InvalidModel(f"{where}.left or right leads out of a tree or to the node itself")
    expected = np.ones(total, dtype=np.int64)
    expected[roots] = 0
    n_parents = np.bincount(np.concatenate([left, right]), minlength=total)
    if not np.array_equal(n_parents, expected):
        raise InvalidModel(f"{where}.left and right do not give each node one parent")
    return inner, left, right, first


def _kinds(arrays, n_classes, where):
    """Return the columns of `kinds`: samples, weight, impurity and class proportions."""
    kinds = arrays["kinds"]
    if kinds.shape[1] != 3 + n_classes or np.any(arrays["kind"] >= len(kinds)):
        raise InvalidModel(f"{where}.kind and kinds do not fit {n_classes} classes or each other")
    if not np.isfinite(kinds).all():
        raise InvalidModel(f"{where}.kinds has NaN or infinity")
    samples, weights, impurities, proportions = *kinds[:, :3].T, kinds[:, 3:]
    if np.any(samples < 1) or np.any(samples > 2**53) or np.any(samples % 1):
        raise InvalidModel(f"{where}.kinds has an invalid number of samples")
    if np.any(weights <= 0):
        raise InvalidModel(f"{where}.kinds has a weight that is not positive")
    if np.any(proportions < 0) or np.any(np.abs(proportions.sum(axis=1) - 1) > TOLERANCE):
        raise InvalidModel(
            f"{where}.kinds has class proportions that are negative or do not sum to 1"
        )
    return samples, weights, impurities, proportions


def _check_length(arrays, name, length, where):
    if len(arrays[name]) != length:
        raise InvalidModel(f"{where}.{name} has {len(arrays[name])} entries, not {length}")


def _trees(forest, arrays, nodes, proportions, max_features):
    """Return the trees as `fit` leaves them."""
    params, start, trees = _tree_params(forest), 0, []
    for n, seed in zip(arrays["n_nodes"].tolist(), arrays["random_state"].tolist(), strict=True):
        made = Tree(forest.n_features_in_, np.array([forest.n_classes_], dtype=np.intp), 1)
        part = slice(start, start + n)
        made.__setstate__(
            {"max_depth": 0, "node_count": n, "nodes": nodes[part], "values": proportions[part]}
        )
        made.max_depth = int(made.compute_node_depths().max()) - 1
        tree = type(forest.estimator)(**params, random_state=seed)
        vars(tree).update(_fitted_attributes(forest, max_features), tree_=made)
        trees.append(tree)
        start += n
    return trees


def _tree_params(forest):
    """Return the parameters that all trees of a forest share."""
    params = forest.estimator.get_params() | {
        name: getattr(forest, name) for name in forest.estimator_params
    }
    del params["random_state"]
    return params


def _fitted_attributes(forest, max_features):
    """Return the fitted attributes that all trees of a forest share."""
    return {
        "n_features_in_": forest.n_features_in_,
        "n_outputs_": 1,
        "classes_": np.arange(forest.n_classes_, dtype=np.float64),  # trees see class codes
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
