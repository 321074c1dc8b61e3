"""Generated recordings, and what is computed from them without a model, for `_recorded.py`.

A section is a function that takes the `Sounds` and yields (name, value) pairs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.signal
import soundfile

import skheart
from skheart.datasets import make_heart_sounds

SECONDS = 3.0
FRONT_END = {"duration": SECONDS, "n_mels": 16, "hop_length": 128}
FRONT_END_CASES = {
    "default": {},
    "duration-mask": {"duration": SECONDS, "pad": "mask"},
    "duration-zero": {"duration": SECONDS, "pad": "zero"},
    "duration-repeat": {"duration": SECONDS, "pad": "repeat"},
    "crop-start": {"duration": 2.0, "crop": "start"},
    "n_mels-32-hop-64": {"duration": SECONDS, "n_mels": 32, "hop_length": 64, "win_length": 128},
    "power-htk": {"duration": SECONDS, "power": 2.0, "htk": True, "window": "hann"},
    "band": {"duration": SECONDS, "n_fft": 512, "fmin": 25.0, "fmax": 800.0},
    "not-standardised": {"duration": SECONDS, "standardize": False, "flatten": True},
    "odd-n_fft": {"duration": SECONDS, "n_fft": 300, "hop_length": 100},
}


class Sounds(NamedTuple):
    """Generated recordings.

    Attributes
    ----------
    data : list of ndarray of shape (n_times,)
        At 4 kHz.
    target, groups : ndarray of shape (n_recordings,)
        Class and subject of each.
    segmentation : list of DataFrame
        The phases of each.
    files : DataFrame
        Columns path, patient and label: the same recordings as files of several formats.
    fast : bool
        Record less.
    """

    data: list
    target: np.ndarray
    groups: np.ndarray
    segmentation: list
    files: pd.DataFrame
    fast: bool


def make_sounds(folder, fast):
    """Generate the recordings, and write the first ones to WAV and FLAC files."""
    sounds = make_heart_sounds(
        n_subjects=12,
        recordings_per_subject=(1, 3),
        duration=(2.2, 4.0),
        weights=(3, 2, 2),
        random_state=0,
    )
    lower = make_heart_sounds(
        n_subjects=6, recordings_per_subject=1, duration=3.0, sr=2000, random_state=1
    )
    writers = {
        "pcm16.wav": lambda i: (sounds.data[i], 4000, "PCM_16"),
        "float.wav": lambda i: (sounds.data[i], 4000, "FLOAT"),
        "2khz.wav": lambda i: (lower.data[i], 2000, "PCM_16"),
        "stereo.wav": lambda i: (np.c_[sounds.data[i], sounds.data[i] / 3], 4000, "PCM_16"),
        "pcm24.flac": lambda i: (sounds.data[i], 4000, "PCM_24"),
        "44khz.wav": lambda i: (np.repeat(sounds.data[i], 11)[:88200], 44100, "PCM_16"),
    }
    rows = []
    for number, (ending, make) in enumerate(writers.items()):
        samples, sr, subtype = make(number)
        path = folder / f"{number // 2}_{ending}"
        soundfile.write(path, samples, sr, subtype=subtype)
        rows.append((str(path), number // 2, ("murmur", "normal")[number % 4 // 2]))
    files = pd.DataFrame(rows, columns=["path", "patient", "label"])
    return Sounds(sounds.data, sounds.target, sounds.groups, sounds.segmentation, files, fast)


def numbers_of(name, table):
    """Numeric columns of a table; the texts in others may be reworded."""
    for column in table.select_dtypes("number"):
        yield f"{name}/{column}", table[column].to_numpy()


def spectrograms(sounds, masked=False):
    """Log spectrograms computed by SciPy, of shape (n_recordings, 92, 16), for the classifiers.

    A classifier orders its rows by a hash of their content before it draws batches: a front end
    that rounds the last bit differently would change every fitted network.
    """
    n = int(SECONDS * 4000)
    rows = np.stack([np.resize(x, n) for x in sounds.data])
    power = np.abs(scipy.signal.stft(rows, nperseg=256, boundary=None)[2][:, :128]) ** 2
    bands = np.log10(power.reshape(len(rows), 16, 8, -1).mean(axis=2) + 1e-10).swapaxes(1, 2)
    X = ((bands - bands.mean(axis=(0, 1))) / bands.std(axis=(0, 1))).astype(np.float32)
    if masked:
        for row, samples in zip(X, sounds.data, strict=True):
            row[len(samples) // 128 :] = np.nan
    return X


# ---------------------------------------------------------------------- sound


def datasets(sounds):
    for row, (samples, table) in enumerate(zip(sounds.data[:4], sounds.segmentation, strict=False)):
        yield f"samples/{row}", samples
        yield f"segmentation/{row}", table[["start", "end"]].to_numpy()
    yield "target", sounds.target


def audio(sounds):
    for path in sounds.files["path"]:
        samples, sr = skheart.audio.read_recording(path)
        name = Path(path).name
        yield f"read_recording/{name}", samples
        yield f"read_recording/{name}/sr", sr


def features(sounds):
    paths = list(sounds.files["path"])
    integers = [(samples * 32767).astype(np.int16) for samples in sounds.data[:6]]
    cases = list(FRONT_END_CASES.items())
    for name, params in cases[:4] if sounds.fast else cases:
        front_end = skheart.LogMelTransformer(**params)
        yield f"{name}/arrays", front_end.fit_transform(sounds.data[:8])
        yield f"{name}/files", front_end.transform(paths)
        yield f"{name}/int16", front_end.transform(integers)
        yield f"{name}/frame_times_", front_end.frame_times_
        yield f"{name}/mel_frequencies_", front_end.mel_frequencies_
        if front_end.mean_ is not None:
            yield f"{name}/mean_", front_end.mean_
            yield f"{name}/scale_", front_end.scale_
    two_threads = skheart.LogMelTransformer(**FRONT_END, n_jobs=2)
    yield "two-threads/files", two_threads.fit_transform(paths)


def sampling(sounds):
    y = sounds.target
    for name, X in (("recordings", sounds.data), ("features", spectrograms(sounds))):
        sampler = skheart.RandomOverSampler(random_state=0)
        drawn, labels = sampler.fit_resample(X, y)
        yield f"RandomOverSampler/{name}/sample_indices_", sampler.sample_indices_
        yield f"RandomOverSampler/{name}/y", labels
        yield f"RandomOverSampler/{name}/last", drawn[-1]
    sampler = skheart.RecordingDropout(n_copies=2)
    _, labels = sampler.fit_resample(sounds.data, y)
    yield "RecordingDropout/sample_indices_", sampler.sample_indices_
    yield "RecordingDropout/y", labels


# ---------------------------------------------------------------------- scores


def drawn_predictions(classes, n=120):
    """Labels, predictions of two models, probabilities and subjects, drawn at random."""
    rng = np.random.default_rng(0)
    subjects = rng.integers(0, 40, n)
    own = rng.integers(0, len(classes), 40)[subjects]
    codes = np.where(rng.random(n) < 0.8, own, rng.integers(0, len(classes), n))
    probabilities = rng.dirichlet(np.ones(len(classes)), n)
    probabilities = (probabilities + np.eye(len(classes))[codes]) / 2
    other = np.where(rng.random(n) < 0.7, codes, rng.integers(0, len(classes), n))
    classes = np.array(classes)
    labels = classes[probabilities.argmax(axis=1)]
    return classes[codes], labels, classes[other], probabilities, subjects


def metrics(sounds):
    found = skheart.metrics
    y, a, b, probabilities, subjects = drawn_predictions(["Absent", "Present", "Unknown"])
    two, two_a, _, two_probabilities, _ = drawn_predictions(["Abnormal", "Normal"])
    yield "uar", found.uar(y, a)
    yield "circor_weighted_accuracy", found.circor_weighted_accuracy(y, a)
    yield "circor_cost", found.circor_cost(two, two_a)
    yield "expected_calibration_error", found.expected_calibration_error(y, probabilities)
    signs = np.where(two == "Abnormal", 1, -1)
    for kind in ("sensitivity", "specificity", "physionet2016_macc"):
        yield kind, getattr(found, kind)(signs, np.where(two_a == "Abnormal", 1, -1))
    yield (
        "sensitivity_at_specificity",
        found.sensitivity_at_specificity(two == "Abnormal", two_probabilities[:, 0]),
    )
    for method in ("percentile", "bca"):
        for name, groups in (("by-subject", subjects), ("by-row", None)):
            options = {"groups": groups, "method": method, "n_resamples": 300, "random_state": 0}
            at = f"{method}/{name}"
            yield f"bootstrap_interval/{at}", found.bootstrap_interval(found.uar, y, a, **options)
            yield f"paired_test/{at}", found.paired_test(found.uar, y, a, b, **options)


def evaluation(sounds):
    from sklearn.linear_model import LogisticRegression

    X = spectrograms(sounds).reshape(len(sounds.target), -1)
    y, groups = sounds.target, sounds.groups
    module = skheart.evaluation
    model = LogisticRegression(C=0.01, max_iter=30)
    with_folds = skheart.evaluate_by_subject(model, X, y, groups, cv=2, random_state=0)
    yield "evaluate_by_subject/fold", with_folds.fold
    yield "evaluate_by_subject/y_pred", with_folds.y_pred
    yield "evaluate_by_subject/y_proba", with_folds.y_proba
    yield "evaluate_by_subject/uar", with_folds.uar
    yield from numbers_of("evaluate_by_subject/to_frame", with_folds.to_frame())
    train, test = module.hold_out_by_subject(y, groups, test_size=0.3, random_state=0)
    yield "hold_out_by_subject/train", train
    yield "hold_out_by_subject/test", test
    y, a, _, probabilities, subjects = drawn_predictions(["Absent", "Present", "Unknown"])
    result = module.evaluate_predictions(y, a, probabilities, groups=subjects, random_state=0)
    yield "evaluate_predictions/uar", result.uar
    scores = module.report(
        result,
        by={"half": np.where(subjects % 2, "odd", "even")},
        metrics=["uar", "roc_auc"],
        n_resamples=200,
        random_state=0,
    )
    yield from numbers_of("report", scores.frame)


def audit(sounds):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    site, y = np.repeat(["a", "b"], 60), np.tile([0, 1], 60)
    X = rng.normal(size=(120, 4)) + y[:, None] + (site == "b")[:, None]
    subjects = np.arange(120) // 2 * 2 + y
    found = skheart.audit.site_audit(LogisticRegression(), X, y, site, subjects, random_state=0)
    yield from numbers_of("site_audit", found.frame)
    yield "site_audit/site_told", found.site_told.uar
    recordings = [*sounds.data[:6], sounds.data[0][2000:], -0.5 * sounds.data[1]]
    shared = skheart.audit.find_shared_audio(recordings)
    yield from numbers_of("find_shared_audio", shared)


SECTIONS = (datasets, audio, features, sampling, metrics, evaluation, audit)
