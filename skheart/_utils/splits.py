"""Subject-wise splits, and the rows that a classifier trains on."""

from __future__ import annotations

import hashlib
import warnings
from fractions import Fraction
from numbers import Integral

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import compute_class_weight

from .arrays import IndexedRows, release, row_blocks

__all__ = [
    "check_subjects_per_class",
    "clusters",
    "plan_rows",
    "row_digests",
    "subject_folds",
    "validation_split",
]

# Integer weights become repeated rows up to this mean weight.
MAX_REPEATS = 10
# Values at the start of a row that distinguish most rows.
DIGEST_START = 1024


def check_subjects_per_class(y, groups, needed, why):
    """Raise if a class has fewer subjects than needed."""
    for label in np.unique(y):
        n_subjects = len(np.unique(groups[y == label]))
        if n_subjects < needed:
            raise ValueError(
                f"Class {label} has {n_subjects} subject{'s' * (n_subjects != 1)}, fewer than "
                f"{needed}: {why}. Use fewer folds, merge classes, or add subjects."
            )


def subject_folds(y, groups, cv, random_state):
    """Return (train, test) rows of each fold, subjects apart, every row tested once."""
    if isinstance(cv, Integral):
        if cv < 2:
            raise ValueError(f"cv must be at least 2. Got {cv}. Try cv=5.")
        check_subjects_per_class(y, groups, cv, f"every one of the {cv} folds needs one")
        # Subjects are shuffled here because scikit-learn 1.6 loses the stratification if it
        # shuffles them. The folds equal those of shuffle=True in later versions.
        names, code = np.unique(groups, return_inverse=True)
        seed = random_state.randint(2**31 - 1)
        place = np.argsort(np.random.RandomState(seed).permutation(len(names)))
        folds = list(StratifiedGroupKFold(cv).split(y, y, place[code]))
    else:
        folds = list(cv.split(np.zeros(len(y)), y, groups))
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(len(y))):
        raise ValueError(
            f"{cv!r} does not test every recording exactly once. Use StratifiedGroupKFold, "
            "GroupKFold or LeaveOneGroupOut."
        )
    for number, (train, test) in enumerate(folds):
        shared = np.intersect1d(groups[train], groups[test])
        if len(shared):
            raise ValueError(
                f"{cv!r} puts subject {shared[0]} (and {len(shared) - 1} more) on both sides of "
                f"fold {number}. Use StratifiedGroupKFold or GroupKFold."
            )
        absent = np.setdiff1d(y, y[train])
        if len(absent):
            raise ValueError(
                f"Fold {number} has no subject of class {absent[0]} left to train on. "
                "Use more folds, another random_state, or merge classes."
            )
    return folds


def validation_split(y, cluster, fraction, seed):
    """Return sorted (train, valid) rows, stratified by y, with clusters kept whole.

    `fraction` is the proportion of the rows to validate on, in (0, 1). Raises ValueError if there
    are too few clusters, or if no split leaves every class in the training part.
    """
    share = Fraction(float(fraction)).limit_denominator(20)
    share = min(max(share, Fraction(1, 20)), Fraction(19, 20))
    n_clusters = np.array([len(np.unique(cluster[y == code])) for code in np.unique(y)])
    if n_clusters.max() < 2:
        raise ValueError(
            f"validation_fraction={fraction} is not possible with {n_clusters.sum()} subjects "
            "(rows of one group, and identical rows, count as one). Add subjects, or set "
            "early_stopping=False."
        )
    # The most frequent class has a cluster in each fold.
    n_folds = min(share.denominator, n_clusters.max())
    n_valid = min(max(1, round(n_folds * share)), n_folds - 1)
    # Clusters are permuted here: StratifiedGroupKFold(shuffle=True) loses the stratification in
    # scikit-learn 1.6.
    _, cluster = np.unique(cluster, return_inverse=True)
    cluster = np.random.default_rng(seed).permutation(cluster.max() + 1)[cluster]
    if cluster.max() + 1 == len(cluster):  # one row per cluster: same result, much faster
        splitter, cluster = StratifiedKFold(n_folds, shuffle=True, random_state=seed), None
    else:
        splitter = StratifiedGroupKFold(n_folds)
    with warnings.catch_warnings():
        # Rare classes are checked below.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        folds = [test for _, test in splitter.split(y, y, cluster)]
    # Of the rotations of the folds, take the first with most classes in the training part, then
    # with most classes in the validation part.
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
            f"subjects (per class: {n_clusters.tolist()}). Add data, or set a smaller "
            "validation_fraction or early_stopping=False."
        )
    return best


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
    """Return the rows to train on, with their weights, and the rows to validate on.

    Rows are split first and then balanced, in the training part only, so that no copy of a
    training row is in the validation part. Rows of one group stay on one side. Training rows may
    be repeated; their weights have mean 1, or are None. `codes` are classes as indices of
    `classes`; `seeds` are those of the split and of the oversampling.
    """
    digests = row_digests(X)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    index = content_order(digests, weight, codes)
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
        from imblearn.over_sampling import RandomOverSampler  # slow to import, rarely needed

        sampler = RandomOverSampler(random_state=seeds[1])
        sampler.fit_resample(index[:, np.newaxis], codes[index])
        index = index[sampler.sample_indices_]
    weight = None if weight is None else weight[index]
    if class_weight is not None:
        of_class = _class_weights(class_weight, classes, codes[index])[codes[index]]
        weight = of_class if weight is None else weight * of_class
    if weight is not None:
        weight = weight / weight.mean()  # keeps the scale of the loss
    return index, weight, valid


def _class_weights(class_weight, classes, codes):
    """Return the weight of each class, from the training rows."""
    if isinstance(class_weight, dict):
        unknown = set(class_weight) - set(classes.tolist())
        if unknown:
            raise ValueError(
                f"class_weight has {sorted(unknown, key=str)}, which are not in y. The classes "
                f"are {classes.tolist()}."
            )
        values = np.array(list(class_weight.values()), dtype=float)
        if not np.isfinite(values).all() or values.min() < 0 or not values.any():
            raise ValueError(
                f"class_weight={class_weight} must hold finite weights of at least 0, not all 0."
            )
    return compute_class_weight(class_weight, classes=classes, y=classes[codes])


def row_digests(X):
    """Return a hash of each row of X, as an array of shape (n, 2) of uint64.

    Rows with the same values in float32 have the same hash; signs of zero and trailing NaN frames
    are ignored. The first number is the hash of the start of a row. The second is the hash of the
    whole row if the starts of several rows are equal, else 0, so that most rows of a memory map
    are not read to their end.
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
    seen = seen[~np.isnan(seen)]  # so that padding to another length gives the same hash
    return int.from_bytes(hashlib.blake2b(seen.data, digest_size=8).digest(), "little")


def content_order(digests, *keys):
    """Return an order of the rows that depends only on their content.

    Training in this order makes a model independent of the order of the rows, and a row of weight
    2 equivalent to two rows.
    """
    return np.lexsort((*keys, digests[:, 1], digests[:, 0]))


def clusters(digests, groups=None):
    """Return a label per row: rows of one group, and identical rows, have the same label."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, identity = np.unique(digests, axis=0, return_inverse=True)
    identity = identity.ravel()
    if groups is None:
        return identity
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    n_identities = identity.max() + 1
    size = n_identities + group.max() + 1
    # SciPy below 1.13 needs 32-bit indices.
    ends = identity.astype(np.int32), (group + n_identities).astype(np.int32)
    edges = coo_array((np.ones(len(group), bool), ends), shape=(size, size))
    _, labels = connected_components(edges, directed=False)
    return labels[identity]
