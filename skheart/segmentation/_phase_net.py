"""The network that finds phases in log-mel frames."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["N_PHASES", "PhaseNet"]

N_PHASES = 4
KERNEL = 5


class _Layer(nn.Module):
    """Dilated convolution with a residual connection."""

    def __init__(self, width, dilation):
        super().__init__()
        self.wide = nn.Conv1d(width, width, KERNEL, padding="same", dilation=dilation)
        self.norm = nn.BatchNorm1d(width)
        self.narrow = nn.Conv1d(width, width, 1)

    def forward(self, x):
        return x + self.narrow(functional.relu(self.norm(self.wide(x))))


class PhaseNet(nn.Module):
    """Residual network of dilated convolutions over time, in float32.

    `width` is the number of channels; the dilation doubles from layer to layer.
    """

    def __init__(self, n_mels, width, n_layers):
        super().__init__()
        self.enter = nn.Conv1d(n_mels, width, KERNEL, padding="same")
        self.layers = nn.Sequential(*(_Layer(width, 2**layer) for layer in range(n_layers)))
        self.leave = nn.Sequential(
            nn.BatchNorm1d(width), nn.ReLU(), nn.Conv1d(width, N_PHASES + 1, 1)
        )
        self.float()

    def forward(self, x):
        """Compute logits ``(n, 5, n_frames)`` of frames ``(n, n_frames, n_mels)``.

        The first four are the logits of the phases, the last one that of being annotated. NaN
        frames are padding.
        """
        x = torch.where(x.isnan(), 0, x).float()
        return self.leave(self.layers(self.enter(x.transpose(1, 2))))
