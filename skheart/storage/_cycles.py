"""HeartCycleTransformer: its segmenter is kept once."""

from __future__ import annotations

import numpy as np
from sklearn.frozen import FrozenEstimator

from ..segmentation import HeartPhaseSegmenter
from ._values import Refused

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("of_parameter",)


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
    if type(cells) not in (tuple, list) or np.shape(cells) != (4,) or min(cells) < 1:
        raise Refused(f"{where}.n_cells is not 4 numbers of cells")
