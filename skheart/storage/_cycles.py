"""HeartCycleTransformer: its segmenter is kept once."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.frozen import FrozenEstimator

from ..segmentation import HeartPhaseSegmenter
from ._values import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("of_parameter",)
MAX_CELLS = 4096  # of a phase


def pack(packer, transformer, fitted, where):
    """Leave the segmenter to the parameter, where that holds it."""
    if isinstance(transformer.segmenter, FrozenEstimator):
        inner = transformer.segmenter.estimator
        if fitted.get("segmenter_", inner) is not inner:
            raise ValueError(
                f"{where}.segmenter is not the one that it was fitted with. Set that again, or fit "
                "again."
            )
        if fitted.pop("segmenter_", None) is not None:
            return {"of_parameter": True}
    return {}


def unpack(unpacker, transformer, packed, where):
    """Check what stands for a segmenter."""
    if packed:
        frozen = transformer.segmenter
        if type(frozen) is not FrozenEstimator or hasattr(transformer, "segmenter_"):
            raise Refused(f"{where}.segmenter is no frozen segmenter, or one of two")
        transformer.segmenter_ = frozen.estimator
    segmenter = getattr(transformer, "segmenter_", None)
    if segmenter is None:
        return
    if type(segmenter) is not HeartPhaseSegmenter or not hasattr(segmenter, "module_"):
        raise Refused(f"{where}.segmenter_ is no fitted HeartPhaseSegmenter")
    cells = transformer.n_cells
    few = isinstance(cells, (tuple, list, np.ndarray)) and len(cells) == 4
    if not few or not all(isinstance(n, Integral) and 0 < n <= MAX_CELLS for n in cells):
        raise Refused(f"{where}.n_cells is not 4 numbers of cells")
    if not isinstance(transformer.quiet, Real) or not 0 < transformer.quiet <= 1:
        raise Refused(f"{where}.quiet is not in (0, 1]")
