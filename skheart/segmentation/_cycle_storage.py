"""HeartCycleTransformer: its segmenter is kept once."""

from __future__ import annotations

from sklearn.frozen import FrozenEstimator

from ..storage import Refused
from ._segmenter import HeartPhaseSegmenter

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("of_parameter",)
MAX_COLUMNS = 2**20


def pack(packer, transformer, fitted, where):
    """Leave the segmenter to the parameter, where that holds it."""
    if "segmenter_" in fitted:
        _check(transformer, where, ValueError)
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
    if getattr(transformer, "segmenter_", None) is not None:
        _check(transformer, where, Refused)


def _check(transformer, where, error):
    """What is not checked again before it predicts."""
    segmenter = transformer.segmenter_
    if type(segmenter) is not HeartPhaseSegmenter or not hasattr(segmenter, "module_"):
        raise error(f"{where}.segmenter_ is no fitted HeartPhaseSegmenter")
    try:
        transformer._check_params()
    except ValueError as reason:
        raise error(f"{where}: {reason}") from reason
    if sum(transformer.n_cells) * segmenter.n_mels > MAX_COLUMNS:
        raise error(f"{where}.n_cells makes more columns than a model may have ({MAX_COLUMNS})")
