"""Which rows are trained on and which are watched: order, identity, groups, balance."""

from __future__ import annotations

import hashlib
import warnings
from fractions import Fraction

import numpy as np
from sklearn.utils import compute_class_weight

from .arrays import IndexedRows, release, row_blocks

__all__ = ["canonical_order", "clusters", "plan_rows", "row_digests", "validation_split"]

# Whole weights are taken as counts (a row of weight 2 is two rows) up to this mean count.
MAX_REPEATS = 10
# Values at the start of a row that tell most rows apart.
DIGEST_START = 1024


def plan_rows(
    X,
    codes,
    classes,
    *,
    sample_weight,
    groups,
    validation_fraction,
    oversample,
    class_weight,
    seeds,
):
    """Rows to train on, in order, with their weights, and rows to watch.

    The order of things matters: rows are split first and balanced after that, in the training part
    alone, so that no copy of a row that is trained on is watched.

    Parameters
    ----------
    X : ndarray of shape (n, ...) or IndexedRows
        The rows; they are read to tell identical ones, not copied.
    codes : array of int of shape (n,)
        Class of each row, as an index into classes.
    classes : array of shape (n_classes,)
        The labels.
    sample_weight : array of float of shape (n,) or None
        A row of weight 0 is left out.
    groups : array of shape (n,) or None
        Rows of one group stay on one side.
    validation_fraction : float or None
        None for no validation part.
    oversample : bool
        Draw the rarer classes again until all are equally many.
    class_weight : dict, "balanced" or None
        As in scikit-learn.
    seeds : pair of int
        For the split and for the oversampling.

    Returns
    -------
    train : array of int
        Rows of X; a row may be there several times.
    weight : array of float of the same length, or None
        Weight of each entry of train, with the mean 1.
    valid : array of int or None
        Rows of X, each once.
    """
    digests = row_digests(X)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    index = canonical_order(digests, weight, codes)
    index = index[weight[index] > 0]
    if np.all(weight == np.rint(weight)):
        counts = weight[index].astype(int)
        counts //= np.gcd.reduce(counts)
        if counts.mean() <= MAX_REPEATS:
            index, weight = np.repeat(index, counts), None

    valid = None
    if validation_fraction is not None:
        together = clusters(digests, groups)[index]
        train, valid = validation_split(codes[index], together, validation_fraction, seeds[0])
        index, valid = index[train], np.unique(index[valid])
    if oversample:
        from imblearn.over_sampling import RandomOverSampler  # slow to import, seldom needed

        sampler = RandomOverSampler(random_state=seeds[1])
        sampler.fit_resample(index[:, np.newaxis], codes[index])
        index = index[sampler.sample_indices_]
    weight = None if weight is None else weight[index]
    if class_weight is not None:
        of_class = _class_weights(class_weight, classes, codes[index])[codes[index]]
        weight = of_class if weight is None else weight * of_class
    if weight is not None:
        weight = weight / weight.mean()  # so that the learning rate keeps its meaning
    return index, weight, valid


def _class_weights(class_weight, classes, codes):
    """Weight of each class, from the rows that are trained on."""
    if isinstance(class_weight, dict):
        unknown = set(class_weight) - set(classes.tolist())
        if unknown:
            raise ValueError(
                f"class_weight names {sorted(unknown, key=str)}, which are not in y: the classes "
                f"are {classes.tolist()}."
            )
        values = np.array(list(class_weight.values()), dtype=float)
        if not np.isfinite(values).all() or values.min() < 0 or not values.any():
            raise ValueError(
                f"class_weight={class_weight} must hold finite weights of at least 0, not all 0."
            )
    return compute_class_weight(class_weight, classes=classes, y=classes[codes])


def row_digests(X):
    """Digest of each row of X, as an array of shape (n, 2) of uint64.

    Rows that a net sees as equal, in float32, without signs of zero and without frames of NaN at
    their end, have equal digests. The
    first number is of the start of a row alone; where rows start alike, and only there, the second
    one is of the whole row, else 0. So most rows of a memory map are not read to their end.
    """
    if isinstance(X, IndexedRows):
        return row_digests(X.base)[X.index]
    digests = np.zeros((len(X), 2), np.uint64)
    starts = (row.reshape(-1)[:DIGEST_START] for block in row_blocks(X) for row in block)
    digests[:, 0] = [_digest(start) for start in starts]
    _, which, counts = np.unique(digests[:, 0], return_inverse=True, return_counts=True)
    for row in np.flatnonzero(counts[which] > 1):
        digests[row, 1] = _digest(X[row])
        release(X)
    return digests


def _digest(values):
    seen = np.ascontiguousarray(values, dtype=np.float32) + np.float32(0)
    seen = seen[~np.isnan(seen)]  # so that the width of an array of short recordings is no matter
    return int.from_bytes(hashlib.blake2b(seen.data, digest_size=8).digest(), "little")


def canonical_order(digests, *keys):
    """Order of the rows that depends on what they hold alone, not on where they stand.

    Training in this order makes the model independent of the order of the rows, and a row with
    the weight 2 the same as the row given twice.
    """
    return np.lexsort((*keys, digests[:, 1], digests[:, 0]))


def clusters(digests, groups=None):
    """Label of the set of rows that must stay together: same group, or identical, transitively."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, identity = np.unique(digests, axis=0, return_inverse=True)
    identity = identity.ravel()
    if groups is None:
        return identity
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    n_identities = identity.max() + 1
    size = n_identities + group.max() + 1
    edges = coo_array(
        (np.ones(len(group), bool), (identity, group + n_identities)), shape=(size, size)
    )
    _, labels = connected_components(edges, directed=False)
    return labels[identity]


def validation_split(y, cluster, fraction, seed):
    """Split rows into a training and a validation part, stratified, clusters kept whole.

    Parameters
    ----------
    y : array of int of shape (n,)
        Class codes.
    cluster : array of int of shape (n,)
        Rows of one cluster stay on one side.
    fraction : float
        Share of the rows in the validation part, in (0, 1).
    seed : int
        Decides the split.

    Returns
    -------
    train, valid : arrays of int
        Sorted row indices.

    Raises
    ------
    ValueError
        If there are too few clusters, or no split leaves every class in the training part.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    share = Fraction(float(fraction)).limit_denominator(20)
    share = min(max(share, Fraction(1, 20)), Fraction(19, 20))
    n_clusters = np.array([len(np.unique(cluster[y == code])) for code in np.unique(y)])
    if n_clusters.max() < 2:
        raise ValueError(
            f"validation_fraction={fraction} cannot be had from {n_clusters.sum()} subjects (rows "
            "of one group, and identical rows, count as one): give more subjects, or set "
            "early_stopping=False."
        )
    # No more folds than the most frequent class has clusters, or no fold could be stratified.
    n_folds = min(share.denominator, n_clusters.max())
    n_valid = min(max(1, round(n_folds * share)), n_folds - 1)
    # Clusters in a random order, rather than the splitter's own shuffle, which loses the
    # stratification in scikit-learn 1.6.
    _, cluster = np.unique(cluster, return_inverse=True)
    cluster = np.random.default_rng(seed).permutation(cluster.max() + 1)[cluster]
    if cluster.max() + 1 == len(cluster):  # every row by itself: the same, and far quicker
        splitter, cluster = StratifiedKFold(n_folds, shuffle=True, random_state=seed), None
    else:
        splitter = StratifiedGroupKFold(n_folds)
    with warnings.catch_warnings():
        # A class rarer than the number of folds is checked below, and named.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = [test for _, test in splitter.split(y, y, cluster)]
    # A class that stands in one cluster alone must be trained on; and the more classes the
    # validation part holds the better: of the rotations of the folds, take the first best one.
    best, best_score = None, (-1,)
    for start in range(n_folds):
        valid = np.concatenate([folds[(start + k) % n_folds] for k in range(n_valid)])
        train = np.setdiff1d(np.arange(len(y)), valid)
        score = (len(np.unique(y[train])), len(np.unique(y[valid])))
        if len(valid) and len(train) and score > best_score:
            best, best_score = (train, np.sort(valid)), score
    if best is None or best_score[0] < len(n_clusters):
        raise ValueError(
            "No validation part leaves every class in the training part: some class has too few "
            f"subjects (per class: {n_clusters.tolist()}). Give more data, a smaller "
            "validation_fraction, or set early_stopping=False."
        )
    return best
