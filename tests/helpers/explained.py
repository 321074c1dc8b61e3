"""Explanations made by hand, whose moments are known, for the tests of the page."""

import numpy as np

from skheart.explain import CycleMaps, Explanation, Maps

CLASSES = np.array(["absent", "present", "unknown"])
SR, HOP = 4000, 128
STRONG = [(3.0, 3.3), (8.0, 8.4)]  # s, where "present" has its strongest contributions


def make_explanation(recording="heart.wav", seconds=12.0, *, sound=True, known=True, **changes):
    """Weak contributions, but in two moments: for "present" at the lowest frequencies."""
    rng = np.random.default_rng(0)
    n_frames, n_mels, cell = int(seconds * SR) // HOP - 1, 18, (2, 4)
    times = (np.arange(n_frames) + 1) * HOP / SR
    frequencies = np.linspace(50, 1900, n_mels)
    shape = (3, n_frames // 2, n_mels // 4)
    head_times = times[: shape[1] * 2].reshape(-1, 2).mean(axis=1)
    attention = rng.random(shape).astype(np.float32)
    contribution = 1e-4 * rng.normal(size=shape)
    strong = np.any([(head_times > a) & (head_times < b) for a, b in STRONG], axis=0)
    # The 10 strong cells hold 4 and the others 3.6: half of it all is just the strong ones.
    contribution[1, ~strong, 0] += 3.6 / np.sum(~strong)
    contribution[1, strong, 0] = 1.0
    contribution[1, strong, 3] = -0.6
    contribution = contribution.astype(np.float32)
    t = np.arange(int(seconds * SR)) / SR
    values = {
        "method": "attention",
        "recording": recording,
        "classes": CLASSES,
        "label": "present",
        "logits": contribution.sum(axis=(1, 2)),
        "probabilities": np.array([0.125, 0.75, 0.125]),
        "base": np.zeros(3),
        "head": Maps(
            attention,
            contribution / attention,
            contribution,
            head_times if known else None,
            frequencies[:16].reshape(-1, 4).mean(axis=1) if known else None,
        ),
        "features": rng.normal(size=(n_frames, n_mels)).astype(np.float32),
        "cell": cell,
        "times": times if known else None,
        "frequencies": frequencies if known else None,
        "signal": (0.1 * np.sin(2 * np.pi * 60 * t)).astype(np.float32) if sound else None,
        "sr": SR if sound else None,
        "duration": seconds if sound else None,
    }
    return Explanation(**{**values, **changes})


def make_cycle():
    """A cycle of 0.8 s in which "present" has +0.3 at the lowest frequencies of early systole."""
    rng = np.random.default_rng(1)
    phases = np.repeat(["S1", "systole", "S2", "diastole"], [1, 3, 1, 3])
    contribution = np.zeros((3, 8, 18), np.float32)
    contribution[1, 1, :6] = 0.05
    contribution[1, 5, :] = -0.001
    contribution[0, 1, :6] = -0.05
    edges = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    features = rng.normal(size=(8, 18)).astype(np.float32)
    return CycleMaps(contribution, features, phases, edges, np.linspace(50, 1900, 18))
