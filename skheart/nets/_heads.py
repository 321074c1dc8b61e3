"""The heads of the nets: attention pooling, and what the paper compares it with."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from .._utils.suggest import check_choice

__all__ = ["AttentionMaps", "AttentionPooling", "PooledHead", "init_he"]

RECTIFIERS = ("sigmoid", "softmax")


class AttentionMaps(NamedTuple):
    """What the attention head saw, cell by cell.

    Each map has the shape ``(n, n_classes, time, mel)``, or ``(n, n_classes, time)`` for a
    sequence.

    Attributes
    ----------
    logits : Tensor of shape (n, n_classes)
        The sum of `contribution` over the cells.
    class_map : Tensor or None
        C, the class evidence of a cell (a logit, no unit); None where a head pools before it
        classifies.
    attention : Tensor or None
        F*, the weight of a cell; it sums to 1 over the cells of a class. None without attention.
    contribution : Tensor
        The share of a cell in the logit: C * F*, or the terms of the linear layer.
    mass : Tensor of shape (n, n_classes) or None
        The sum of F over the cells, by which F* was divided. None without attention.
    """

    logits: torch.Tensor
    class_map: torch.Tensor | None
    attention: torch.Tensor | None
    contribution: torch.Tensor
    mass: torch.Tensor | None = None


class AttentionPooling(nn.Module):
    """Global attention pooling, the head of the paper.

    A 1x1 convolution gives the class map C. A second one, rectified to [0, 1] and divided by its
    sum over the cells, gives the attention F*. The logit of a class is the sum over the cells of
    C * F*.

    Parameters
    ----------
    in_channels : int
        Channels of the feature map.
    n_classes : int
        Number of classes.
    ndim : {1, 2}, default=2
        1 for sequences ``(n, in_channels, time)``, 2 for maps ``(n, in_channels, time, mel)``.
    rectifier : {"sigmoid", "softmax"}, default="sigmoid"
        How the second convolution is brought into [0, 1]. "softmax" is taken over the classes:
        over the cells the normalisation would do nothing (assumed; the paper does not say which).
    floor : float, default=1e-7
        F is kept at least this large, so that its sum is never zero (assumed; from the public
        code of sister papers).

    References
    ----------
    Ren et al., "Deep attention-based neural networks for explainable heart sound
    classification", Machine Learning with Applications 9 (2022) 100322.

    Examples
    --------
    >>> import torch
    >>> from skheart.nets import AttentionPooling
    >>> head = AttentionPooling(8, 3)
    >>> maps = head(torch.randn(2, 8, 58, 4), return_maps=True)
    >>> maps.contribution.shape
    torch.Size([2, 3, 58, 4])
    >>> torch.allclose(maps.contribution.sum((2, 3)), maps.logits, atol=1e-5)
    True
    """

    def __init__(self, in_channels, n_classes, *, ndim=2, rectifier="sigmoid", floor=1e-7):
        super().__init__()
        check_choice("ndim", ndim, (1, 2))
        check_choice("rectifier", rectifier, RECTIFIERS)
        conv = nn.Conv1d if ndim == 1 else nn.Conv2d
        self.rectifier = rectifier
        self.floor = floor
        self.class_conv = conv(in_channels, n_classes, 1)
        self.attention_conv = conv(in_channels, n_classes, 1)
        for layer in (self.class_conv, self.attention_conv):
            init_he(layer)

    @property
    def bias(self):
        """What is added to the logits, (n_classes,): the bias of C, since F* sums to 1."""
        return self.class_conv.bias

    def forward(self, features, return_maps=False, there=None):
        """Pool a feature map to logits.

        Parameters
        ----------
        features : Tensor of shape (n, in_channels, time) or (n, in_channels, time, mel)
            The feature map.
        return_maps : bool, default=False
            Return an `AttentionMaps` rather than the logits alone.
        there : Tensor of shape (n, time) or None, default=None
            Which cells belong to a recording, bool; the others have no part in it, and 0 in the
            maps. None: all.

        Returns
        -------
        Tensor of shape (n, n_classes) or AttentionMaps
        """
        class_map = self.class_conv(features)
        attention = self.attention_conv(features)
        if self.rectifier == "sigmoid":
            attention = torch.sigmoid(attention)
        else:
            attention = torch.softmax(attention, dim=1)
        attention = attention.clamp(min=self.floor)
        if there is not None:
            absent = ~_cells(there, features)
            attention = attention.masked_fill(absent, 0)
            class_map = class_map.masked_fill(absent, 0)
        cells = tuple(range(2, attention.ndim))
        mass = attention.sum(cells, keepdim=True)
        attention = attention / mass
        contribution = class_map * attention
        logits = contribution.sum(cells)
        if return_maps:
            return AttentionMaps(logits, class_map, attention, contribution, mass.flatten(1))
        return logits


class PooledHead(nn.Module):
    """The heads without attention: pool or flatten, then one linear layer."""

    def __init__(self, in_features, n_classes, mode):
        super().__init__()
        self.mode = mode
        self.linear = nn.Linear(in_features, n_classes)

    @property
    def bias(self):
        """What is added to the logits, (n_classes,)."""
        return self.linear.bias

    def forward(self, features, return_maps=False, there=None):
        """Map ``(n, channels, ...)`` to logits ``(n, n_classes)``, or to `AttentionMaps`."""
        # Contiguous in the order (channels, time, mel) whatever the memory format is.
        flat = features.flatten(2)
        if there is None:
            pooled, cells = self._whole(flat), None
        else:
            cells = _cells(there, features).expand(-1, -1, *features.shape[2:]).flatten(2)
            pooled = self._masked(flat, cells)
        logits = self.linear(pooled)
        return self._maps(features, logits, cells) if return_maps else logits

    def _whole(self, flat):
        if self.mode == "max":
            return flat.amax(2)
        if self.mode == "mean":
            return flat.mean(2)
        if self.mode == "flatten":
            return flat.flatten(1)
        # "last": in a sequence read both ways, the last of each direction is passed in
        return flat[:, :, -1]

    def _masked(self, flat, cells):
        """The same of the cells that are there, (n, 1, n_cells)."""
        if self.mode == "max":
            return flat.masked_fill(~cells, -torch.inf).amax(2)
        if self.mode == "mean":
            return flat.masked_fill(~cells, 0).sum(2) / cells.sum(2)
        if self.mode == "flatten":
            raise ValueError("The head 'flatten' takes recordings of one length alone.")
        return flat.take_along_dim(cells.sum(2, keepdim=True) - 1, 2)[:, :, 0]

    def _maps(self, features, logits, cells):
        """The terms of the linear layer, each where it comes from; the bias is shared out."""
        flat = features.flatten(2)
        if cells is None:
            cells = flat.new_ones((len(flat), 1, flat.shape[2]), dtype=torch.bool)
        n_cells = cells.sum(2, keepdim=True)
        weight, bias = self.linear.weight, self.linear.bias[:, None] / n_cells * cells
        class_map = None
        if self.mode == "flatten":
            shape = (len(weight), *flat.shape[1:])
            contribution = torch.einsum("ncx,kcx->nkx", flat, weight.reshape(shape)) + bias
        elif self.mode == "mean":
            class_map = functional.linear(flat.transpose(1, 2), weight, self.linear.bias)
            class_map = class_map.transpose(1, 2) * cells
            contribution = class_map / n_cells
        else:
            if self.mode == "max":
                where = flat.masked_fill(~cells, -torch.inf).argmax(2, keepdim=True)
            else:
                where = (n_cells - 1).expand(-1, flat.shape[1], -1)
            chosen = torch.zeros_like(flat).scatter(2, where, 1) * flat
            contribution = torch.einsum("ncx,kc->nkx", chosen, weight) + bias
        shape = (*logits.shape, *features.shape[2:])
        class_map = None if class_map is None else class_map.reshape(shape)
        return AttentionMaps(logits, class_map, None, contribution.reshape(shape))


def init_he(layer):
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _cells(there, features):
    """Which frames are there, of the dimensions of a feature map."""
    return there.reshape(len(there), 1, -1, *[1] * (features.ndim - 3))
