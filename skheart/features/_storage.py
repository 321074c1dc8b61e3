"""LogMelTransformer: its window and filters follow from its parameters and are made anew."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from ..storage import Refused, is_count
from ._logmel import make_plan

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("n_frames",)
LEARNT = ("mean_", "scale_", "frame_times_", "mel_frequencies_")
MAX_CELLS = 2**24  # of n_fft * n_mels, 2**14 by default: memory while the filters are made


def pack(packer, transformer, fitted, where):
    """Take the plan out of the fitted attributes, if it is that of the parameters."""
    plan = fitted.pop("_plan", None)
    if plan is None:
        return {}
    if not _same(plan, _plan(transformer, where, ValueError)):
        raise ValueError(
            f"{where} has other parameters than it was fitted with. Set those back, or fit again."
        )
    same = np.array_equal(fitted.get("frame_times_"), plan.frame_times)
    if not same or not packer.may_make(plan.n_frames):
        return {}
    # Their number says them all; a segmenter has as many as the longest recording.
    del fitted["frame_times_"]
    return {"n_frames": int(plan.n_frames)}


def unpack(unpacker, transformer, packed, where):
    """Make the plan and the times of the frames, if the transformer was fitted."""
    there = [name for name in LEARNT if hasattr(transformer, name)]
    if not there and not packed:
        return
    plan = None
    if packed and "frame_times_" not in there:
        plan = _plan(transformer, where, Refused)
        n_frames = packed["n_frames"]
        if not is_count(n_frames):
            raise Refused(f"{where}.n_frames is no number of frames: {n_frames!r:.20}")
        if n_frames != plan.n_frames:
            raise Refused(f"{where}.frame_times_ has {n_frames} frames, not {plan.n_frames}")
        unpacker.make(n_frames, f"{where}.frame_times_")
        try:
            transformer.frame_times_ = plan.frame_times
        except (ArithmeticError, ValueError, TypeError) as reason:
            raise Refused(f"{where}: {reason}") from reason
        there.append("frame_times_")
    if len(there) < len(LEARNT):
        raise Refused(f"{where} has lost some of {LEARNT}")
    times, frequencies = transformer.frame_times_, transformer.mel_frequencies_
    n_mels = transformer.n_mels
    _check(frequencies, (n_mels,), f"{where}.mel_frequencies_")
    for name in ("mean_", "scale_"):
        if transformer.standardize:
            _check(getattr(transformer, name), (n_mels,), f"{where}.{name}")
        elif getattr(transformer, name) is not None:
            raise Refused(f"{where}.{name} is there with standardize=False")
    _check(times, np.shape(times)[:1], f"{where}.frame_times_")
    plan = plan or _plan(transformer, where, Refused)
    if len(times) != plan.n_frames:
        raise Refused(f"{where}.frame_times_ has {len(times)} frames, not {plan.n_frames}")
    transformer._plan = plan


def _check(array, shape, where):
    if type(array) is not np.ndarray or array.shape != shape or array.dtype != np.float64:
        raise Refused(f"{where} is no array of float64 of the shape {shape}")


def _plan(transformer, where, error):
    n_cells = int(transformer.n_fft) * int(transformer.n_mels)
    if n_cells > MAX_CELLS:
        raise error(f"{where} has n_fft * n_mels = {n_cells}, more than a model may ({MAX_CELLS})")
    try:
        return make_plan(transformer.get_params(deep=False))
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as reason:
        raise error(f"{where}: {reason}") from reason


def _same(plan, other):
    for one, two in zip(plan, other, strict=True):
        if scipy.sparse.issparse(one):
            equal = one.shape == two.shape and (one != two).nnz == 0
        else:
            equal = np.array_equal(one, two)
        if not equal:
            return False
    return True
