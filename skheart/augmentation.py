"""Augmentation: log-mel spectrograms that differ from one training step to the next."""

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
    """What is done to the spectrograms of a batch before a training step; by default nothing.

    The parameter `augment` of the classifiers takes it. Each recording gets changes of its own,
    new ones in each epoch, in this order: crop, mixup, gain and tilt, noise, masks. Recordings
    that are predicted or watched by early stopping are left as they are.

    Parameters
    ----------
    crop : int or None, default=None
        Frames of a random part that stands for the recording; a shorter recording is repeated
        from a random frame on. Predictions are for whole recordings, which all heads but
        "flatten" allow.
    pieces : int, default=1
        Parts of which a crop is put together, one from each of as many equal stretches of the
        recording: with 4, a short crop has something of all of a long recording.
    frequency_masks : int, default=0
        Number of bands of mel bins that are set to 0: the training mean, with the standardised
        front end.
    frequency_mask : int or float, default=0.2
        Largest width of a band in mel bins (int), or as a share of them in (0, 1) (float). Widths
        are drawn evenly from 0 to this, and then the place.
    time_masks : int, default=0
        Number of stretches of frames that are set to 0.
    time_mask : int or float, default=0.1
        Largest length of a stretch in frames (int), or as a share of the recording's (float).
    gain : float, default=0.0
        Standard deviation of a number that is added to a whole recording, in the unit of X:
        deviations of a mel bin with the standardised front end. To add to a logarithm is to
        amplify.
    tilt : float, default=0.0
        Standard deviation of the slope of a line over the mel bins, from -slope at the lowest to
        slope at the highest, that is added to each frame of a recording, in the unit of X.
    noise : float, default=0.0
        Standard deviation of white noise that is added to each cell, in the unit of X.
    mixup : float or None, default=None
        Mix each recording with another of the batch: share * X + (1 - share) * X_other, with one
        share for the batch, drawn from Beta(mixup, mixup), and its larger side taken. The loss is
        mixed likewise, share * loss(y) + (1 - share) * loss(y_other), each label with the weight
        of its own recording.

    See Also
    --------
    skheart.AttentionCNNClassifier : Its ``augment="standard"`` is two frequency masks, one time
        mask of the default widths, a gain and a tilt of 0.3 and noise of 0.05.

    Notes
    -----
    The draws are torch's, seeded by the classifier's `random_state`. On one device, the same seed
    gives the same model, however many threads and processes there are and in whatever order the
    recordings come.

    Where recordings differ in length (``masked=True``), crops and time masks lie within the frames
    of a recording; mixup leaves it its length, and what the other one lacks is left unmixed.

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


def resolve_augmentation(augment, head, input_shape):
    """The Augmentation of an `augment` parameter, checked for a net and its input, or None.

    Parameters
    ----------
    augment : Augmentation, "standard" or None
        As of the classifiers.
    head : str
        As of the classifiers.
    input_shape : (int, int)
        (n_frames, n_mels).

    Raises
    ------
    ValueError
        If a parameter is out of its range, or does not go with the net or its input.
    """
    if augment is None:
        return None
    if isinstance(augment, str):
        augment = Augmentation(frequency_masks=2, time_masks=1, gain=0.3, tilt=0.3, noise=0.05)
    augment._validate_params()
    if augment.crop is not None and head == "flatten":
        raise ValueError(
            f"augment has crop={augment.crop}, which head='flatten' does not allow: it needs "
            "recordings of one length, and predictions are for whole ones. Take another head, or "
            "set crop=None."
        )
    if augment.pieces > (augment.crop or 1):
        raise ValueError(
            f"augment has pieces={augment.pieces}, but crop={augment.crop}: a crop of at least as "
            "many frames is needed. Set crop, or pieces=1."
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
                "Take a smaller one, or a share of them in (0, 1)."
            )
    return augment


def augment_batch(augment, x):
    """Change a batch, by torch's generators.

    Parameters
    ----------
    augment : Augmentation
        What to do.
    x : Tensor of shape (n, n_frames, n_mels)
        The batch, which is left as it is. Frames of NaN at the end of a recording are not there.

    Returns
    -------
    x : Tensor of shape (n, n_frames, n_mels), or (n, crop, n_mels)
        Another tensor. What was not there is NaN.
    partner : Tensor of shape (n,) or None
        Row with which each was mixed; None without mixup.
    share : float
        Share of the recording itself in the mixture.
    """
    lengths = count_valid_frames(x)
    if augment.crop is not None:
        x = _crop(x, lengths, augment.crop, augment.pieces)
        lengths = torch.full_like(lengths, augment.crop)
    partner, share = None, 1.0
    if augment.mixup is not None:
        x, partner, share = _mix(x, augment.mixup)
    x = x + _offsets(augment, x)
    if augment.noise:
        x.add_(torch.randn_like(x), alpha=augment.noise)
    for number, width, dim, sizes in [
        (augment.frequency_masks, augment.frequency_mask, 2, torch.full_like(lengths, x.shape[2])),
        (augment.time_masks, augment.time_mask, 1, lengths),
    ]:
        if number:
            hidden = _stretches(number, width, sizes, x.shape[dim])
            x.mul_(~hidden[:, None] if dim == 2 else ~hidden[:, :, None])  # NaN stays NaN
    return x, partner, share


def _crop(x, lengths, crop, pieces):
    """Random frames of each recording, in as many parts, from one end of it to the other."""
    frames = []
    for piece, size in enumerate(len(part) for part in np.array_split(np.arange(crop), pieces)):
        free = torch.where(lengths >= size, lengths - size + 1, lengths)
        first = free * piece // pieces
        start = first + _whole((free * (piece + 1) // pieces - first).clamp(min=1))
        frames.append(start[:, None] + torch.arange(size, device=x.device))
    frames = torch.cat(frames, dim=1) % lengths[:, None]
    return x[torch.arange(len(x), device=x.device)[:, None], frames]


def _mix(x, alpha):
    share = torch.distributions.Beta(float(alpha), float(alpha)).sample().item()
    share = max(share, 1 - share)
    partner = torch.randperm(len(x), device=x.device)
    mixed = x.lerp(x[partner], 1 - share)
    return torch.where(mixed.isnan(), x, mixed), partner, share


def _offsets(augment, x):
    """What is added to all frames of each recording, (n, 1, n_mels)."""
    draws = torch.randn(2, len(x), 1, 1, device=x.device)
    line = torch.linspace(-1, 1, x.shape[2], device=x.device)
    return augment.gain * draws[0] + augment.tilt * draws[1] * line


def _stretches(number, width, sizes, size):
    """Which cells of an axis lie in a stretch, (n, size); `sizes` cells are there in each row."""
    if isinstance(width, Integral):
        widest = sizes.clamp(max=int(width))
    else:
        widest = (sizes * width).long().clamp(min=1)
    sizes, widest = (counts[:, None].expand(-1, number) for counts in (sizes, widest))
    widths = _whole(widest + 1)
    starts = _whole(sizes - widths + 1)[:, :, None]
    cells = torch.arange(size, device=sizes.device)
    return ((cells >= starts) & (cells < starts + widths[:, :, None])).any(1)


def _whole(counts):
    """A whole number from 0 up to below each count."""
    return (torch.rand(counts.shape, dtype=torch.float64, device=counts.device) * counts).long()
