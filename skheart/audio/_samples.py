"""Samples as the front end uses them: as floats, cut or padded."""

from __future__ import annotations

import numpy as np

from ._reading import is_path
from ._recordings import as_float, load_samples, recording_name

__all__ = ["crop_or_pad", "load_kept"]


def crop_or_pad(samples, plan):
    """Return `plan.n_times` samples as floats; with ``pad="mask"`` at most that many."""
    size = samples.size
    if size >= plan.n_times:
        start = (size - plan.n_times) // 2 if plan.crop == "center" else 0
        return as_float(samples[start : start + plan.n_times])
    samples = as_float(samples)
    if plan.pad == "mask":
        return samples
    if plan.pad == "zero":
        return np.pad(samples, (0, plan.n_times - size))
    return np.tile(samples, -(-plan.n_times // size))[: plan.n_times]


def load_kept(recording, row, plan):
    """Return the samples of a recording that the front end uses, as floats.

    `row` is its row in X, for messages, and `plan` the settings of the front end. Raises ValueError
    if a sample is not finite, or with ``pad="mask"`` if the recording is shorter than a frame.
    """
    samples = load_samples(recording, row, plan.sr, finite=False)
    if plan.pad == "mask" and samples.size < len(plan.window):
        raise ValueError(
            f"{recording_name(recording, row)} has {samples.size} samples at sr={plan.sr} Hz, "
            f"fewer than one frame of n_fft={len(plan.window)}, which pad='mask' does not allow. "
            "Remove it, or set pad='repeat', pad='zero' or a smaller n_fft."
        )
    # NaN in a frame shows in its features: checking all samples would take a tenth of the time.
    if not all(np.isfinite(part).all() for part in _outside_frames(samples, plan)):
        load_samples(recording, row, plan.sr)  # raises
    kept = crop_or_pad(samples, plan)
    return kept.copy() if is_path(recording) else kept  # a copy frees the rest


def _outside_frames(samples, plan):
    """Return the parts of a recording that are in no frame."""
    n_fft = len(plan.window)
    if plan.hop_length > n_fft:
        return (samples,)
    start = max(0, samples.size - plan.n_times) // 2 if plan.crop == "center" else 0
    n_frames = plan.frames_of(samples.size) if plan.pad == "mask" else plan.n_frames
    return samples[:start], samples[start + (n_frames - 1) * plan.hop_length + n_fft :]
