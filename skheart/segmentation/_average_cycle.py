"""The average heart cycle of one recording, from the phase of each frame."""

from __future__ import annotations

import numpy as np

__all__ = ["compute_cell_weights", "compute_features", "count_quiet_cells"]

MIN_WEIGHT = 1e-6  # of a beat, so that the weights never sum to 0


def compute_features(scores, phases, n_cells, quiet, contrasts=None):
    """Compute the features of a recording, in the order of `HeartCycleTransformer`.

    `scores` are its `FrameScores`, `phases` the phase of each frame, and `contrasts` the
    `Contrasts` to add.
    """
    starts, ends, phase_of, weights = _find_intervals(scores, phases)
    durations = (ends - starts).astype(float)
    means, deviations, rhythm = [], [], []
    sums = np.cumsum(np.pad(scores.log_mel, ((1, 0), (0, 0))), axis=0, dtype=float)
    for phase, n in enumerate(n_cells):
        own = phase_of == phase
        if own.any():
            low, high = _split_intervals(starts[own], ends[own], n)
            cells = (sums[high] - sums[low]) / (high - low)[:, :, None]  # (n_beats, n, n_mels)
            weight = weights[own]
            rhythm += [durations[own].mean(), durations[own].std()]
        else:
            cells, weight = np.repeat(sums[None, -1:] / len(phases), n, axis=1), np.ones(1)
            rhythm += [0.0, 0.0]
        weight = (weight / weight.sum())[:, None, None]
        mean = (weight * cells).sum(axis=0)
        means.append(mean)
        deviations.append(np.sqrt((weight * (cells - mean) ** 2).sum(axis=0)))
    quiet_level = means[-1][-count_quiet_cells(n_cells, quiet) :].mean(axis=0)
    means = np.concatenate(means) - quiet_level
    certainty = scores.probabilities.max(axis=0).mean(), scores.quality.mean()
    return np.concatenate(
        [
            means.ravel(),
            quiet_level,
            np.concatenate(deviations).ravel(),
            [] if contrasts is None else contrasts.compute(means),
            [*certainty, len(starts) / len(phases), *rhythm],
        ]
    )


def compute_cell_weights(scores, phases, n_cells):
    """Compute the weight of each frame in the mean of each cell, (sum(n_cells), n_frames).

    Each row sums to 1; ``cell_weights @ scores.log_mel`` is the average cycle before the quiet
    diastole is subtracted.
    """
    starts, ends, phase_of, weights = _find_intervals(scores, phases)
    cell_weights = np.zeros((sum(n_cells), len(phases)))
    row = 0
    for phase, n in enumerate(n_cells):
        own = phase_of == phase
        if own.any():
            low, high = _split_intervals(starts[own], ends[own], n)
            for beat, share in enumerate(weights[own] / weights[own].sum()):
                for cell, (a, b) in enumerate(zip(low[beat], high[beat], strict=True)):
                    cell_weights[row + cell, a:b] += share / (b - a)
        else:
            cell_weights[row : row + n] = 1 / len(phases)
        row += n
    return cell_weights


def count_quiet_cells(n_cells, quiet):
    """Return the number of cells of the quiet diastole."""
    return max(1, round(quiet * n_cells[-1]))


def _find_intervals(scores, phases):
    """Find the first frame, end, phase and weight of each interval of one phase."""
    starts = np.flatnonzero(np.diff(phases, prepend=-1))
    ends = np.append(starts[1:], len(phases))
    if len(starts) > 3:  # the first and the last interval may be cut off
        starts, ends = starts[1:-1], ends[1:-1]
    phase_of = phases[starts]
    weights = [
        scores.probabilities[phase, start:end].mean() * scores.quality[start:end].mean()
        for phase, start, end in zip(phase_of, starts, ends, strict=True)
    ]
    return starts, ends, phase_of, np.array(weights) + MIN_WEIGHT


def _split_intervals(starts, ends, n):
    """Return first frame and end of n cells per interval; a cell has at least one frame."""
    edges = starts[:, None] + (ends - starts)[:, None] * np.arange(n + 1) / n
    low = np.floor(edges[:, :-1]).astype(int)
    return low, np.maximum(np.ceil(edges[:, 1:]).astype(int), low + 1)
