"""Draw explanations of generated recordings, as the README shows them.

    python -m benchmarks.studies.explanation_picture [FILE [FILE OF CYCLES]]

Trains a small CNN with fine time on generated heart sounds, and draws what speaks for its
prediction of a recording with a murmur and of one without, by people that it has not heard. Drawn
is the relative contribution, less the mean over the classes: the softmax does not see the rest.
Trees on the average heart cycle, trained on the same sounds, are drawn over the mean cycle of the
people with a murmur, and of those without. Takes about half a minute. The files are
docs/pictures/explanation.png and cycles.png by default.
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
    """Recordings with and without murmurs, as many of each."""
    return make_heart_sounds(
        n_subjects, recordings_per_subject=1, duration=DURATION, weights=(1, 0, 1),
        difficulty=0.2, random_state=seed,
    )  # fmt: skip


def main(file=PICTURE, n_subjects=120, **settings):
    """Train, explain and draw.

    Parameters
    ----------
    file : str or Path
        Where to write the picture.
    n_subjects : int
        People to train on.
    **settings : dict
        Of the pipeline, over `SETTINGS`.
    """
    sounds, unheard = sounds_of(n_subjects, seed=0), sounds_of(20, seed=1)
    pipeline = make_heart_pipeline("cnn", random_state=0).set_params(**{**SETTINGS, **settings})
    pipeline.fit(sounds.data, sounds.target)
    print(f"accuracy on unheard people: {pipeline.score(unheard.data, unheard.target):.2f}")
    rows = [np.flatnonzero(unheard.target == label)[0] for label in ("severe", "normal")]
    display = AttentionDisplay.from_estimator(
        pipeline,
        [unheard.data[row] for row in rows],
        segmentation=[unheard.segmentation[row] for row in rows],
        relative=True,
        n_cols=1,
    )
    display.figure_.savefig(file, dpi=130)


def cycles(file=CYCLES, n_subjects=120):
    """Train trees, explain and draw their mean cycles.

    Parameters
    ----------
    file : str or Path
        Where to write the picture.
    n_subjects : int
        People to train on.
    """
    import matplotlib.pyplot as plt

    sounds, unheard = sounds_of(n_subjects, seed=0), sounds_of(20, seed=1)
    model = fitted_trees(sounds.data, sounds.target, sounds.segmentation)
    print(f"accuracy of trees on them: {model.score(unheard.data, unheard.target):.2f}")
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for ax, label, words in zip(
        axes, ("severe", "normal"), ("with one", "without any"), strict=True
    ):
        recordings = [unheard.data[row] for row in np.flatnonzero(unheard.target == label)]
        display = HeartCycleDisplay.from_estimator(
            model, recordings, label="severe", ax=ax, limit=0.02, colorbar=ax is axes[1]
        )
        display.ax_.set_title(
            f"For a severe murmur, in {len(recordings)} recordings {words}", loc="left",
            fontsize="medium", pad=18,
        )  # fmt: skip
    figure.savefig(file, dpi=130)


if __name__ == "__main__":
    main(*sys.argv[1:2])
    cycles(*sys.argv[2:])
