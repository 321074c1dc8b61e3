"""The runs of the paper's ablation: what is trained on what, and the files that are left of it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .explain import SMALL

MODELS = ("cnn", "lstm", "gru")
ATTENTION = ("sigmoid", "softmax")
PLAIN = {"cnn": ("flatten", "max", "mean"), "lstm": ("last", "max", "mean")}
PLAIN["gru"] = PLAIN["lstm"]
HEADS = ("sigmoid", "softmax", "flatten", "last", "max", "mean")
TRAINING_SETS = ("original", "upsampled")
DATASETS = ("circor", "hss", "physionet2016", "generated")
WITHHELD = ""  # the label of a recording whose label is not given out
COMPACT = {"clf__lr": 2e-3, "clf__lr_schedule": "one_cycle"}


class Sounds(NamedTuple):
    """Recordings, and which are trained on and scored.

    Attributes
    ----------
    dataset : str
        One of `DATASETS`.
    data : list of str or of ndarray
        Paths, or the recordings.
    names : list of str
        What the recordings are called in the tables, wherever the data lie.
    target : ndarray of str
        Labels; `WITHHELD` where there is none.
    groups : ndarray of str
        The subject of each recording.
    subjects : bool
        Whether the subjects are known; if not, `groups` has one for each recording.
    parts : ndarray of str
        What is scored apart: partitions of HSS, databases of PhysioNet 2016, else one for all.
    folds : list of (ndarray, ndarray)
        Rows to train on and to predict.
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
        """Rows that are predicted once and whose label is known."""
        rows = np.sort(np.concatenate([test for _, test in self.folds]))
        return rows[self.target[rows] != WITHHELD]


class Run(NamedTuple):
    """One training: a net with its head, on a training set, in a fold."""

    model: str
    head: str
    training: str
    fold: int

    @property
    def stem(self):
        return "-".join(map(str, self))


def load_sounds(dataset, home=None, *, n_subjects=120, folds="hold-out", seed=0):
    """The recordings of a dataset, split by subject or as published.

    `folds` is "hold-out" (a quarter of the recordings) or a number of folds; HSS has its own
    partitions, for which it must be "hold-out".
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
    if dataset == "hss":
        if folds != "hold-out":
            raise ValueError(
                f"--folds {folds} with hss: its subjects are not published, so that folds would "
                "mix them. Leave --folds out: train is trained on, devel and test are scored."
            )
        split = [(np.flatnonzero(parts == "train"), np.flatnonzero(parts != "train"))]
    else:
        split = _split(target, groups, folds, seed)
    if parts is None:
        parts = np.full(len(data), "held out" if folds == "hold-out" else "all folds")
    groups = np.asarray(names if groups is None else groups).astype(str)
    return Sounds(dataset, list(data), names, target, groups, known, np.asarray(parts), split)


def _hss(home):
    """Paths, labels in words, and partitions; the test partition may be absent or withheld."""
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
    from skheart._utils.splits import subject_folds
    from skheart.evaluation import hold_out_by_subject

    if folds == "hold-out":
        return [hold_out_by_subject(target, groups, test_size=0.25, random_state=seed)]
    return subject_folds(target, groups, folds, np.random.RandomState(seed))


def runs_of(sounds, models=MODELS, heads=HEADS):
    """Every run that is asked for, the long ones first, so that no core idles at the end."""
    return [
        Run(model, head, training, fold)
        for model in sorted(models, key=("lstm", "gru", "cnn").index)
        for training in reversed(TRAINING_SETS)
        for head in (*ATTENTION, *PLAIN[model])
        if head in heads
        for fold in range(len(sounds.folds))
    ]


def pipeline_of(run, *, duration, epochs, compact, seed, device="auto"):
    """The recipe of the paper with the head and the training set of a run, on one thread."""
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
    """Epochs on a training set, and its size.

    The upsampled set gets as many epochs, or as few as hold about as many recordings.
    """
    counts = np.unique(y, return_counts=True)[1]
    if training == "original":
        return epochs, counts.sum()
    size = counts.max() * len(counts)
    return (epochs if equal_epochs else max(1, round(epochs * counts.sum() / size))), size


def training_type(device):
    """In what nets are trained here with ``precision="auto"``, and on what."""
    from skheart.nets import resolve_device
    from skheart.nets._device import uses_bfloat16

    device = resolve_device(device)
    return f"{'bfloat16' if uses_bfloat16('auto', device) else 'float32'} on {device.type}"


def settings_of(sounds, *, folds, equal_epochs, **recipe):
    """All that decides the predictions of a run beside its name, as plain values."""
    from skheart.storage import _versions

    told = (sounds.names, *(a.tolist() for a in (sounds.target, sounds.groups, sounds.parts)))
    digest = hashlib.sha256(json.dumps(told).encode())
    for recording in sounds.data:
        path = isinstance(recording, str)
        digest.update(Path(recording).read_bytes() if path else recording.tobytes())
    settings = {
        "dataset": sounds.dataset,
        "recordings": digest.hexdigest()[:16],
        "folds": str(folds),
        "equal_epochs": bool(equal_epochs),
        "epochs": recipe["epochs"],
        "seed": recipe["seed"],
        "training in": training_type(recipe.get("device", "auto")),
        **{f"version of {name}": number for name, number in _versions().items()},
    }
    for model in MODELS:  # every parameter, so that a changed default is noticed
        made = pipeline_of(Run(model, "sigmoid", "upsampled", 0), **recipe).get_params()
        for name, value in made.items():
            if name.startswith(("logmel__", "clf__")):
                settings[f"{model} {name}"] = json.loads(json.dumps(value, default=str))
    return settings


def open_store(store, settings):
    """Make the store, or find that it was made with the same settings.

    Raises
    ------
    ValueError
        If it holds predictions of other settings; nothing is changed then.
    """
    from skheart._utils.files import open_atomic

    store = Path(store)
    file = store / "settings.json"
    if file.exists():
        before = json.loads(file.read_text(encoding="utf-8"))
        names = sorted({*before, *settings})
        other = [name for name in names if before.get(name) != settings.get(name)]
        if other:
            told = [f"{name}: {before.get(name)}, now {settings.get(name)}" for name in other[:5]]
            told += [f"and {len(other) - 5} more"] * (len(other) > 5)
            raise ValueError(
                f"{store} holds runs of other settings ({'; '.join(told)}). Give --store another "
                "folder, or the settings of before."
            )
        return
    if any((store / "predictions").glob("*.csv")):
        raise ValueError(
            f"{store} holds predictions, but no settings.json that tells of what settings they "
            "are. Give --store another folder."
        )
    (store / "predictions").mkdir(parents=True, exist_ok=True)
    with open_atomic(file, "w") as stream:
        stream.write(json.dumps(settings, indent=1) + "\n")


def train_and_predict(run, sounds, file, *, epochs, equal_epochs, **recipe):
    """Do a run and write its predictions: a complete file or none."""
    import pandas as pd

    from skheart._utils.files import open_atomic
    from skheart.evaluation import probability_columns
    from skheart.evaluation._predict import predict_with_probabilities

    train, test = sounds.folds[run.fold]
    y = sounds.target[train]
    epochs, _ = epochs_of(run.training, y, epochs, equal_epochs)
    pipeline = pipeline_of(run, epochs=epochs, **recipe)
    pipeline.fit([sounds.data[row] for row in train], y)
    labels, probabilities = predict_with_probabilities(pipeline, [sounds.data[r] for r in test])
    frame = pd.DataFrame(
        {
            "recording": [sounds.names[row] for row in test],
            "subject": sounds.groups[test],
            "part": sounds.parts[test],
            "fold": run.fold,
            "label": sounds.target[test],
            "predicted": labels,
        }
    )
    frame[probability_columns(pipeline.classes_)] = probabilities
    with open_atomic(file, "w") as stream:
        frame.to_csv(stream, index=False)


def do_runs(runs, sounds, store, *, jobs=1, verbose=1, **recipe):
    """Do the runs whose file is not there, side by side; what ends is kept, whatever follows."""
    from joblib import delayed

    files = {run: Path(store, "predictions", f"{run.stem}.csv") for run in runs}
    missing = [run for run in runs if not files[run].exists()]
    calls = [delayed(train_and_predict)(run, sounds, files[run], **recipe) for run in missing]
    side_by_side(calls, n_done=len(runs) - len(missing), jobs=jobs, verbose=verbose)


def side_by_side(calls, *, n_done=0, jobs=1, verbose=1):
    """Make delayed calls in processes of one thread each, with a bar for those made."""
    from joblib import Parallel, parallel_config
    from tqdm import tqdm

    total = n_done + len(calls)
    with (
        tqdm(total=total, initial=n_done, unit="run", disable=not verbose) as bar,
        parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1),
    ):
        in_turn = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
        for _ in in_turn(calls):
            bar.update()


def read_probabilities(run, sounds, store):
    """Probabilities that a run wrote, one row per recording of its fold; None without a file."""
    import pandas as pd

    from skheart.evaluation import probability_columns

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
        raise ValueError(f"{file} is not of these recordings or damaged: delete it, to do it anew.")
    return frame[columns].to_numpy(float)
