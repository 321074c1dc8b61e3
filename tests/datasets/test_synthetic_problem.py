"""Generated heart sounds as a problem: learnable, not trivial, and leaking if subjects mix."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import signal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skheart.datasets import make_heart_sounds
from skheart.metrics import uar
from tests.helpers.sounds import inside, of_state

LINEAR = make_pipeline(
    StandardScaler(), LogisticRegression(class_weight="balanced", C=0.3, max_iter=2000)
)
FOLDS = {"n_splits": 5, "shuffle": True, "random_state": 0}


def log_bands(bunch):
    """Return percentiles over time (10, 50, 90) of twelve bands of the spectrogram."""
    edges = np.geomspace(30, 1000, 13)
    rows = []
    for x in bunch.data:
        f, _, p = signal.spectrogram(x, bunch.sr, nperseg=512, noverlap=256)
        bands = [np.log(p[(f >= a) & (f < b)].mean(axis=0)) for a, b in pairwise(edges)]
        rows.append(np.percentile(bands - np.mean(bands[0]), [10, 50, 90], axis=1).ravel())
    return np.array(rows)


@pytest.fixture(scope="module")
def problems():
    bunches = [make_heart_sounds(random_state=seed) for seed in (0, 1)]
    return [(bunch, log_bands(bunch)) for bunch in bunches]


def test_a_linear_model_beats_chance_and_is_not_perfect(problems):
    scores, confusion = [], 0
    for bunch, X in problems:
        y_pred = cross_val_predict(
            LINEAR, X, bunch.target, groups=bunch.groups, cv=StratifiedGroupKFold(**FOLDS)
        )
        scores.append(uar(bunch.target, y_pred))
        confusion = confusion + confusion_matrix(bunch.target, y_pred, labels=bunch.target_names)
    assert min(scores) > 0.5  # chance is 1 / 3
    assert max(scores) < 0.85
    rate = confusion / confusion.sum(axis=1, keepdims=True)
    assert rate[0, 1] + rate[1, 0] > 0.2  # faint murmurs and normal sounds are confused
    assert rate[0, 2] + rate[2, 0] < 0.1  # loud ones are not


def test_a_split_that_ignores_subjects_is_optimistic(problems):
    gain = []
    for bunch, X in problems:
        y, groups = bunch.target, bunch.groups
        apart = cross_val_predict(LINEAR, X, y, groups=groups, cv=StratifiedGroupKFold(**FOLDS))
        mixed = cross_val_predict(LINEAR, X, y, cv=StratifiedKFold(**FOLDS))
        gain.append(uar(y, mixed) - uar(y, apart))
    assert min(gain) > 0.03


def test_the_nearest_recording_is_often_of_the_same_subject(problems):
    bunch, X = problems[0]
    X = StandardScaler().fit_transform(X)
    distance = np.linalg.norm(X[:, None] - X, axis=-1)
    np.fill_diagonal(distance, np.inf)
    same = bunch.groups[distance.argmin(axis=1)] == bunch.groups
    chance = np.mean(bunch.groups[:, None] == bunch.groups) - 1 / len(X)
    assert same.mean() > 5 * chance


def test_the_times_add_information_to_the_spectrum(problems):
    # A model that finds systole classifies most recordings, not all.
    bunch, X = problems[0]
    rows = []
    for x, times in zip(bunch.data, bunch.segmentation, strict=True):
        f, t, p = signal.spectrogram(x, bunch.sr, nperseg=128, noverlap=64)
        at = {
            state: inside(of_state(times, state), len(x), bunch.sr, 0.02)[
                (t * bunch.sr).astype(int)
            ]
            for state in ("S1", "systole", "diastole")
        }
        row = []
        for low, high in pairwise((90, 150, 300, 600)):
            p_band = p[(f >= low) & (f < high)].mean(axis=0)
            level = {state: np.log(p_band[mask].mean()) for state, mask in at.items()}
            row += [level["systole"] - level["diastole"], level["systole"] - level["S1"]]
        rows.append(row)
    options = {"y": bunch.target, "groups": bunch.groups, "cv": StratifiedGroupKFold(**FOLDS)}
    with_times = uar(bunch.target, cross_val_predict(LINEAR, np.array(rows), **options))
    without = uar(bunch.target, cross_val_predict(LINEAR, X, **options))
    assert without + 0.1 < with_times < 0.97
