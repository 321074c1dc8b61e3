"""Explanations with two known strong intervals, for the tests of the report page."""

from dataclasses import replace

import numpy as np

from skheart.explain import CycleMaps
from tests.helpers.handmade import explanation

CLASSES = np.array(["absent", "present", "unknown"])
SR, HOP = 4000, 128
STRONG = [(3.0, 3.3), (8.0, 8.4)]  # s, where "present" has its strongest contributions


def make_explanation(recording="heart.wav", seconds=12.0, *, sound=True, known=True, **changes):
    """Make an explanation whose "present" is decided at the lowest frequencies of `STRONG`."""
    rng = np.random.default_rng(0)
    n_frames = int(seconds * SR) // HOP - 1
    shape = (3, n_frames // 2, 4)
    times = HOP / SR * (1.5 + 2 * np.arange(shape[1]))  # of cells of 2 frames
    attention = rng.random(shape).astype(np.float32)
    contribution = 1e-4 * rng.normal(size=shape)
    strong = np.any([(times > a) & (times < b) for a, b in STRONG], axis=0)
    # The 10 strong cells hold 4 and the others 3.6, so half of it is in the strong ones.
    contribution[1, ~strong, 0] += 3.6 / np.sum(~strong)
    contribution[1, strong, 0] = 1.0
    contribution[1, strong, 3] = -0.6
    contribution = contribution.astype(np.float32)
    t = np.arange(int(seconds * SR)) / SR
    made = explanation(
        contribution,
        (2, 4),
        left_over=(n_frames % 2, 2),
        known=known,
        hop=HOP / SR,
        recording=recording,
        classes=CLASSES,
        label="present",
        probabilities=np.array([0.125, 0.75, 0.125]),
        features=rng.normal(size=(n_frames, 18)).astype(np.float32),
        signal=(0.1 * np.sin(2 * np.pi * 60 * t)).astype(np.float32) if sound else None,
        sr=SR if sound else None,
        duration=seconds if sound else None,
    )
    head = made.head._replace(attention=attention, class_map=contribution / attention)
    return replace(made, **{"head": head, **changes})


def make_cycle():
    """A cycle of 0.8 s in which "present" has +0.3 at the lowest frequencies of early systole."""
    rng = np.random.default_rng(1)
    phases = np.repeat(["S1", "systole", "S2", "diastole"], [1, 3, 1, 3])
    contribution = np.zeros((3, 8, 18), np.float32)
    contribution[1, 1, :6] = 0.05
    contribution[1, 5, :] = -0.001
    contribution[0, 1, :6] = -0.05
    features = rng.normal(size=(8, 18)).astype(np.float32)
    return CycleMaps(contribution, features, phases, np.arange(9) / 10, np.linspace(50, 1900, 18))
