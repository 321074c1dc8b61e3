"""Decision-path contributions of trees on average heart cycles, mapped to time and frequency."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..audio import as_float, load_samples, validate_recordings
from ..classifiers import steps_and_classifier, transformed
from ..segmentation import (
    PHASES,
    average_cycle,
    compute_cell_weights,
    count_quiet_cells,
    get_contrasts,
)
from ._explanation import CycleMaps, Explanation, Maps, describe_recording

__all__ = ["explain_trees", "make_cycle_predictor", "path_contributions"]


def explain_trees(estimator, X):
    """Explain recordings by the decision paths of a pipeline of trees on average heart cycles."""
    check_is_fitted(estimator)
    steps, clf = steps_and_classifier(estimator)
    cycle = steps[-1]
    sr = cycle.segmenter_.sr
    recordings = validate_recordings(cycle, transformed(steps[:-1], X), reset=False)
    cycles = [average_cycle(cycle, recording, row) for row, recording in enumerate(recordings)]
    features = [of_one[-1] for of_one in cycles]
    prior, contributions = path_contributions(clf, features)
    probabilities = _predict_proba(clf, np.asarray(features, np.float32))
    explanations = []
    for row, recording in enumerate(recordings):
        samples = load_samples(recording, row, sr)
        rhythm = np.split(contributions[row], _column_ends(cycle))[2].sum(axis=0)
        explanations.append(
            Explanation(
                method="decision_path",
                recording=describe_recording(recording, row),
                classes=clf.classes_,
                label=clf.classes_[probabilities[row].argmax()],
                logits=probabilities[row],
                probabilities=probabilities[row],
                base=prior + rhythm,
                signal=np.array(as_float(samples), np.float32),
                sr=sr,
                duration=samples.size / sr,
                scale="probability",
                terms={"prior": prior, "rhythm": rhythm},
                **_maps(cycle, *cycles[row], contributions[row]),
            )
        )
    return explanations


def make_cycle_predictor(estimator, X):
    """Return a function of a row and masks (m, n_cells, n_mels) that predicts probabilities.

    Where a mask is False, the mean and the standard deviation of the cell are replaced by their
    means over the recordings. Contrasts are computed from the changed means; the level of the quiet
    diastole and the rhythm stay as they are.
    """
    steps, clf = steps_and_classifier(estimator)
    cycle = steps[-1]
    features = np.asarray(transformed(steps, X))
    mean = features.mean(axis=0)
    n_mels = cycle.segmenter_.n_mels
    ends = _column_ends(cycle)

    def predict(row, mask):
        cells = mask.reshape(len(mask), -1)
        level = np.ones((len(mask), n_mels), bool)
        rest = np.ones((len(mask), features.shape[1] - ends[0]), bool)
        columns = np.concatenate([cells, level, cells, rest], axis=1)
        changed = np.where(columns, features[row], mean)
        if cycle.contrasts:
            means = changed[:, : cells.shape[1]].reshape(mask.shape)
            changed[:, ends[0] : ends[1]] = get_contrasts(cycle).compute(means)
        return _predict_proba(clf, changed)

    return predict


def _predict_proba(clf, features):
    if hasattr(clf, "feature_names_in_"):  # fitted on a DataFrame
        import pandas as pd

        features = pd.DataFrame(features, columns=clf.feature_names_in_)
    return clf.predict_proba(features)


def path_contributions(forest, X):
    """Compute what each feature adds to the probabilities on the decision paths of trees.

    The change of the class proportions at a split is attributed to the feature of the split, and
    averaged over the trees (Palczewska et al. 2014; reference in `explain`). Returns the class
    proportions at the roots, (n_classes,), and contributions (n, n_features, n_classes) such that
    ``prior + contributions.sum(axis=1)`` is ``forest.predict_proba(X)``.
    """
    X = np.ascontiguousarray(X, np.float32)
    trees = getattr(forest, "estimators_", [forest])
    prior = np.zeros(len(forest.classes_))
    contributions = np.zeros((len(X), X.shape[1], len(forest.classes_)))
    for tree in (each.tree_ for each in trees):
        proportions = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
        prior += proportions[0]
        splits = np.flatnonzero(tree.children_left >= 0)
        parent = np.full(tree.node_count, -1)
        parent[tree.children_left[splits]] = parent[tree.children_right[splits]] = splits
        rows, nodes = tree.decision_path(X).nonzero()
        rows, nodes = rows[nodes > 0], nodes[nodes > 0]  # the root has no parent
        split = parent[nodes]
        changes = proportions[nodes] - proportions[split]
        np.add.at(contributions, (rows, tree.feature[split]), changes)
    return prior / len(trees), contributions / len(trees)


def _maps(cycle, seen, phases, features, contributions):
    """Fields of an `Explanation`: maps of the cells, and of the frames that they average."""
    shares = compute_cell_weights(seen, phases, cycle.n_cells)
    of_cells = _cell_contributions(cycle, features, contributions)
    of_frames = np.einsum("cf,cmk->kfm", shares, of_cells, optimize=True).astype(np.float32)
    front_end = cycle.segmenter_.front_end_
    times = front_end.frame_times_[: len(seen.log_mel)]
    frequencies = front_end.mel_frequencies_
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
            edges=_cell_edges(cycle, features),
            frequencies=frequencies,
            shares=shares.astype(np.float32),
        ),
    }


def _cell_contributions(cycle, features, contributions):
    """Contributions of cells, (n_cells, n_mels, n_classes); the rhythm belongs to no cell."""
    n_cells, n_mels = sum(cycle.n_cells), cycle.segmenter_.n_mels
    placed, of_contrasts, _ = np.split(contributions, _column_ends(cycle))
    placed = placed.reshape(2 * n_cells + 1, n_mels, -1)
    means, quiet, deviations = np.split(placed, [n_cells, n_cells + 1])
    of_cells = means + deviations
    if cycle.contrasts:
        levels = features[: n_cells * n_mels].reshape(n_cells, n_mels)
        of_cells += get_contrasts(cycle).distribute(of_contrasts, levels)
    n_quiet = count_quiet_cells(cycle.n_cells, cycle.quiet)
    of_cells[-n_quiet:] += quiet / n_quiet
    return of_cells


def _column_ends(cycle):
    """Ends of the columns of cells (means, quiet diastole, deviations) and of contrasts."""
    placed = (2 * sum(cycle.n_cells) + 1) * cycle.segmenter_.n_mels
    return placed, placed + (len(get_contrasts(cycle).first) if cycle.contrasts else 0)


def _cell_edges(cycle, features):
    """Edges of the cells in seconds from the start of the average cycle."""
    names = list(cycle.get_feature_names_out())
    lengths = [features[names.index(f"mean_length_{phase}")] for phase in PHASES]
    widths = np.repeat(np.divide(lengths, cycle.n_cells), cycle.n_cells)
    segmenter = cycle.segmenter_
    return np.append(0, np.cumsum(widths)) * segmenter.hop_length / segmenter.sr
