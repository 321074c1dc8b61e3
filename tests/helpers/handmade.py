"""Explanations with maps given by hand."""

import numpy as np
from scipy.special import softmax

from skheart.explain import Explanation, Maps


def explanation(contribution, cell=(1, 1), *, left_over=(0, 0), known=True, hop=0.5, **given):
    """Make an Explanation from a contribution (n_classes, times, frequencies) of cells.

    Frames are centred at hop, 2 hop, ... seconds, and mel bins at 100, 200, ... Hz. `left_over` are
    the frames and bins that pooling drops; other fields can be given by name.
    """
    contribution = np.asarray(contribution, np.float32)
    shape = [
        n * size + rest
        for n, size, rest in zip(contribution.shape[1:], cell, left_over, strict=True)
    ]
    axes = hop * (1 + np.arange(shape[0])), 100.0 * (1 + np.arange(shape[1]))
    pooled = [
        axis[: n * size].reshape(n, size).mean(axis=1)
        for axis, n, size in zip(axes, contribution.shape[1:], cell, strict=True)
    ]
    logits = contribution.sum((1, 2), dtype=float)
    classes = np.array(["Absent", "Present", "Unknown"][: len(logits)])
    values = {
        "method": "attention",
        "recording": "by hand",
        "classes": classes,
        "label": classes[logits.argmax()],
        "logits": logits,
        "probabilities": softmax(logits),
        "base": np.zeros_like(logits),
        "head": Maps(None, None, contribution, *(pooled if known else (None, None))),
        "features": np.zeros(shape, np.float32),
        "cell": cell,
        "times": axes[0] if known else None,
        "frequencies": axes[1] if known else None,
    }
    return Explanation(**{**values, **given})
