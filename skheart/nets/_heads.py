"""The heads of the networks: attention pooling, and pooling without attention."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from .._utils.suggest import check_choice

__all__ = ["AttentionMaps", "AttentionPooling", "PooledHead", "init_he"]

RECTIFIERS = ("sigmoid", "softmax")


class AttentionMaps(NamedTuple):
    """Maps behind the logits, cell by cell.

    A map has the shape ``(n, n_classes, time, mel)``, or ``(n, n_classes, time)`` for a sequence.

    Attributes
    ----------
    logits : Tensor of shape (n, n_classes)
        The sum of `contribution` over the cells.
    class_map : Tensor or None
        C, the class evidence of each cell, a logit. None if a head pools before it classifies.
    attention : Tensor or None
        F*, the weight of each cell, which sums to 1 over the cells of a class. None without
        attention.
    contribution : Tensor
        Contribution of each cell to the logit: C * F*, or the terms of the linear layer.
    mass : Tensor of shape (n, n_classes) or None
        The sum of F over the cells, before normalisation. None without attention.
    """

    logits: torch.Tensor
    class_map: torch.Tensor | None
    attention: torch.Tensor | None
    contribution: torch.Tensor
    mass: torch.Tensor | None = None


class AttentionPooling(nn.Module):
    """Global attention pooling, the head of the paper.

    A 1x1 convolution gives the class map C. A second one, rectified to F in [0, 1] and divided by
    its sum over the cells, gives the attention F*. The logit of a class is the sum of C * F* over
    the cells.

    Parameters
    ----------
    in_channels : int
        Channels of the feature map.
    n_classes : int
        Number of classes.
    ndim : {1, 2}, default=2
        1 for sequences ``(n, in_channels, time)``, 2 for maps ``(n, in_channels, time, mel)``.
    rectifier : {"sigmoid", "softmax"}, default="sigmoid"
        Maps the second convolution to [0, 1]. The softmax is over the classes; over the cells,
        the normalisation would have no effect (assumed; the paper does not state the axis).

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

    def __init__(self, in_channels, n_classes, *, ndim=2, rectifier="sigmoid"):
        super().__init__()
        check_choice("ndim", ndim, (1, 2))
        check_choice("rectifier", rectifier, RECTIFIERS)
        conv = nn.Conv1d if ndim == 1 else nn.Conv2d
        self.rectifier = rectifier
        self.class_conv = conv(in_channels, n_classes, 1)
        self.attention_conv = conv(in_channels, n_classes, 1)
        for layer in (self.class_conv, self.attention_conv):
            init_he(layer)

    @property
    def bias(self):
        """Bias of the logits, (n_classes,): that of C, since F* sums to 1."""
        return self.class_conv.bias

    def forward(self, features, return_maps=False, mask=None):
        """Pool a feature map to logits.

        Parameters
        ----------
        features : Tensor of shape (n, in_channels, time) or (n, in_channels, time, mel)
            The feature map.
        return_maps : bool, default=False
            Return an `AttentionMaps` instead of the logits.
        mask : Tensor of bool of shape (n, time) or None, default=None
            Valid time cells; the others do not count, and are 0 in the maps. None: all are valid.

        Returns
        -------
        Tensor of shape (n, n_classes) or AttentionMaps
        """
        class_map = self.class_conv(features)
        attention = self.attention_conv(features)
        # F can be so small everywhere that its sum is 0: it is normalised as a logarithm.
        if self.rectifier == "sigmoid":
            log_attention = functional.logsigmoid(attention)
        else:
            log_attention = functional.log_softmax(attention, dim=1)
        if mask is not None:
            padding = ~_broadcast_mask(mask, features)
            log_attention = log_attention.masked_fill(padding, -torch.inf)
            class_map = class_map.masked_fill(padding, 0)
        log_attention = log_attention.flatten(2)
        attention = torch.softmax(log_attention, dim=2).view_as(class_map)
        contribution = class_map * attention
        logits = contribution.flatten(2).sum(2)
        if return_maps:
            mass = log_attention.logsumexp(2).exp()
            return AttentionMaps(logits, class_map, attention, contribution, mass)
        return logits


class PooledHead(nn.Module):
    """Head without attention: pool or flatten, then one linear layer."""

    def __init__(self, in_features, n_classes, mode):
        super().__init__()
        self.mode = mode
        self.linear = nn.Linear(in_features, n_classes)

    @property
    def bias(self):
        """Bias of the logits, (n_classes,)."""
        return self.linear.bias

    def forward(self, features, return_maps=False, mask=None):
        """Map ``(n, channels, ...)`` to logits ``(n, n_classes)``, or to `AttentionMaps`."""
        # Flattened in the order (channels, time, mel) whatever the memory format is.
        flat = features.flatten(2)
        if mask is not None:
            mask = _broadcast_mask(mask, features)
            mask = mask.expand(-1, -1, *features.shape[2:]).flatten(2)  # (n, 1, n_cells)
        logits = self.linear(self._pool(flat, mask))
        return self._maps(features, logits, mask) if return_maps else logits

    def _pool(self, flat, mask):
        if self.mode == "flatten":
            if mask is not None:
                raise ValueError("head='flatten' needs recordings of equal length.")
            return flat.flatten(1)
        if self.mode == "max":
            return (flat if mask is None else flat.masked_fill(~mask, -torch.inf)).amax(2)
        if self.mode == "mean":
            return flat.mean(2) if mask is None else flat.masked_fill(~mask, 0).sum(2) / mask.sum(2)
        # "last": for a bidirectional layer, `features` already holds the last of each direction.
        return flat[:, :, -1] if mask is None else flat.take_along_dim(_last(mask), 2)[:, :, 0]

    def _maps(self, features, logits, mask):
        """Attribute each term of the linear layer to its cell; the bias is divided evenly."""
        flat = features.flatten(2)
        if mask is None:
            mask = flat.new_ones((len(flat), 1, flat.shape[2]), dtype=torch.bool)
        n_cells = mask.sum(2, keepdim=True)
        weight, bias = self.linear.weight, self.linear.bias[:, None] / n_cells * mask
        class_map = None
        if self.mode == "flatten":
            shape = (len(weight), *flat.shape[1:])
            contribution = torch.einsum("ncx,kcx->nkx", flat, weight.reshape(shape)) + bias
        elif self.mode == "mean":
            class_map = functional.linear(flat.transpose(1, 2), weight, self.linear.bias)
            class_map = class_map.transpose(1, 2) * mask
            contribution = class_map / n_cells
        else:
            if self.mode == "max":
                cell = flat.masked_fill(~mask, -torch.inf).argmax(2, keepdim=True)
            else:
                cell = _last(mask).expand(-1, flat.shape[1], -1)
            pooled_cells = torch.zeros_like(flat).scatter(2, cell, 1) * flat
            contribution = torch.einsum("ncx,kc->nkx", pooled_cells, weight) + bias
        shape = (*logits.shape, *features.shape[2:])
        class_map = None if class_map is None else class_map.reshape(shape)
        return AttentionMaps(logits, class_map, None, contribution.reshape(shape))


def init_he(layer):
    """Initialise a layer as He et al. do, uniform, with zero bias."""
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _broadcast_mask(mask, features):
    """Reshape a mask (n, time) to the dimensions of a feature map."""
    return mask.reshape(len(mask), 1, -1, *[1] * (features.ndim - 3))


def _last(mask):
    """Index of the last valid cell, (n, 1, 1)."""
    return mask.sum(2, keepdim=True) - 1
