"""Draw the explanations of generated recordings that the documentation shows.

    python -m benchmarks.studies.explanation_picture [FILE [FILE_OF_CYCLES]]

Trains a small CNN with fine time resolution and draws its relative contributions (their mean over
the classes subtracted, which a softmax ignores) to the predictions of a recording with a murmur and
of one without, from held-out subjects. Also trains trees on the average heart cycle, and draws
their contributions for subjects with and without a murmur. Takes about half a minute. The default
files are docs/pictures/explanation.png and cycles.png.
"""

import sys
from pathlib import Path

import numpy as np

from skheart import make_heart_pipeline
from skheart.datasets import make_heart_sounds
from skheart.plot import AttentionDisplay, HeartCycleDisplay

from .explain import fitted_trees

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "explanation.png"
CYCLES = PICTURE.with_name("cycles.png")
DURATION = 4.0
SETTINGS = {
    "logmel__duration": DURATION,
    "clf__pool_size": "fine",
    "clf__channels": (8, 16, 32, 32),
    "clf__lr": 3e-3,
    "clf__max_epochs": 12,
}


def sounds_of(n_subjects, seed):
    """Generate recordings with and without murmurs, balanced."""
    return make_heart_sounds(
        n_subjects, recordings_per_subject=1, duration=DURATION, weights=(1, 0, 1),
        difficulty=0.2, random_state=seed,
    )  # fmt: skip


def main(file=PICTURE, n_subjects=120, **settings):
    """Train a CNN and draw its explanations."""
    sounds, test = sounds_of(n_subjects, seed=0), sounds_of(20, seed=1)
    pipeline = make_heart_pipeline("cnn", random_state=0).set_params(**{**SETTINGS, **settings})
    pipeline.fit(sounds.data, sounds.target)
    print(f"accuracy on held-out subjects: {pipeline.score(test.data, test.target):.2f}")
    rows = [np.flatnonzero(test.target == label)[0] for label in ("severe", "normal")]
    display = AttentionDisplay.from_estimator(
        pipeline,
        [test.data[row] for row in rows],
        segmentation=[test.segmentation[row] for row in rows],
        relative=True,
        n_cols=1,
    )
    display.figure_.savefig(file, dpi=130)


def cycles(file=CYCLES, n_subjects=120):
    """Train trees and draw their explanations over the mean heart cycle."""
    import matplotlib.pyplot as plt

    sounds, test = sounds_of(n_subjects, seed=0), sounds_of(20, seed=1)
    model = fitted_trees(sounds.data, sounds.target, sounds.segmentation)
    print(f"accuracy of trees on held-out subjects: {model.score(test.data, test.target):.2f}")
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for ax, label, words in zip(axes, ("severe", "normal"), ("with", "without"), strict=True):
        recordings = [test.data[row] for row in np.flatnonzero(test.target == label)]
        display = HeartCycleDisplay.from_estimator(
            model, recordings, label="severe", ax=ax, limit=0.02, colorbar=ax is axes[1]
        )
        display.ax_.set_title(
            f"Evidence for a severe murmur, {len(recordings)} recordings {words} one", loc="left",
            fontsize="medium", pad=18,
        )  # fmt: skip
    figure.savefig(file, dpi=130)


if __name__ == "__main__":
    main(*sys.argv[1:2])
    cycles(*sys.argv[2:])
