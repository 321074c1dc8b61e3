"""The runs of the paper's ablation: recordings, splits, training and stored predictions."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._store import (
    default_precision,
    library_versions,
    probability_columns,
    run_in_parallel,
    subject_folds,
    write_atomic,
)
from .explain import SMALL

MODELS = ("cnn", "lstm", "gru")
ATTENTION = ("sigmoid", "softmax")
PLAIN = {"cnn": ("flatten", "max", "mean"), "lstm": ("last", "max", "mean")}
PLAIN["gru"] = PLAIN["lstm"]
HEADS = ("sigmoid", "softmax", "flatten", "last", "max", "mean")
TRAINING_SETS = ("original", "upsampled")
DATASETS = ("circor", "hss", "physionet2016", "generated")
WITHHELD = ""  # label of recordings whose labels are not published
COMPACT = {"clf__lr": 2e-3, "clf__lr_schedule": "one_cycle"}


class Sounds(NamedTuple):
    """Recordings of a data set and their split.

    Attributes
    ----------
    dataset : str
        One of `DATASETS`.
    data : list of str or of ndarray
        Paths or samples.
    names : list of str
        Names of the recordings in the tables, independent of where the data are stored.
    target : ndarray of str
        Labels, `WITHHELD` where not published.
    groups : ndarray of str
        Subject of each recording.
    subjects : bool
        Whether the subjects are known. If not, `groups` has one subject per recording.
    parts : ndarray of str
        Parts that are scored separately: partitions of HSS, databases of PhysioNet 2016, otherwise
        one part.
    folds : list of (ndarray, ndarray)
        Training and test rows.
    """

    dataset: str
    data: list
    names: list
    target: np.ndarray
    groups: np.ndarray
    subjects: bool
    parts: np.ndarray
    folds: list

    @property
    def classes(self):
        return np.unique(self.target[self.target != WITHHELD])

    @property
    def scored(self):
        """Test rows with a known label."""
        rows = np.sort(np.concatenate([test for _, test in self.folds]))
        return rows[self.target[rows] != WITHHELD]


class Run(NamedTuple):
    """One training: model, head, training set and fold."""

    model: str
    head: str
    training: str
    fold: int

    @property
    def stem(self):
        return "-".join(map(str, self))


def load_sounds(dataset, home=None, *, n_subjects=120, folds="hold-out", seed=0):
    """Load the recordings of a data set and split them by subject.

    `folds` is "hold-out" (a quarter of the recordings) or a number of folds. HSS keeps its
    published partitions and needs "hold-out".
    """
    from skheart import datasets

    parts, groups, known = None, None, dataset != "hss"
    if dataset == "generated":
        bunch = datasets.make_heart_sounds(
            n_subjects, recordings_per_subject=2, duration=4, difficulty=0.3, random_state=seed
        )
        data, names = bunch.data, [f"generated-{i:05d}" for i in range(len(bunch.data))]
        target, groups = bunch.target, bunch.groups
    else:
        home = Path(home)
        home = home / dataset if (home / dataset).is_dir() else home
        if dataset == "hss":
            data, target, parts = _hss(home)
        else:
            bunch = getattr(datasets, f"load_{dataset}")(home)
            data, target, groups = bunch.paths, bunch.target, bunch.groups
            parts = bunch.get("database")
            known = bool(np.all(bunch.frame.get("subject_known", True)))
        names = [Path(os.path.relpath(path, home)).as_posix() for path in data]
    target = np.asarray(target).astype(str)
    if dataset != "hss":
        split = _split(target, groups, folds, seed)
    elif folds == "hold-out":
        split = [(np.flatnonzero(parts == "train"), np.flatnonzero(parts != "train"))]
    else:
        raise ValueError(
            f"--folds {folds} with hss: its subjects are not published, so folds would mix them. "
            "Omit --folds to train on train and score devel and test."
        )
    if parts is None:
        parts = np.full(len(data), "held out" if folds == "hold-out" else "all folds")
    groups = np.asarray(names if groups is None else groups).astype(str)
    return Sounds(dataset, list(data), names, target, groups, known, np.asarray(parts), split)


def _hss(home):
    """Return paths, labels and partitions; the test partition may be absent or unlabelled."""
    from skheart.datasets import load_hss

    bunches = [load_hss(home)]
    if any((home / "wav").glob("test_*")):
        bunches.append(load_hss(home, partition="test"))
    words = np.array(bunches[0].target_names)
    targets = [
        np.full(len(b.paths), WITHHELD) if b.target is None else words[b.target] for b in bunches
    ]
    data = [path for bunch in bunches for path in bunch.paths]
    return data, np.concatenate(targets), np.concatenate([b.partition for b in bunches])


def _split(target, groups, folds, seed):
    from skheart.evaluation import hold_out_by_subject

    if folds == "hold-out":
        return [hold_out_by_subject(target, groups, test_size=0.25, random_state=seed)]
    return subject_folds(target, groups, folds, seed)


def runs_of(sounds, models=MODELS, heads=HEADS):
    """List the runs of some models and heads, slow ones first to keep all cores busy."""
    return [
        Run(model, head, training, fold)
        for model in sorted(models, key=("lstm", "gru", "cnn").index)
        for training in reversed(TRAINING_SETS)
        for head in (*ATTENTION, *PLAIN[model])
        if head in heads
        for fold in range(len(sounds.folds))
    ]


def pipeline_of(run, *, duration, epochs, compact, seed, device="auto"):
    """Create the pipeline of a run, which uses one thread."""
    from skheart import make_heart_pipeline

    pipeline = make_heart_pipeline(run.model, random_state=seed, device=device)
    pipeline.set_params(
        logmel__duration=duration,
        clf__max_epochs=epochs,
        clf__n_threads=1,
        **({**SMALL[run.model], **COMPACT} if compact else {}),
    )
    if run.head in ATTENTION:
        pipeline.set_params(clf__head="attention", clf__rectifier=run.head)
    else:
        pipeline.set_params(clf__head=run.head)
    if run.training == "original":
        pipeline.set_params(ros="passthrough")
    return pipeline


def epochs_of(training, y, epochs, equal_epochs):
    """Return the number of epochs on a training set, and the size of the set.

    Without `equal_epochs` the upsampled set gets fewer epochs, of about as many batches in total as
    the original one.
    """
    counts = np.unique(y, return_counts=True)[1]
    if training == "original":
        return epochs, counts.sum()
    size = counts.max() * len(counts)
    return (epochs if equal_epochs else max(1, round(epochs * counts.sum() / size))), size


def settings_of(sounds, *, folds, equal_epochs, **recipe):
    """Collect everything that decides the predictions of a run, as JSON values."""
    described = (sounds.names, *(a.tolist() for a in (sounds.target, sounds.groups, sounds.parts)))
    digest = hashlib.sha256(json.dumps(described).encode())
    for recording in sounds.data:
        path = isinstance(recording, str)
        digest.update(Path(recording).read_bytes() if path else recording.tobytes())
    device = recipe.get("device", "auto")
    settings = {
        "dataset": sounds.dataset,
        "recordings": digest.hexdigest()[:16],
        "folds": str(folds),
        "equal_epochs": bool(equal_epochs),
        "epochs": recipe["epochs"],
        "seed": recipe["seed"],
        "precision": f"{default_precision(device)} with device {device}",
        **{f"version of {name}": number for name, number in library_versions().items()},
    }
    for model in MODELS:  # all parameters, so that a changed default is noticed
        params = pipeline_of(Run(model, "sigmoid", "upsampled", 0), **recipe).get_params()
        for name, value in params.items():
            if name.startswith(("logmel__", "clf__")):
                settings[f"{model} {name}"] = json.loads(json.dumps(value, default=str))
    return settings


def train_and_predict(run, sounds, file, *, epochs, equal_epochs, **recipe):
    """Train one model and write its predictions atomically."""
    import pandas as pd

    train, test = sounds.folds[run.fold]
    y = sounds.target[train]
    epochs, _ = epochs_of(run.training, y, epochs, equal_epochs)
    pipeline = pipeline_of(run, epochs=epochs, **recipe)
    pipeline.fit([sounds.data[row] for row in train], y)
    probabilities = pipeline.predict_proba([sounds.data[row] for row in test])
    frame = pd.DataFrame(
        {
            "recording": [sounds.names[row] for row in test],
            "subject": sounds.groups[test],
            "part": sounds.parts[test],
            "fold": run.fold,
            "label": sounds.target[test],
            "predicted": pipeline.classes_[probabilities.argmax(axis=1)],
        }
    )
    frame[probability_columns(pipeline.classes_)] = probabilities
    write_atomic(file, frame.to_csv(index=False))


def do_runs(runs, sounds, store, *, jobs=1, verbose=1, **recipe):
    """Execute the runs that have no file yet; finished runs are kept after an interrupt."""
    from joblib import delayed

    files = {run: Path(store, "predictions", f"{run.stem}.csv") for run in runs}
    missing = [run for run in runs if not files[run].exists()]
    calls = [delayed(train_and_predict)(run, sounds, files[run], **recipe) for run in missing]
    run_in_parallel(calls, n_done=len(runs) - len(missing), jobs=jobs, verbose=verbose)


def read_probabilities(run, sounds, store):
    """Read the stored probabilities of a run, one row per test recording; None without a file."""
    import pandas as pd

    file = Path(store, "predictions", f"{run.stem}.csv")
    if not file.exists():
        return None
    _, test = sounds.folds[run.fold]
    columns = probability_columns(sounds.classes)
    text = dict.fromkeys(("recording", "subject", "label"), str)
    frame = pd.read_csv(file, dtype=text, keep_default_na=False)
    expected = [[sounds.names[row] for row in test], [*sounds.target[test]]]
    if (
        not {"recording", "label", *columns} <= {*frame}
        or [[*frame["recording"]], [*frame["label"]]] != expected
    ):
        raise ValueError(
            f"{file} is damaged or holds other recordings. Delete it to compute it again."
        )
    return frame[columns].to_numpy(float)
