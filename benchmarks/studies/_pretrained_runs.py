"""The runs behind the model that comes with skheart: its recordings, its folds, and their files."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._paper_runs import open_store, side_by_side, training_type

NAME = "circor-murmur"
PHASES_NAME = "circor-phases"
DETAILS = ["age", "sex", "campaign", "systolic_murmur_grading"]


class Recordings(NamedTuple):
    """Recordings of patients.

    Attributes
    ----------
    dataset : {"circor", "generated"}
        What they are.
    X : DataFrame
        A row for each recording, as `PatientClassifier` takes it.
    y : ndarray of str
        Label of the patient of each.
    patients : DataFrame
        A row for each patient, by number: label, subject, n_recordings, and what is known
        otherwise ("" where nothing is).
    digest : str
        Of the samples, the labels, and who is who.
    segmentation : list of (DataFrame or None)
        Annotated phases of each recording.
    """

    dataset: str
    X: object
    y: np.ndarray
    patients: object
    digest: str
    segmentation: list

    @property
    def classes(self):
        return np.unique(self.y)


class Fold(NamedTuple):
    """A fold of a cross-validation, and rows to train on and to predict."""

    repeat: int
    number: int
    train: np.ndarray
    test: np.ndarray

    def file(self, store):
        return Path(store, "predictions", f"{self.repeat}-{self.number}.csv")


def load_recordings(home):
    """Those of CirCor in a folder, or in its subfolder "circor"."""
    from skheart.datasets import load_circor

    home = Path(home)
    bunch = load_circor(home / "circor" if (home / "circor").is_dir() else home)
    frame = bunch.frame.assign(subject=bunch.groups, patient=bunch.frame["patient_id"])
    if "pregnancy_status" in frame:
        pregnant = frame["age"].isna() & (frame["pregnancy_status"].astype(str) == "True")
        frame["age"] = frame["age"].mask(pregnant, "pregnant, no age")
    X = frame[["path", "patient", "subject", "site"]]
    contents = (Path(path).read_bytes() for path in bunch.paths)
    return _recordings("circor", X, bunch.target, frame, contents, bunch.segmentation)


def generate_recordings(n_subjects, seed):
    """Generated ones, whose labels and details are called as those of CirCor."""
    import pandas as pd

    from skheart.datasets import make_heart_sounds

    sounds = make_heart_sounds(
        n_subjects, recordings_per_subject=2, duration=4, difficulty=0.3, random_state=seed
    )
    names = {"normal": "Absent", "mild": "Unknown", "severe": "Present"}
    y = np.array([names[label] for label in sounds.target])
    who = np.unique(sounds.groups, return_inverse=True)[1]
    text = np.array([f"{number:03d}" for number in who])
    X = pd.DataFrame({"recording": list(sounds.data), "patient": text, "subject": text})
    details = {
        "age": np.where(who % 3, "Child", "Infant"),
        "sex": np.where(who % 2, "Male", "Female"),
        "campaign": "generated",
        "systolic_murmur_grading": np.where(
            y == "Present", np.where(who % 4, "III/VI", "I/VI"), ""
        ),
    }
    contents = (np.ascontiguousarray(samples).tobytes() for samples in sounds.data)
    return _recordings("generated", X, y, X.assign(**details), contents, sounds.segmentation)


def _recordings(dataset, X, y, frame, contents, segmentation):
    y = np.asarray(y).astype(str)
    digest = hashlib.sha256()
    for content, *who in zip(contents, y, X["patient"], X["subject"], strict=True):
        digest.update(hashlib.sha256(content).digest() + json.dumps(who).encode())
    for table in segmentation:
        text = "none" if table is None else table[["start", "end", "state"]].to_csv()
        digest.update(hashlib.sha256(text.encode()).digest())
    frame = frame.assign(
        label=y, n_recordings=frame.groupby("patient")["patient"].transform("size")
    )
    known = [name for name in DETAILS if name in frame]
    patients = frame.drop_duplicates("patient").set_index("patient")
    patients = patients[["subject", "label", "n_recordings", *known]].fillna(
        dict.fromkeys(known, "")
    )
    for name in DETAILS:
        patients[name] = patients.get(name, "")
    X = X.reset_index(drop=True)
    return Recordings(dataset, X, y, patients, digest.hexdigest()[:16], segmentation)


def folds_of(data, *, folds, repeats, seed):
    """The folds of each repeat, by subject."""
    from skheart._utils.splits import subject_folds

    subjects = data.X["subject"].to_numpy(str)
    return [
        Fold(repeat, number, *rows)
        for repeat in range(repeats)
        for number, rows in enumerate(
            subject_folds(data.y, subjects, folds, np.random.RandomState(seed + repeat))
        )
    ]


def settings_of(data, make_model, *, folds, seed):
    """All that decides the predictions of a fold beside its name, as plain values."""
    from skheart.segmentation import HeartPhaseSegmenter
    from skheart.storage import _versions

    settings = {"dataset": data.dataset, "recordings": data.digest, "folds": folds, "seed": seed}
    settings["training in"] = training_type("auto")
    settings |= {f"version of {name}": number for name, number in _versions().items()}
    for name, value in make_model(random_state=seed).get_params().items():
        if not hasattr(value, "get_params") and not name.endswith(("steps", "memory", "verbose")):
            settings[f"model {name}"] = json.loads(json.dumps(value, default=str))
    if any("__cycle__" in name for name in settings):
        params = HeartPhaseSegmenter(random_state=seed).get_params()
        settings |= {f"segmenter {name}": value for name, value in params.items()}
    return settings


@contextmanager
def one_thread():
    """One thread, so that a training does not depend on how many the machine has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare(data, rows, make_model, seed):
    """A model to be fitted on rows; one of heart cycles gets a segmenter that was fitted on them.

    Returns
    -------
    model : PatientClassifier
    segmenter : HeartPhaseSegmenter or None
    """
    from sklearn.frozen import FrozenEstimator

    from skheart.segmentation import HeartPhaseSegmenter

    model = make_model(random_state=seed)
    places = [name for name in model.get_params() if name.endswith("__cycle__segmenter")]
    if not places:
        return model, None
    recordings = data.X.iloc[rows, 0].tolist()
    annotated = [data.segmentation[row] for row in rows]
    segmenter = HeartPhaseSegmenter(random_state=seed).fit(recordings, annotated)
    return model.set_params(**dict.fromkeys(places, FrozenEstimator(segmenter))), segmenter


def _phases_found(data, rows, segmenter):
    """For each patient with annotations, how many of the frames are right, and seem so."""
    import pandas as pd

    from skheart.segmentation import phases_at

    found = []
    for row in rows:
        if data.segmentation[row] is None:
            continue
        seen = segmenter.score_frames(data.X.iloc[row, 0], row)
        true = phases_at(data.segmentation[row], segmenter.front_end_.frame_times_)
        true = true[: len(seen.log_mel)]
        known = true >= 0
        if known.any():
            right = (segmenter.decode(seen.probabilities) == true)[known].mean()
            sure = seen.probabilities.max(axis=0)[known].mean()
            found.append((data.X["patient"].iloc[row], right, sure))
    columns = ["patient", "phases_found", "phases_sure"]
    return pd.DataFrame(found, columns=columns).groupby("patient").mean()


def predict_fold(data, fold, make_model, seed):
    """Train without a fold, and predict its patients.

    Returns
    -------
    frame : DataFrame
        A row for each patient.
    """
    from skheart.evaluation import probability_columns

    start = time.perf_counter()
    with one_thread():
        model, segmenter = prepare(data, fold.train, make_model, seed + fold.repeat)
        model.fit(data.X.iloc[fold.train], data.y[fold.train])
        seconds = time.perf_counter() - start
        found = model.predict_patients(data.X.iloc[fold.test])
        phases = None if segmenter is None else _phases_found(data, fold.test, segmenter)
    frame = data.patients.loc[found.patients].reset_index(names="patient")
    frame.insert(3, "predicted", found.labels)
    for name, column in zip(
        probability_columns(model.classes_), found.probabilities.T, strict=True
    ):
        frame[name] = column
    if phases is not None:
        frame[phases.columns] = phases.reindex(found.patients).to_numpy()
    return frame.assign(repeat=fold.repeat, fold=fold.number, training_seconds=round(seconds, 1))


def store_fold(data, fold, store, make_model, seed):
    """Write the predictions of a fold: a complete file or none."""
    from skheart._utils.files import open_atomic

    frame = predict_fold(data, fold, make_model, seed)
    with open_atomic(fold.file(store), "w") as stream:
        frame.to_csv(stream, index=False)


def store_model(data, store, make_model, seed, name):
    """Train on everything; write the model, and what is to be told of it."""
    import skheart
    from skheart._utils.files import open_atomic
    from skheart.storage import _versions

    start = time.perf_counter()
    text = make_model(random_state=seed).__repr__(N_CHAR_MAX=10_000)
    with one_thread():
        model, segmenter = prepare(data, np.arange(len(data.y)), make_model, seed)
        model.fit(data.X, data.y)
    seconds = time.perf_counter() - start
    told = {"seconds": round(seconds, 1), "versions": _versions(), "model": text}
    if segmenter is not None:
        file = Path(store, f"{PHASES_NAME}.safetensors")
        skheart.save(segmenter, file)
        told["segmenter"] = {
            "n_recordings": segmenter.n_recordings_,
            "n_parameters": _size(segmenter.module_),
            "model": repr(segmenter),
            **_of_file(file),
        }
    file = Path(store, f"{name}.safetensors")
    skheart.save(model, file)
    told |= _sizes(model) | _of_file(file)
    told["saved_difference"] = _saved_difference(data, model, file)
    with open_atomic(Path(store, f"{name}.json"), "w") as stream:
        stream.write(json.dumps(told, indent=1) + "\n")


def _of_file(file):
    return {
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def _sizes(model):
    """How many nets and numbers, trees and nodes."""
    parts = []
    for member in getattr(model, "estimators_", [model]):
        parts += member.estimators_ if hasattr(member, "named_estimators_") else [member]
    found = [part[-1] if hasattr(part, "steps") else part for part in parts]
    nets = [clf.net_.module_ for clf in found if hasattr(clf, "net_")]
    trees = [tree.tree_ for clf in found if not hasattr(clf, "net_") for tree in clf.estimators_]
    sizes = {}
    if trees:
        sizes |= {"n_trees": len(trees), "n_nodes": sum(tree.node_count for tree in trees)}
    if nets:
        sizes |= {"n_nets": len(nets), "n_parameters": sum(map(_size, nets))}
    return sizes


def _size(module):
    """How many numbers a net has learnt."""
    return sum(weights.numel() for weights in module.parameters())


def _saved_difference(data, model, file):
    """Largest difference of probabilities once the file was read, for a few patients."""
    import skheart

    rows = data.X["patient"].isin(data.patients.index[:5]).to_numpy()
    one, other = (m.predict_patients(data.X[rows]) for m in (model, skheart.load(file)))
    return float(abs(one.probabilities - other.probabilities).max())


def do_runs(data, store, make_model, *, folds, repeats, seed, jobs=1, verbose=1, name=NAME):
    """Train what is missing: the folds, and the model on everything.

    Raises
    ------
    ValueError
        If the store holds runs of other settings; nothing is changed then.
    """
    from joblib import delayed

    open_store(store, settings_of(data, make_model, folds=folds, seed=seed))
    asked = folds_of(data, folds=folds, repeats=repeats, seed=seed)
    missing = [fold for fold in asked if not fold.file(store).exists()]
    calls = [delayed(store_fold)(data, fold, store, make_model, seed) for fold in missing]
    files = [Path(store, f"{name}{suffix}") for suffix in (".json", ".safetensors")]
    if not all(file.exists() for file in files):
        calls.append(delayed(store_model)(data, store, make_model, seed, name))
    n_done = len(asked) + 1 - len(calls)
    side_by_side(calls, n_done=n_done, jobs=jobs, verbose=verbose)
    return asked


def read_fold(fold, data, store):
    """What `store_fold` wrote.

    Raises
    ------
    ValueError
        If the file is of other patients, or damaged.
    """
    import pandas as pd

    from skheart.evaluation import probability_columns

    file, columns = fold.file(store), probability_columns(data.classes)
    text = dict.fromkeys(("patient", "subject", "label", "predicted", *DETAILS, *columns), str)
    frame = pd.read_csv(file, dtype=text, keep_default_na=False)
    expected = np.unique(data.X["patient"].to_numpy(str)[fold.test])
    whole = {"patient", "label", "predicted", *columns} <= {*frame}
    if not whole or frame["patient"].tolist() != expected.tolist() or (
        frame["label"].tolist() != data.patients["label"].loc[expected].tolist()
    ):  # fmt: skip
        raise ValueError(f"{file} is not of these patients or damaged: delete it, to do it anew.")
    frame[DETAILS] = data.patients.loc[expected, DETAILS].to_numpy()
    return frame.astype(dict.fromkeys(columns, float))  # to the last bit, as read_csv is not


def difference(one, other, classes):
    """Largest difference of the probabilities of two frames; infinite if a label differs."""
    from skheart.evaluation import probability_columns

    columns = probability_columns(classes)
    if one["predicted"].tolist() != other["predicted"].tolist():
        return np.inf
    return float(np.abs(one[columns].to_numpy() - other[columns].to_numpy()).max())
