"""The net that tells phases from log-mel frames, and how it is trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ["PhaseNet", "train"]

N_PHASES = 4
KERNEL = 5
GAIN, TILT = 0.3, 0.3  # deviations of what is added to a crop, in deviations of a mel bin
QUALITY_WEIGHT = 0.3


class _Layer(nn.Module):
    """A dilated convolution beside the way past it."""

    def __init__(self, width, dilation):
        super().__init__()
        self.wide = nn.Conv1d(width, width, KERNEL, padding="same", dilation=dilation)
        self.norm = nn.BatchNorm1d(width)
        self.narrow = nn.Conv1d(width, width, 1)

    def forward(self, x):
        return x + self.narrow(functional.relu(self.norm(self.wide(x))))


class PhaseNet(nn.Module):
    """Residual net of dilated convolutions over time.

    Parameters
    ----------
    n_mels : int
        Mel bins of a frame.
    width : int
        Channels of each layer.
    n_layers : int
        Layers; the dilation doubles from one to the next.
    """

    def __init__(self, n_mels, width, n_layers):
        super().__init__()
        self.enter = nn.Conv1d(n_mels, width, KERNEL, padding="same")
        self.layers = nn.Sequential(*(_Layer(width, 2**layer) for layer in range(n_layers)))
        self.leave = nn.Sequential(
            nn.BatchNorm1d(width), nn.ReLU(), nn.Conv1d(width, N_PHASES + 1, 1)
        )

    def forward(self, x):
        """Logits ``(n, 5, n_frames)`` of frames ``(n, n_frames, n_mels)``.

        The first four are those of the phases; the last is that of the frame being annotated.
        """
        return self.leave(self.layers(self.enter(x.transpose(1, 2))))


def train(net, features, phases, *, lr, max_epochs, batch_size, n_frames, rng, advance):
    """Train on random crops, every recording once an epoch.

    Parameters
    ----------
    net : PhaseNet
        Changed in place.
    features : list of ndarray of shape (n_frames, n_mels)
        Frames of each recording.
    phases : list of ndarray of int of shape (n_frames,)
        Their phases, -1 where not known.
    lr : float
        Largest rate of the one-cycle schedule.
    max_epochs, batch_size : int
        Epochs, and recordings in a batch.
    n_frames : int
        Length of a crop.
    rng : RandomState
        Draws order, crops, gains and tilts.
    advance : callable
        Called with the number of recordings after each batch.
    """
    n_batches = -(-len(features) // batch_size)
    device = next(net.parameters()).device
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=max_epochs * n_batches + 1
    )
    net.train()
    for _ in range(max_epochs):
        for rows in np.array_split(rng.permutation(len(features)), n_batches):
            crops = [_crop(features[row], phases[row], n_frames, rng) for row in rows]
            x, phase, there = (
                torch.as_tensor(np.stack(part)).to(device) for part in zip(*crops, strict=True)
            )
            optimizer.zero_grad()
            _loss(net(x), phase, there).backward()
            optimizer.step()
            schedule.step()
            advance(len(rows))
    net.eval()


def _crop(features, phases, n_frames, rng):
    """Part of a recording, varied in gain and tilt, filled up if it is short; what is there."""
    start = rng.randint(max(1, len(features) - n_frames + 1))
    x, phase = features[start : start + n_frames], phases[start : start + n_frames]
    tilt = rng.normal(0, TILT) * np.linspace(-1, 1, x.shape[1])
    x = (x + rng.normal(0, GAIN) + tilt).astype(np.float32)
    short = n_frames - len(x)
    there = np.pad(np.ones(len(x), np.float32), (0, short))
    return np.pad(x, ((0, short), (0, 0))), np.pad(phase, (0, short), constant_values=-1), there


def _loss(logits, phase, there):
    """Of the phase where it is known, and of whether it is known."""
    known = (phase >= 0).float()
    of_phase = functional.cross_entropy(
        logits[:, :N_PHASES], phase, ignore_index=-1, reduction="sum"
    ) / known.sum().clamp(min=1)
    of_quality = functional.binary_cross_entropy_with_logits(
        logits[:, N_PHASES], known, weight=there, reduction="sum"
    )
    return of_phase + QUALITY_WEIGHT * of_quality / there.sum()
