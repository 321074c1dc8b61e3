"""The same net with weights drawn anew, one layer after the other."""

from __future__ import annotations

import copy

import numpy as np
import torch

__all__ = ["with_new_weights"]


N_ROWS = 32  # recordings that give new layers their moments


def with_new_weights(clf, features, rng):
    """Yield a layer's name and a copy of the classifier, new weights from the head down to it.

    Each tensor of weights is drawn from a normal distribution of its own mean and deviation; batch
    normalisations get the moments that the new net has on recordings.

    Parameters
    ----------
    clf : AttentionClassifier
        Fitted; it is left as it is.
    features : ndarray of shape (n, n_frames, n_mels)
        Recordings.
    rng : RandomState
        Draws the weights.
    """
    twin = copy.copy(clf)
    twin.net_ = copy.copy(clf.net_)
    twin.net_.module_ = copy.deepcopy(clf.net_.module_)
    for name, parts in _layers(twin.net_.module_):
        for part in parts:
            _draw(part, rng)
        _new_moments(twin.net_.module_, features[:N_ROWS])
        yield name, twin


def _layers(module):
    """(name, modules) from the head down to the input."""
    yield "itself", [module.head]
    if hasattr(module, "convs"):
        layers = list(zip(module.convs, module.norms, strict=True))
    else:
        layers = [(layer,) for layer in module.layers]
    for number in range(len(layers), 0, -1):
        yield f"layer {number}", layers[number - 1]


@torch.no_grad()
def _draw(module, rng):
    for weights in module.parameters():
        drawn = rng.standard_normal(tuple(weights.shape))
        deviation = weights.std() if weights.numel() > 1 else 0 * weights.mean()
        weights.copy_(weights.mean() + deviation * torch.from_numpy(drawn).to(weights))


@torch.no_grad()
def _new_moments(module, features):
    norms = getattr(module, "norms", ())
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    x = torch.from_numpy(np.ascontiguousarray(features)).to(next(module.parameters()).device)
    module.train()
    module(x)
    module.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
