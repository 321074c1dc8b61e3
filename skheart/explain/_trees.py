"""Why trees on average heart cycles answered as they did: their paths, laid back on the sound."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from ..audio import as_float, load_samples, recordings_of
from ..classifiers import steps_and_classifier, transformed
from ..segmentation import (
    PHASES,
    HeartCycleTransformer,
    contrasts_in,
    cycle_of,
    frames_of_cells,
    n_quiet_cells,
)
from ._explanation import CycleMaps, Explanation, Maps, recording_name

__all__ = ["by_trees", "explained_by_trees", "keeping_by_trees", "path_contributions"]

FORESTS = (ExtraTreesClassifier, RandomForestClassifier, DecisionTreeClassifier)


def by_trees(estimator):
    """Whether an estimator is a pipeline of trees on average heart cycles."""
    if not isinstance(estimator, Pipeline):
        return False
    steps, clf = steps_and_classifier(estimator)
    return bool(steps) and isinstance(steps[-1], HeartCycleTransformer) and isinstance(clf, FORESTS)


def explained_by_trees(estimator, X):
    """Explanations of recordings by the paths of the trees.

    Parameters
    ----------
    estimator : Pipeline
        Fitted; one of which `by_trees` is true.
    X : list, array, Series or DataFrame
        Recordings or paths.

    Returns
    -------
    list of Explanation
    """
    check_is_fitted(estimator)
    steps, clf = steps_and_classifier(estimator)
    cycle = steps[-1]
    recordings = recordings_of(cycle, transformed(steps[:-1], X), reset=False)
    cycles = [cycle_of(cycle, recording, row) for row, recording in enumerate(recordings)]
    features = [of_one[-1] for of_one in cycles]
    prior, contributions = path_contributions(clf, features)
    probabilities = _predicted(clf, np.asarray(features, np.float32))
    explanations = []
    for row, recording in enumerate(recordings):
        maps = _maps(cycle, *cycles[row], contributions[row])
        sound = _sound(recording, row, cycle.segmenter_.sr)
        rhythm = np.split(contributions[row], _ends(cycle))[2].sum(axis=0)
        explanations.append(
            Explanation(
                method="decision_path",
                classes=clf.classes_,
                label=clf.classes_[probabilities[row].argmax()],
                logits=probabilities[row],
                probabilities=probabilities[row],
                base=prior + rhythm,
                scale="probability",
                terms={"prior": prior, "rhythm": rhythm},
                **maps,
                **sound,
            )
        )
    return explanations


def keeping_by_trees(estimator, X):
    """How the probabilities of trees change with what is kept of the average cycle.

    Parameters
    ----------
    estimator : Pipeline
        Fitted; one of which `by_trees` is true.
    X : list, array, Series or DataFrame
        Recordings or paths.

    Returns
    -------
    keeping : function
        Of the number of a recording and of masks (m, n_cells, n_mels); the mean and the deviation
        of what they leave out are replaced by their means over the recordings, and contrasts are
        those of the means that result. The level of the quiet diastole and the rhythm stay. It
        returns probabilities (m, n_classes).
    """
    steps, clf = steps_and_classifier(estimator)
    cycle = steps[-1]
    features = np.asarray(transformed(steps, X))
    mean = features.mean(axis=0)
    n_mels = cycle.segmenter_.n_mels
    ends = _ends(cycle)

    def keeping(row, kept):
        cells = kept.reshape(len(kept), -1)
        level = np.ones((len(kept), n_mels), bool)
        rest = np.ones((len(kept), features.shape[1] - ends[0]), bool)
        mask = np.concatenate([cells, level, cells, rest], axis=1)
        changed = np.where(mask, features[row], mean)
        if cycle.contrasts:
            means = changed[:, : cells.shape[1]].reshape(kept.shape)
            changed[:, ends[0] : ends[1]] = contrasts_in(cycle)(means)
        return _predicted(clf, changed)

    return keeping


def _predicted(clf, features):
    """Probabilities; trees that were fitted to a DataFrame ask for its names."""
    if hasattr(clf, "feature_names_in_"):
        import pandas as pd

        features = pd.DataFrame(features, columns=clf.feature_names_in_)
    return clf.predict_proba(features)


def path_contributions(forest, X):
    """What each column adds to the probabilities on the way from the root of a tree to its leaf.

    At every question that a tree asks, the shares of the classes in the node that follows, less
    those in the node that asks, go to the column that is asked for; the mean over the trees.

    Parameters
    ----------
    forest : ExtraTreesClassifier, RandomForestClassifier or DecisionTreeClassifier
        Fitted.
    X : array of shape (n, n_features)
        What it takes.

    Returns
    -------
    prior : ndarray of shape (n_classes,)
        Shares of the classes before any question.
    contributions : ndarray of shape (n, n_features, n_classes)
        With `prior`, their sums over the columns are ``forest.predict_proba(X)``.

    References
    ----------
    Palczewska, Palczewski, Marchese Robinson, Neagu, "Interpreting random forest classification
    models using a feature contribution method", in: Integration of Reusable Systems, Springer 2014,
    193-218.
    """
    X = np.ascontiguousarray(X, np.float32)
    trees = getattr(forest, "estimators_", [forest])
    prior = np.zeros(len(forest.classes_))
    contributions = np.zeros((len(X), X.shape[1], len(forest.classes_)))
    for tree in (each.tree_ for each in trees):
        shares = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
        prior += shares[0]
        asking = np.flatnonzero(tree.children_left >= 0)
        parent = np.full(tree.node_count, -1)
        parent[tree.children_left[asking]] = parent[tree.children_right[asking]] = asking
        rows, nodes = tree.decision_path(X).nonzero()
        rows, nodes = rows[nodes > 0], nodes[nodes > 0]  # the root follows no question
        before = parent[nodes]
        np.add.at(contributions, (rows, tree.feature[before]), shares[nodes] - shares[before])
    return prior / len(trees), contributions / len(trees)


def _maps(cycle, seen, phases, features, contributions):
    """What an explanation holds of the cells, and of the frames that they are means of."""
    segmenter = cycle.segmenter_
    shares = frames_of_cells(seen, phases, cycle.n_cells)
    of_cells = _by_cell(cycle, features, contributions)
    of_frames = np.einsum("cf,cmk->kfm", shares, of_cells, optimize=True).astype(np.float32)
    times = segmenter.front_end_.frame_times_[: len(seen.log_mel)]
    frequencies = segmenter.front_end_.mel_frequencies_
    return {
        "head": Maps(None, None, of_frames, times, frequencies),
        "features": seen.log_mel,
        "cell": (1, 1),
        "times": times,
        "frequencies": frequencies,
        "cycle": CycleMaps(
            contribution=of_cells.transpose(2, 0, 1).astype(np.float32),
            features=(shares @ seen.log_mel).astype(np.float32),
            phases=np.repeat(PHASES, cycle.n_cells),
            edges=_edges(cycle, features),
            frequencies=frequencies,
            shares=shares.astype(np.float32),
        ),
    }


def _by_cell(cycle, features, contributions):
    """Contributions of cells, (n_cells, n_mels, n_classes); those of the rhythm have none."""
    n_cells, n_mels = sum(cycle.n_cells), cycle.segmenter_.n_mels
    placed, of_contrasts, _ = np.split(contributions, _ends(cycle))
    placed = placed.reshape(2 * n_cells + 1, n_mels, -1)
    means, quiet, deviations = np.split(placed, [n_cells, n_cells + 1])
    of_cells = means + deviations
    if cycle.contrasts:
        levels = features[: n_cells * n_mels].reshape(n_cells, n_mels)
        of_cells += contrasts_in(cycle).shared(of_contrasts, levels)
    n_quiet = n_quiet_cells(cycle.n_cells, cycle.quiet)
    of_cells[-n_quiet:] += quiet / n_quiet
    return of_cells


def _ends(cycle):
    """Where columns end that belong to a cell (means, quiet diastole, deviations); contrasts."""
    placed = (2 * sum(cycle.n_cells) + 1) * cycle.segmenter_.n_mels
    return placed, placed + (len(contrasts_in(cycle).first) if cycle.contrasts else 0)


def _edges(cycle, features):
    """Seconds from the start of the average cycle to the edges of its cells."""
    names = list(cycle.get_feature_names_out())
    lengths = [features[names.index(f"mean_length_{phase}")] for phase in PHASES]
    widths = np.repeat(np.divide(lengths, cycle.n_cells), cycle.n_cells)
    segmenter = cycle.segmenter_
    return np.append(0, np.cumsum(widths)) * segmenter.hop_length / segmenter.sr


def _sound(recording, row, sr):
    """A recording's name, samples and length."""
    samples = load_samples(recording, row, sr)
    return {
        "recording": recording_name(recording, row),
        "signal": np.array(as_float(samples), np.float32),
        "sr": sr,
        "duration": samples.size / sr,
    }
