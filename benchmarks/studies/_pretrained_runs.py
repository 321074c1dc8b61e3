"""Training runs of the pretrained models: recordings, folds and stored results."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._store import (
    default_precision,
    library_versions,
    open_store,
    probability_columns,
    run_in_parallel,
    subject_folds,
    write_atomic,
)

NAME = "circor-murmur"
PHASES_NAME = "circor-phases"
DETAILS = ["age", "sex", "campaign", "systolic_murmur_grading"]


class Recordings(NamedTuple):
    """Recordings of patients.

    Attributes
    ----------
    dataset : {"circor", "generated"}
        Data set.
    X : DataFrame
        One row per recording, as `PatientClassifier` takes it.
    y : ndarray of str
        Label of the patient of each recording.
    patients : DataFrame
        One row per patient ID: label, subject, n_recordings and details ("" if unknown).
    digest : str
        Hash of samples, labels, patient IDs and annotations.
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
    """A fold of a repeated cross-validation, with its training and test rows."""

    repeat: int
    number: int
    train: np.ndarray
    test: np.ndarray

    def file(self, store):
        return Path(store, "predictions", f"{self.repeat}-{self.number}.csv")


def load_recordings(home):
    """Load CirCor from a folder or its subfolder "circor"."""
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
    """Generate recordings with the labels and details of CirCor."""
    import pandas as pd

    from skheart.datasets import make_heart_sounds

    sounds = make_heart_sounds(
        n_subjects, recordings_per_subject=2, duration=4, difficulty=0.3, random_state=seed
    )
    names = {"normal": "Absent", "mild": "Unknown", "severe": "Present"}
    y = np.array([names[label] for label in sounds.target])
    number = np.unique(sounds.groups, return_inverse=True)[1]
    ids = np.array([f"{n:03d}" for n in number])
    X = pd.DataFrame({"recording": list(sounds.data), "patient": ids, "subject": ids})
    grades = np.where(number % 4, "III/VI", "I/VI")
    details = {
        "age": np.where(number % 3, "Child", "Infant"),
        "sex": np.where(number % 2, "Male", "Female"),
        "campaign": "generated",
        "systolic_murmur_grading": np.where(y == "Present", grades, ""),
    }
    contents = (np.ascontiguousarray(samples).tobytes() for samples in sounds.data)
    return _recordings("generated", X, y, X.assign(**details), contents, sounds.segmentation)


def _recordings(dataset, X, y, frame, contents, segmentation):
    y = np.asarray(y).astype(str)
    digest = hashlib.sha256()
    for content, *labels in zip(contents, y, X["patient"], X["subject"], strict=True):
        digest.update(hashlib.sha256(content).digest() + json.dumps(labels).encode())
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
    """List the folds of each repeat of the cross-validation."""
    subjects = data.X["subject"].to_numpy(str)
    return [
        Fold(repeat, number, *rows)
        for repeat in range(repeats)
        for number, rows in enumerate(subject_folds(data.y, subjects, folds, seed + repeat))
    ]


def settings_of(data, make_model, *, folds, seed):
    """Collect everything that decides the predictions of a fold, as JSON values."""
    from skheart.segmentation import HeartPhaseSegmenter

    settings = {"dataset": data.dataset, "recordings": data.digest, "folds": folds, "seed": seed}
    settings["precision"] = default_precision()
    settings |= {f"version of {name}": number for name, number in library_versions().items()}
    for name, value in make_model(random_state=seed).get_params().items():
        if not hasattr(value, "get_params") and not name.endswith(("steps", "memory", "verbose")):
            settings[f"model {name}"] = json.loads(json.dumps(value, default=str))
    if any("__cycle__" in name for name in settings):
        params = HeartPhaseSegmenter(random_state=seed).get_params()
        settings |= {f"segmenter {name}": value for name, value in params.items()}
    return settings


@contextmanager
def one_thread():
    """Use one thread, so that training does not depend on the number of cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare(data, rows, make_model, seed):
    """Create a model to fit on some rows, with a segmenter fitted on them if it needs one."""
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
    """Score the phases of each annotated patient: share found, and mean confidence."""
    import pandas as pd

    from skheart.segmentation import phases_at

    found = []
    for row in rows:
        recording, table = [data.X.iloc[row, 0]], data.segmentation[row]
        if table is None:
            continue
        (probabilities,) = segmenter.predict_proba(recording)
        times = segmenter.front_end_.frame_times_[: len(probabilities)]
        annotated = phases_at(table, times) >= 0
        if annotated.any():
            confidence = probabilities.max(axis=1)[annotated].mean()
            share = segmenter.score(recording, [table])
            found.append((data.X["patient"].iloc[row], share, confidence))
    columns = ["patient", "phases_found", "phases_sure"]
    return pd.DataFrame(found, columns=columns).groupby("patient").mean()


def predict_fold(data, fold, make_model, seed):
    """Train without a fold and predict its patients."""
    start = time.perf_counter()
    with one_thread():
        model, segmenter = prepare(data, fold.train, make_model, seed + fold.repeat)
        model.fit(data.X.iloc[fold.train], data.y[fold.train])
        seconds = time.perf_counter() - start
        found = model.predict_patients(data.X.iloc[fold.test])
        phases = None if segmenter is None else _phases_found(data, fold.test, segmenter)
    frame = data.patients.loc[found.patients].reset_index(names="patient")
    frame.insert(3, "predicted", found.labels)
    frame[probability_columns(model.classes_)] = found.probabilities
    if phases is not None:
        frame[phases.columns] = phases.reindex(found.patients).to_numpy()
    return frame.assign(repeat=fold.repeat, fold=fold.number, training_seconds=round(seconds, 1))


def store_fold(data, fold, store, make_model, seed):
    """Train without a fold and write the predictions of its patients atomically."""
    frame = predict_fold(data, fold, make_model, seed)
    write_atomic(fold.file(store), frame.to_csv(index=False))


def store_model(data, store, make_model, seed, name):
    """Train on everything and write the model and a description of the training."""
    import skheart

    start = time.perf_counter()
    text = make_model(random_state=seed).__repr__(N_CHAR_MAX=10_000)
    with one_thread():
        model, segmenter = prepare(data, np.arange(len(data.y)), make_model, seed)
        model.fit(data.X, data.y)
    seconds = time.perf_counter() - start
    info = {"seconds": round(seconds, 1), "versions": library_versions(), "model": text}
    if segmenter is not None:
        file = Path(store, f"{PHASES_NAME}.safetensors")
        skheart.save(segmenter, file)
        info["segmenter"] = {
            "n_recordings": segmenter.n_recordings_,
            "n_parameters": count_parameters(segmenter.module_),
            "model": repr(segmenter),
            **_describe_file(file),
        }
    file = Path(store, f"{name}.safetensors")
    skheart.save(model, file)
    info |= _count_members(model) | _describe_file(file)
    info["saved_difference"] = _saved_difference(data, model, file)
    write_atomic(Path(store, f"{name}.json"), json.dumps(info, indent=1) + "\n")


def _describe_file(file):
    return {
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


def _count_members(model):
    """Count trees and their nodes, networks and their parameters."""
    members = []
    for member in model.estimators_:
        members += member.estimators_ if hasattr(member, "named_estimators_") else [member]
    classifiers = [member[-1] if hasattr(member, "steps") else member for member in members]
    networks = [clf.net_.module_ for clf in classifiers if hasattr(clf, "net_")]
    forests = [clf for clf in classifiers if not hasattr(clf, "net_")]
    trees = [tree.tree_ for forest in forests for tree in forest.estimators_]
    counts = {}
    if trees:
        counts |= {"n_trees": len(trees), "n_nodes": sum(tree.node_count for tree in trees)}
    if networks:
        n_parameters = sum(map(count_parameters, networks))
        counts |= {"n_nets": len(networks), "n_parameters": n_parameters}
    return counts


def count_parameters(module):
    """Count the learned parameters of a network."""
    return sum(weights.numel() for weights in module.parameters())


def _saved_difference(data, model, file):
    """Largest difference of probabilities after loading the file, for a few patients."""
    import skheart

    rows = data.X["patient"].isin(data.patients.index[:5]).to_numpy()
    one, other = (m.predict_patients(data.X[rows]) for m in (model, skheart.load(file)))
    return float(abs(one.probabilities - other.probabilities).max())


def do_runs(data, store, make_model, *, folds, repeats, seed, jobs=1, verbose=1, name=NAME):
    """Train the folds that are missing, and the model on everything."""
    from joblib import delayed

    open_store(store, settings_of(data, make_model, folds=folds, seed=seed))
    wanted = folds_of(data, folds=folds, repeats=repeats, seed=seed)
    missing = [fold for fold in wanted if not fold.file(store).exists()]
    calls = [delayed(store_fold)(data, fold, store, make_model, seed) for fold in missing]
    files = [Path(store, f"{name}{suffix}") for suffix in (".json", ".safetensors")]
    if not all(file.exists() for file in files):
        calls.append(delayed(store_model)(data, store, make_model, seed, name))
    n_done = len(wanted) + 1 - len(calls)
    run_in_parallel(calls, n_done=n_done, jobs=jobs, verbose=verbose)
    return wanted


def read_fold(fold, data, store):
    """Read the predictions of a fold."""
    import pandas as pd

    file, columns = fold.file(store), probability_columns(data.classes)
    text = dict.fromkeys(("patient", "subject", "label", "predicted", *DETAILS, *columns), str)
    frame = pd.read_csv(file, dtype=text, keep_default_na=False)
    expected = np.unique(data.X["patient"].to_numpy(str)[fold.test])
    valid = (
        {"patient", "label", "predicted", *columns} <= {*frame}
        and frame["patient"].tolist() == expected.tolist()
        and frame["label"].tolist() == data.patients["label"].loc[expected].tolist()
    )
    if not valid:
        raise ValueError(
            f"{file} is damaged or holds other patients. Delete it to compute it again."
        )
    frame[DETAILS] = data.patients.loc[expected, DETAILS].to_numpy()
    return frame.astype(dict.fromkeys(columns, float))  # exact, unlike read_csv


def difference(one, other, classes):
    """Largest difference of the probabilities of two frames, infinite if a label differs."""
    columns = probability_columns(classes)
    if one["predicted"].tolist() != other["predicted"].tolist():
        return np.inf
    return float(np.abs(one[columns].to_numpy() - other[columns].to_numpy()).max())
