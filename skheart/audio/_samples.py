"""The samples of a recording as the front end takes them: as floats, cut or filled."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.utils.validation import validate_data

from ._reading import is_path, list_recordings, load_samples, refuse_complex

__all__ = ["as_float", "cut_or_fill", "load_kept", "name_of", "recordings_of", "unseen"]


def as_float(samples):
    """Samples as floats, integers divided by the range of their type to [-1, 1).

    Unsigned integers are centred first, as in 8-bit WAV files. float32 and float64
    stay what they are; all else becomes float64.
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
            "stay below 1/65536 of it. If they hold sound of fewer bits, pass them in "
            "that type, as by X.astype(np.int16), or as floats in [-1, 1].",
            UserWarning,
            stacklevel=1,
        )
    return samples


def cut_or_fill(samples, plan):
    """Exactly `plan.n_times` samples, as floats; with ``pad="mask"`` at most so many."""
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


def unseen(samples, plan):
    """The parts of a recording that are in no frame, so that they leave no trace in features."""
    n_fft = len(plan.window)
    if plan.hop_length > n_fft:
        return (samples,)
    start = max(0, samples.size - plan.n_times) // 2 if plan.crop == "center" else 0
    n_frames = plan.frames_of(samples.size) if plan.pad == "mask" else plan.n_frames
    return samples[:start], samples[start + (n_frames - 1) * plan.hop_length + n_fft :]


def load_kept(recording, row, plan):
    """The samples of a recording that a plan takes, as floats.

    Parameters
    ----------
    recording : array or path
        Samples or a file.
    row : int
        Its row, to name it.
    plan : Plan
        What they are for.

    Raises
    ------
    ValueError
        If a sample is not finite, or with ``pad="mask"`` there are fewer than in a frame.
    """
    # NaN in a frame shows in its features: to search for it all takes a tenth of the time.
    samples = load_samples(recording, row, plan.sr, finite=False)
    if plan.pad == "mask" and samples.size < len(plan.window):
        raise ValueError(
            f"{name_of(recording, row)} has {samples.size} samples at sr={plan.sr} Hz, fewer than "
            f"one frame of n_fft={len(plan.window)}, and pad='mask' fills nothing up. Leave it "
            "out, or take pad='repeat', pad='zero' or a smaller n_fft."
        )
    if not all(np.isfinite(part).all() for part in unseen(samples, plan)):
        load_samples(recording, row, plan.sr)  # raises
    kept = cut_or_fill(samples, plan)
    return kept.copy() if is_path(recording) else kept  # the rest is given back


def name_of(recording, row):
    """What a recording is called in messages."""
    return f"'{recording}'" if is_path(recording) else f"The recording at row {row}"


def recordings_of(estimator, X, reset):
    """The recordings of X, one after another; sets n_features_in_ where X is 2-D.

    Parameters
    ----------
    estimator : estimator
        Whose `fit` or `transform` was given X.
    X : array, list, Series or DataFrame
        Recordings or paths.
    reset : bool
        Whether it is `fit`.

    Returns
    -------
    recordings : list or ndarray
    """
    recordings = list_recordings(X)
    if recordings is None:
        refuse_complex(X)
        # Finiteness is checked row by row, to name the row.
        return validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=False)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    return recordings
