"""Samples as the front end uses them: as floats, cut or padded."""

from __future__ import annotations

import warnings

import numpy as np

from ._reading import is_path
from ._recordings import load_samples, recording_name

__all__ = ["as_float", "crop_or_pad", "load_kept"]


def as_float(samples):
    """Return samples as floats; integers are divided by the range of their type.

    Unsigned integers are centred first, as in 8-bit WAV files. float32 and float64 are unchanged;
    other types become float64.
    """
    dtype = samples.dtype
    if dtype.kind not in "iu":
        return samples if dtype in (np.float32, np.float64) else samples.astype(np.float64)
    full = 2.0 ** (8 * dtype.itemsize - 1)
    samples = samples.astype(np.float64)
    if dtype.kind == "u":
        samples -= full
    samples /= full
    if dtype.itemsize > 2 and 0 < np.abs(samples).max() < 2.0**-16:
        warnings.warn(
            f"Integer recordings are divided by the range of their type, and these, of {dtype}, "
            "stay below 1/65536 of it. If their samples have fewer bits, convert them to a "
            "smaller type, for example with X.astype(np.int16), or to floats in [-1, 1].",
            UserWarning,
            stacklevel=1,
        )
    return samples


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
