"""LogMelTransformer: its window and filters follow from its parameters and are made anew."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from .._logmel import make_plan
from ._values import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ()
LEARNT = ("mean_", "scale_", "frame_times_", "mel_frequencies_")
MAX_CELLS = 2**24  # of n_fft * n_mels, 2**14 by default: memory while the filters are made


def pack(packer, transformer, fitted, where):
    """Take the plan out of the fitted attributes, if it is that of the parameters."""
    plan = fitted.pop("_plan", None)
    if plan is not None and not _same(plan, _plan(transformer, where, ValueError)):
        raise ValueError(
            f"{where} has other parameters than it was fitted with. Set those back, or fit again."
        )
    return {}


def unpack(unpacker, transformer, packed, where):
    """Make the plan, if the transformer was fitted."""
    there = [name for name in LEARNT if hasattr(transformer, name)]
    if not there:
        return
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
    plan = _plan(transformer, where, Refused)
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
