"""Training of a `PhaseNet` on random crops, with skorch."""

from __future__ import annotations

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import Dataset

from ..augmentation import Augmentation
from ..classifiers import HeartSoundNet
from ._phase_net import N_PHASES, PhaseNet

__all__ = ["RandomCrops", "train_phase_net"]

QUALITY_WEIGHT = 0.3
UNKNOWN, PADDING = -1, -2  # codes of frames without a known phase, and past the end


class RandomCrops(Dataset):
    """A crop of each recording, drawn anew in each epoch; short recordings are padded with NaN."""

    def __init__(self, features, phases, n_frames):
        self.features, self.phases, self.n_frames = features, phases, n_frames

    def __len__(self):
        return len(self.features)

    def __getitem__(self, row):
        n_missing = self.n_frames - len(self.features[row])
        start = torch.randint(max(1, 1 - n_missing), ()).item()
        crop = slice(start, start + self.n_frames)
        x, phases = self.features[row][crop], self.phases[row][crop]
        end = (0, max(0, n_missing))
        x = np.pad(x, (end, (0, 0)), constant_values=np.nan)
        return x, np.pad(phases, end, constant_values=PADDING)


class PhaseLoss(torch.nn.Module):
    """Phase cross-entropy plus annotation-quality loss, each averaged over the frames it uses."""

    def forward(self, logits, phases):
        known, valid = phases >= 0, phases != PADDING
        phase_loss = functional.cross_entropy(
            logits[:, :N_PHASES],
            torch.where(known, phases, UNKNOWN),
            ignore_index=UNKNOWN,
            reduction="sum",
        ) / known.sum().clamp(min=1)
        quality_loss = functional.binary_cross_entropy_with_logits(
            logits[:, N_PHASES], known.float(), weight=valid.float(), reduction="sum"
        )
        return phase_loss + QUALITY_WEIGHT * quality_loss / valid.sum()


class ReportProgress(Callback):
    """Call a function with the number of recordings after each batch."""

    def __init__(self, advance):
        self.advance = advance

    def on_batch_end(self, net, batch=None, **kwargs):
        self.advance(len(batch[0]))


def train_phase_net(crops, *, lr, max_epochs, batch_size, advance, **params):
    """Train a `PhaseNet` on `RandomCrops`, with torch's generators; return it on the CPU.

    `lr` is the largest learning rate of the one-cycle schedule. `advance` is called with the number
    of recordings after each batch. `params` are parameters of skorch's
    net, such as ``module__width`` and ``device``.
    """
    n_batches = -(-len(crops) // batch_size)
    # One step more than is taken: torch refuses the step after the last batch.
    schedule = {"max_lr": lr, "total_steps": max_epochs * n_batches + 1, "step_every": "batch"}
    net = HeartSoundNet(
        PhaseNet,
        criterion=PhaseLoss,
        optimizer=torch.optim.AdamW,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        augmentation=Augmentation(gain=0.3, tilt=0.3),
        callbacks=[LRScheduler(OneCycleLR, **schedule), ReportProgress(advance)],
        callbacks__valid_acc=None,
        callbacks__print_log=None,
        **params,
    )
    net.initialize().notify("on_train_begin", X=crops, y=None)
    net.fit_loop(crops)  # unlike fit, it does not swallow Ctrl-C
    return net.module_.eval().to("cpu")
