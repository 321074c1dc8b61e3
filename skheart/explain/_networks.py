"""Explain the predictions of one attention classifier."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from ..audio import as_recording_list, crop_or_pad, load_samples
from ..classifiers import check_logits, transformed
from . import _saliency
from ._estimators import split_network
from ._explanation import Explanation, Maps, describe_recording

__all__ = ["explain_network", "warn_of_missing_maps"]


def explain_network(estimator, X, method, front_end, options):
    """Explain recordings by an attention classifier, or a pipeline that ends in one."""
    steps, clf, own_front_end = split_network(estimator)
    features = clf._check_X(transformed(steps, X), reset=False)
    rows = [_valid_frames(row) for row in features] if clf.masked else features
    if method == "attention":
        logits, maps = _attention_maps(clf, features)
        base = np.zeros_like(logits)
        cells = [clf.net_.module_.cell_size(*row.shape) for row in rows]
    else:
        # Without padding, recordings differ in length and go through the network one at a time.
        batches = [row[None] for row in rows] if clf.masked else [features]
        results = [getattr(_saliency, method)(clf, batch, **options) for batch in batches]
        logits, base = (np.concatenate(values) for values in list(zip(*results, strict=True))[:2])
        maps = [(None, None, of_row) for result in results for of_row in result[2]]
        cells = [result[3] for result in results for _ in result[2]]
    front_end = front_end if own_front_end is None else own_front_end
    times, frequencies = _input_axes(front_end, features.shape[1:])
    probabilities = softmax(logits, axis=1)
    names = [describe_recording(None, row) for row in range(len(features))]
    sounds = [{}] * len(features)
    if own_front_end is not None:
        heard = transformed(steps[: steps.index(own_front_end)], X)
        names = map(describe_recording, as_recording_list(X) or names, range(len(features)))
        names, sounds = list(names), list(_sounds(own_front_end, heard))
    explanations = []
    for row, frames in enumerate(rows):
        axes = (None if times is None else times[: len(frames)]), frequencies
        explanations.append(
            Explanation(
                method=method,
                recording=names[row],
                classes=clf.classes_,
                label=clf.classes_[logits[row].argmax()],
                logits=logits[row],
                probabilities=probabilities[row],
                base=base[row],
                head=Maps(*maps[row], *map(_cell_centres, axes, cells[row])),
                features=np.array(frames, np.float32),
                cell=cells[row],
                times=axes[0],
                frequencies=axes[1],
                **sounds[row],
            )
        )
    return explanations


def warn_of_missing_maps(clf):
    """Warn if the head of a classifier has no attention, and say which maps are missing."""
    if clf.head != "attention":
        missing = "attention" if clf.head == "mean" else "attention and class_map"
        warnings.warn(
            f"head={clf.head!r} has no attention, so explanations lack {missing}; contribution "
            "holds the terms of the linear layer. Use head='attention' for all three maps.",
            UserWarning,
            stacklevel=3,
        )


def _attention_maps(clf, features):
    """Logits, and (attention, class_map, contribution) of each recording."""
    logits = np.empty((len(features), len(clf.classes_)))
    maps = [None] * len(features)

    def collect(start, output):
        for offset in range(min(len(output.logits), len(features) - start)):
            logits[start + offset] = output.logits[offset].float().cpu()
            maps[start + offset] = [
                None if values is None else values[offset].float().cpu().numpy().copy()
                for values in (output.attention, output.class_map, output.contribution)
            ]

    clf._infer(features, collect, return_maps=True)
    check_logits(logits)
    return logits, [list(map(_with_frequency_axis, of_row)) for of_row in maps]


def _with_frequency_axis(maps):
    """Give the maps of a recurrent network, which have none, a frequency axis of length 1."""
    return maps[..., None] if maps is not None and maps.ndim == 2 else maps


def _valid_frames(recording):
    """A recording without the NaN frames that pad its end."""
    return recording[: np.count_nonzero(~np.isnan(recording[:, 0]))]


def _input_axes(front_end, shape):
    """Times and frequencies of the input, or None for both."""
    if front_end is None:
        return None, None
    check_is_fitted(front_end, "mel_frequencies_")
    axes = front_end.frame_times_, front_end.mel_frequencies_
    given = tuple(map(len, axes))
    if given != tuple(shape):
        raise ValueError(
            f"X has recordings of {shape[0]} frames x {shape[1]} mel bins, but front_end gives "
            f"{given[0]} x {given[1]}. Pass the LogMelTransformer that computed X; if its output "
            f"is flat, fit the classifier with n_mels={given[1]}."
        )
    return axes


def _cell_centres(axis, size):
    """Mean of the points of each cell, or None for an unknown axis."""
    if axis is None:
        return None
    return axis[: len(axis) // size * size].reshape(-1, size).mean(axis=1)


def _sounds(front_end, X):
    """Signal, rate, start and duration of each recording, as the front end reads it."""
    plan, recordings = front_end._plan, as_recording_list(X)
    recordings = np.asarray(X) if recordings is None else recordings
    for row, recording in enumerate(recordings):
        samples = load_samples(recording, row, plan.sr)
        cut = max(0, samples.size - plan.n_times) // 2 if plan.crop == "center" else 0
        yield {
            "signal": np.array(crop_or_pad(samples, plan), np.float32),
            "sr": plan.sr,
            "start": cut / plan.sr,
            "duration": samples.size / plan.sr,
        }
