"""Augmentation of log-mel spectrograms in training.

A batch goes in and a changed batch comes out. This room imports `nets`.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from .nets import count_valid_frames

__all__ = ["Augmentation"]

_COUNT = [Interval(Integral, 0, None, closed="left")]
_WIDTH = [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")]
_DEVIATION = [Interval(Real, 0, np.inf, closed="left")]


class Augmentation(BaseEstimator):
    """Random changes of the spectrograms of a training batch; by default none.

    Pass it to the classifiers as `augment`. Each recording is changed independently, and anew in
    each epoch, in this order: crop, mixup, gain and tilt, noise, masks. Predictions and early
    stopping use unchanged recordings.

    Parameters
    ----------
    crop : int or None, default=None
        Train on a random excerpt of this many frames; shorter recordings are repeated. Predictions
        use whole recordings, which all heads but "flatten" allow.
    pieces : int, default=1
        Compose a crop of this many excerpts, one from each of as many equal parts of the
        recording.
    frequency_masks : int, default=0
        Number of bands of mel bins to set to 0, the training mean of the standardised front end.
    frequency_mask : int or float, default=0.2
        Maximum width of a band in mel bins (int) or as a fraction of them in (0, 1) (float).
        Widths are uniform from 0 to this, and so are positions.
    time_masks : int, default=0
        Number of stretches of frames to set to 0.
    time_mask : int or float, default=0.1
        Maximum length of a stretch in frames (int) or as a fraction of the recording (float).
    gain : float, default=0.0
        Standard deviation of an offset that is added to a whole recording, in the unit of X. It
        amplifies, since X is logarithmic.
    tilt : float, default=0.0
        Standard deviation of the slope of a line over the mel bins, from -slope at the lowest to
        slope at the highest, that is added to all frames of a recording, in the unit of X.
    noise : float, default=0.0
        Standard deviation of white noise that is added to each cell, in the unit of X.
    mixup : float or None, default=None
        Mix each recording with another of the batch: share * X + (1 - share) * X_other, with one
        share for the batch, the larger of a draw from Beta(mixup, mixup) and 1 minus it. The loss
        is mixed likewise: share * loss(y) + (1 - share) * loss(y_other), each weighted by the
        weight of its own recording.

    See Also
    --------
    skheart.AttentionCNNClassifier : Its ``augment="standard"`` is two frequency masks and one time
        mask of the default widths, gain and tilt of 0.3 and noise of 0.05.

    Notes
    -----
    torch's generator, seeded by the classifier's `random_state`, decides. On one device, the same
    seed gives the same model for any number of threads and processes and any order of recordings.

    With recordings of different lengths (``masked=True``), crops and time masks lie within a
    recording, and mixup keeps its length and mixes the frames that both have.

    References
    ----------
    Park et al., "SpecAugment", Interspeech 2019 (masks). Zhang, Cisse, Dauphin, Lopez-Paz, "mixup:
    Beyond empirical risk minimization", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart import AttentionCNNClassifier
    >>> from skheart.augmentation import Augmentation
    >>> X = np.random.default_rng(0).normal(size=(12, 32, 16)).astype("float32")
    >>> augment = Augmentation(crop=24, frequency_masks=1, gain=0.3)
    >>> clf = AttentionCNNClassifier(channels=(4,), max_epochs=1, augment=augment)
    >>> clf.set_params(augment__gain=0.5).fit(X, np.arange(12) % 2).predict_proba(X).shape
    (12, 2)
    """

    _parameter_constraints = {
        "crop": [Interval(Integral, 1, None, closed="left"), None],
        "pieces": [Interval(Integral, 1, None, closed="left")],
        "frequency_masks": _COUNT,
        "frequency_mask": _WIDTH,
        "time_masks": _COUNT,
        "time_mask": _WIDTH,
        "gain": _DEVIATION,
        "tilt": _DEVIATION,
        "noise": _DEVIATION,
        "mixup": [Interval(Real, 0, np.inf, closed="neither"), None],
    }

    def __init__(
        self,
        *,
        crop=None,
        pieces=1,
        frequency_masks=0,
        frequency_mask=0.2,
        time_masks=0,
        time_mask=0.1,
        gain=0.0,
        tilt=0.0,
        noise=0.0,
        mixup=None,
    ):
        self.crop = crop
        self.pieces = pieces
        self.frequency_masks = frequency_masks
        self.frequency_mask = frequency_mask
        self.time_masks = time_masks
        self.time_mask = time_mask
        self.gain = gain
        self.tilt = tilt
        self.noise = noise
        self.mixup = mixup


def resolve_augmentation(augment, input_shape, *, equal_lengths=False):
    """Return the Augmentation of a classifier's `augment`, validated for its input, or None.

    `input_shape` is (n_frames, n_mels). With `equal_lengths`, the network only takes recordings of
    the length in training.
    """
    if augment is None:
        return None
    if isinstance(augment, str):
        augment = Augmentation(frequency_masks=2, time_masks=1, gain=0.3, tilt=0.3, noise=0.05)
    augment._validate_params()
    if augment.crop is not None and equal_lengths:
        raise ValueError(
            f"augment has crop={augment.crop}, but the head needs recordings of equal length, and "
            "predictions are for whole recordings. Use another head, or crop=None."
        )
    if augment.pieces > (augment.crop or 1):
        raise ValueError(
            f"augment has pieces={augment.pieces}, but crop={augment.crop}. Set crop to at least "
            "as many frames, or pieces=1."
        )
    n_frames = input_shape[0] if augment.crop is None else augment.crop
    for name, size, what in [
        ("frequency_mask", input_shape[1], "mel bins"),
        ("time_mask", n_frames, "frames"),
    ]:
        number, width = getattr(augment, f"{name}s"), getattr(augment, name)
        if number and width > size:
            raise ValueError(
                f"augment has {name}={width}, but a spectrogram in training has {size} {what}. "
                "Use a smaller one, or a fraction in (0, 1)."
            )
    return augment


def augment_batch(augment, x):
    """Augment a batch (n, n_frames, n_mels), with torch's generators.

    NaN frames at the end of a recording are padding. Returns a new tensor, in which padding stays
    NaN; the row that each row was mixed with, or None; and the weight of the row itself.
    """
    lengths = count_valid_frames(x)
    if augment.crop is not None:
        x = _crop(x, lengths, augment.crop, augment.pieces)
        lengths = torch.full_like(lengths, augment.crop)
    partner, share = None, 1.0
    if augment.mixup is not None:
        x, partner, share = _mix(x, augment.mixup)
    x = x + _draw_offsets(augment, x)
    if augment.noise:
        x.add_(torch.randn_like(x), alpha=augment.noise)
    for number, width, dim, sizes in [
        (augment.frequency_masks, augment.frequency_mask, 2, torch.full_like(lengths, x.shape[2])),
        (augment.time_masks, augment.time_mask, 1, lengths),
    ]:
        if number:
            hidden = _draw_stretches(number, width, sizes, x.shape[dim])
            x.mul_(~hidden[:, None] if dim == 2 else ~hidden[:, :, None])  # NaN stays NaN
    return x, partner, share


def _crop(x, lengths, crop, pieces):
    """Take random excerpts of each recording, one from each of `pieces` equal parts."""
    frames = []
    for piece, size in enumerate(len(part) for part in np.array_split(np.arange(crop), pieces)):
        free = torch.where(lengths >= size, lengths - size + 1, lengths)
        first = free * piece // pieces
        start = first + _draw_below((free * (piece + 1) // pieces - first).clamp(min=1))
        frames.append(start[:, None] + torch.arange(size, device=x.device))
    frames = torch.cat(frames, dim=1) % lengths[:, None]
    return x[torch.arange(len(x), device=x.device)[:, None], frames]


def _mix(x, alpha):
    share = torch.distributions.Beta(float(alpha), float(alpha)).sample().item()
    share = max(share, 1 - share)
    partner = torch.randperm(len(x), device=x.device)
    mixed = x.lerp(x[partner], 1 - share)
    return torch.where(mixed.isnan(), x, mixed), partner, share


def _draw_offsets(augment, x):
    """Draw the gain and tilt of each recording, (n, 1, n_mels)."""
    draws = torch.randn(2, len(x), 1, 1, device=x.device)
    line = torch.linspace(-1, 1, x.shape[2], device=x.device)
    return augment.gain * draws[0] + augment.tilt * draws[1] * line


def _draw_stretches(number, width, sizes, size):
    """Draw stretches of an axis, as a mask (n, size); `sizes` are the valid cells of each row."""
    if isinstance(width, Integral):
        widest = sizes.clamp(max=int(width))
    else:
        widest = (sizes * width).long().clamp(min=1)
    sizes, widest = (counts[:, None].expand(-1, number) for counts in (sizes, widest))
    widths = _draw_below(widest + 1)
    starts = _draw_below(sizes - widths + 1)[:, :, None]
    cells = torch.arange(size, device=sizes.device)
    return ((cells >= starts) & (cells < starts + widths[:, :, None])).any(1)


def _draw_below(counts):
    """Draw an integer from 0 to count - 1 for each count."""
    return (torch.rand(counts.shape, dtype=torch.float64, device=counts.device) * counts).long()
