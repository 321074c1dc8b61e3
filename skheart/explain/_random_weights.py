"""Copies of a network with random weights, layer by layer (Adebayo et al. 2018)."""

from __future__ import annotations

import copy

import numpy as np
import torch

__all__ = ["randomise_weights"]

N_ROWS = 32  # recordings from which batch normalisations take their statistics


def randomise_weights(clf, features, rng):
    """Yield (layer name, copy of the classifier with random weights from the head to that layer).

    Weights are drawn from a normal distribution with the mean and standard deviation of the tensor
    that they replace. Batch normalisations take the statistics of the new network on `features`.
    """
    twin = copy.copy(clf)
    twin.net_ = copy.copy(clf.net_)
    twin.net_.module_ = copy.deepcopy(clf.net_.module_)
    for name, modules in _layers(twin.net_.module_):
        for module in modules:
            _draw_weights(module, rng)
        _update_statistics(twin.net_.module_, features[:N_ROWS])
        yield name, twin


def _layers(module):
    """Yield (name, modules) from the head down to the input."""
    yield "itself", [module.head]
    if hasattr(module, "convs"):
        layers = list(zip(module.convs, module.norms, strict=True))
    else:
        layers = [(layer,) for layer in module.layers]
    for number in range(len(layers), 0, -1):
        yield f"layer {number}", layers[number - 1]


@torch.no_grad()
def _draw_weights(module, rng):
    for weights in module.parameters():
        drawn = torch.from_numpy(rng.standard_normal(tuple(weights.shape))).to(weights)
        deviation = weights.std() if weights.numel() > 1 else 0 * weights.mean()
        weights.copy_(weights.mean() + deviation * drawn)


@torch.no_grad()
def _update_statistics(module, features):
    norms = getattr(module, "norms", ())
    if not norms:
        return
    # Not torch's update_bn: the compiled blocks of the CNN need a momentum that is a number.
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    x = torch.from_numpy(np.ascontiguousarray(features)).to(next(module.parameters()).device)
    module.train()
    module(x)
    module.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
