"""Storage of LogMelTransformer: window, filters and frame times follow from its parameters."""

from __future__ import annotations

import numpy as np

from ..storage import InvalidModel, is_count
from ._settings import make_plan

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("n_frames",)
FITTED = ("mean_", "scale_", "frame_times_", "mel_frequencies_")
MAX_CELLS = 2**24  # of n_fft * n_mels (default: 2**14), to limit memory when filters are built


def pack(packer, transformer, fitted, where):
    """Replace the settings and the frame times by the number of frames."""
    plan = fitted.pop("_plan", None)
    if plan is None:
        return {}
    expected = _settings(transformer, where, ValueError)
    if not all(map(np.array_equal, plan, expected)):
        raise ValueError(
            f"{where} has other parameters than in fit. Set those again, or fit again."
        )
    same = np.array_equal(fitted.get("frame_times_"), plan.frame_times)
    if not same or not packer.may_make(plan.n_frames):
        return {}
    # A segmenter has as many frames as the longest recording.
    del fitted["frame_times_"]
    return {"n_frames": int(plan.n_frames)}


def unpack(unpacker, transformer, packed, where):
    """Restore settings and frame times, if the transformer was fitted."""
    found = [name for name in FITTED if hasattr(transformer, name)]
    if not found and not packed:
        return
    plan = _settings(transformer, where, InvalidModel)
    if packed and "frame_times_" not in found:
        n_frames = packed["n_frames"]
        if not is_count(n_frames):
            raise InvalidModel(f"{where}.n_frames is not a number of frames: {n_frames!r:.20}")
        _check_n_frames(n_frames, plan, where)
        unpacker.make(n_frames, f"{where}.frame_times_")
        try:
            transformer.frame_times_ = plan.frame_times
        except (ArithmeticError, ValueError, TypeError) as error:
            raise InvalidModel(f"{where}: {error}") from error
        found.append("frame_times_")
    if len(found) < len(FITTED):
        raise InvalidModel(f"{where} lacks some of {FITTED}")
    n_mels = transformer.n_mels
    _check_array(transformer.mel_frequencies_, (n_mels,), f"{where}.mel_frequencies_")
    for name in ("mean_", "scale_"):
        if transformer.standardize:
            _check_array(getattr(transformer, name), (n_mels,), f"{where}.{name}")
        elif getattr(transformer, name) is not None:
            raise InvalidModel(f"{where}.{name} must be None with standardize=False")
    times = transformer.frame_times_
    _check_array(times, np.shape(times)[:1], f"{where}.frame_times_")
    _check_n_frames(len(times), plan, where)
    transformer._plan = plan


def _check_n_frames(n_frames, plan, where):
    if n_frames != plan.n_frames:
        raise InvalidModel(f"{where}.frame_times_ has {n_frames} frames, not {plan.n_frames}")


def _check_array(array, shape, where):
    if type(array) is not np.ndarray or array.shape != shape or array.dtype != np.float64:
        raise InvalidModel(f"{where} must be a float64 array of shape {shape}")


def _settings(transformer, where, error):
    n_cells = int(transformer.n_fft) * int(transformer.n_mels)
    if n_cells > MAX_CELLS:
        raise error(f"{where}: n_fft * n_mels must be at most {MAX_CELLS}. Got {n_cells}.")
    try:
        return make_plan(transformer.get_params(deep=False))
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as reason:
        raise error(f"{where}: {reason}") from reason
