"""The segmenter: its net is built by the package and filled with weights."""

from __future__ import annotations

import torch

from ..features import LogMelTransformer
from ..storage import Refused, check_weights, is_count
from ._phase_net import PhaseNet

__all__ = ["NAMES", "pack", "unpack"]

NAMES = ("module_",)
MAX_WEIGHTS = 2**28  # of a layer; what is there is compared before memory is taken


def pack(packer, segmenter, fitted, where):
    """Weights as tensors."""
    if "module_" not in fitted:
        return {}
    module = fitted.pop("module_")
    asked = {name: tuple(w.shape) for name, w in _plan(segmenter).state_dict().items()}
    weights = module.state_dict()
    if asked != {name: tuple(w.shape) for name, w in weights.items()}:
        raise ValueError(
            f"{where} has other sizes than it was fitted with. Set those back, or fit again."
        )
    _check_front_end(segmenter, where, ValueError)
    packed = {n: packer.put(f"{where}.module_.{n}", w.cpu().numpy()) for n, w in weights.items()}
    return {"module_": packed}


def unpack(unpacker, segmenter, packed, where):
    """Build the net and fill it, if the segmenter was fitted."""
    there = [hasattr(segmenter, name) for name in ("front_end_", "n_recordings_")]
    if not packed and not any(there):
        return
    if not packed or not all(there) or type(packed["module_"]) is not dict:
        raise Refused(f"{where} has lost its net or its front end")
    _check_front_end(segmenter, where, Refused)
    if not is_count(segmenter.n_recordings_):
        raise Refused(f"{where}.n_recordings_ is no number of recordings")
    weights = {
        name: torch.from_numpy(unpacker.take(tensor, f"{where}.module_.{name}"))
        for name, tensor in packed["module_"].items()
    }
    check_weights(weights, _plan(segmenter).state_dict(), f"{where}.module_")
    for name, weight in weights.items():
        if not weight.isfinite().all() or (name.endswith("running_var") and (weight < 0).any()):
            raise Refused(f"{where}.module_: the weight {name!r} holds what no training gives")
    module = PhaseNet(segmenter.n_mels, segmenter.width, segmenter.n_layers).float()
    module.load_state_dict(weights)
    segmenter.module_ = module.eval()


def _plan(segmenter):
    """The net without memory."""
    largest = segmenter.width * max(segmenter.width, segmenter.n_mels)
    if largest > MAX_WEIGHTS:
        raise Refused(f"a segmenter of width={segmenter.width} is larger than any")
    with torch.device("meta"):
        return PhaseNet(segmenter.n_mels, segmenter.width, segmenter.n_layers).float()


def _check_front_end(segmenter, where, error):
    """It must be the one that `fit` makes of the parameters."""
    front_end, asked = segmenter.front_end_, segmenter._new_front_end()
    if type(front_end) is not LogMelTransformer or not hasattr(front_end, "mel_frequencies_"):
        raise error(f"{where}.front_end_ is no fitted LogMelTransformer")
    asked.set_params(n_jobs=front_end.n_jobs, verbose=front_end.verbose)
    if front_end.get_params() != asked.get_params():
        raise error(
            f"{where}.front_end_ is not that of the parameters of {where}: set those back, or fit "
            "again"
        )
