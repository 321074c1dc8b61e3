"""Segmenters and transformers in model files.

A segmenter stores the weights of its network, which is built anew from its parameters. A
transformer does not store a segmenter twice.
"""

from __future__ import annotations

import torch
from sklearn.frozen import FrozenEstimator

from ..features import LogMelTransformer
from ..storage import InvalidModel, check_weights, is_count
from ._phase_net import PhaseNet
from ._segmenter import HeartPhaseSegmenter

__all__ = ["CyclePacker", "SegmenterPacker"]

MAX_WEIGHTS = 2**28  # of a layer; checked before memory is allocated
MAX_COLUMNS = 2**20


class SegmenterPacker:
    """Packs and unpacks a `HeartPhaseSegmenter`."""

    NAMES = ("module_",)

    @staticmethod
    def pack(packer, segmenter, fitted, where):
        """Store the weights as tensors."""
        if "module_" not in fitted:
            return {}
        weights = fitted.pop("module_").state_dict()
        expected = _make_module(segmenter, "meta").state_dict()
        if {k: w.shape for k, w in expected.items()} != {k: w.shape for k, w in weights.items()}:
            raise ValueError(
                f"{where}: width, n_layers or n_mels is not what the network was fitted with. Set "
                "it back, or fit again."
            )
        _check_front_end(segmenter, where, ValueError)
        prefix = f"{where}.module_"
        return {
            "module_": {
                name: packer.put(f"{prefix}.{name}", weight.cpu().numpy())
                for name, weight in weights.items()
            }
        }

    @staticmethod
    def unpack(unpacker, segmenter, packed, where):
        """Build the network and load its weights, if the segmenter was fitted."""
        found = [hasattr(segmenter, name) for name in ("front_end_", "n_recordings_")]
        if not packed and not any(found):
            return
        if not packed or not all(found) or type(packed["module_"]) is not dict:
            raise InvalidModel(f"{where} has no network or no front end")
        _check_front_end(segmenter, where, InvalidModel)
        if not is_count(segmenter.n_recordings_):
            raise InvalidModel(f"{where}.n_recordings_ must be a count")
        prefix = f"{where}.module_"
        weights = {
            name: torch.from_numpy(unpacker.take(tensor, f"{prefix}.{name}"))
            for name, tensor in packed["module_"].items()
        }
        check_weights(weights, _make_module(segmenter, "meta").state_dict(), prefix)
        for name, weight in weights.items():
            if not weight.isfinite().all() or (name.endswith("running_var") and (weight < 0).any()):
                raise InvalidModel(
                    f"{prefix}: the weight {name!r} is not finite, or a negative variance"
                )
        segmenter.module_ = _make_module(segmenter, "cpu").eval()
        segmenter.module_.load_state_dict(weights)


class CyclePacker:
    """Packs and unpacks a `HeartCycleTransformer`."""

    NAMES = ("of_parameter",)

    @staticmethod
    def pack(packer, transformer, fitted, where):
        """Leave out the fitted segmenter if it is that of the parameter."""
        if "segmenter_" in fitted:
            _check_transformer(transformer, where, ValueError)
        if isinstance(transformer.segmenter, FrozenEstimator):
            inner = transformer.segmenter.estimator
            if fitted.get("segmenter_", inner) is not inner:
                raise ValueError(
                    f"{where}.segmenter is not the segmenter of the fit. Set it back, or fit again."
                )
            if fitted.pop("segmenter_", None) is not None:
                return {"of_parameter": True}
        return {}

    @staticmethod
    def unpack(unpacker, transformer, packed, where):
        """Set the fitted segmenter and check it."""
        if packed:
            frozen = transformer.segmenter
            if type(frozen) is not FrozenEstimator or hasattr(transformer, "segmenter_"):
                raise InvalidModel(f"{where}.segmenter is not frozen, or there are two segmenters")
            transformer.segmenter_ = frozen.estimator
        if getattr(transformer, "segmenter_", None) is not None:
            _check_transformer(transformer, where, InvalidModel)


def _make_module(segmenter, device):
    """Build the network of a segmenter; on the device "meta" it takes no memory."""
    if segmenter.width * max(segmenter.width, segmenter.n_mels) > MAX_WEIGHTS:
        raise InvalidModel(f"width={segmenter.width} of a segmenter is too large")
    with torch.device(device):
        return PhaseNet(segmenter.n_mels, segmenter.width, segmenter.n_layers)


def _check_front_end(segmenter, where, error):
    """Raise unless the front end is the one that `fit` makes of the parameters."""
    front_end, expected = segmenter.front_end_, segmenter._new_front_end()
    if type(front_end) is not LogMelTransformer or not hasattr(front_end, "mel_frequencies_"):
        raise error(f"{where}.front_end_ is not a fitted LogMelTransformer")
    expected.set_params(n_jobs=front_end.n_jobs, verbose=front_end.verbose)
    if front_end.get_params() != expected.get_params():
        raise error(
            f"{where}.front_end_ does not match the parameters of {where}. Set those back, or fit "
            "again."
        )


def _check_transformer(transformer, where, error):
    """Check what prediction relies on."""
    segmenter = transformer.segmenter_
    if type(segmenter) is not HeartPhaseSegmenter or not hasattr(segmenter, "module_"):
        raise error(f"{where}.segmenter_ is not a fitted HeartPhaseSegmenter")
    try:
        transformer._check_params()
    except ValueError as reason:
        raise error(f"{where}: {reason}") from reason
    n_columns = sum(transformer.n_cells) * segmenter.n_mels
    if n_columns > MAX_COLUMNS:
        raise error(f"{where}.n_cells gives {n_columns} columns; the limit is {MAX_COLUMNS}.")
