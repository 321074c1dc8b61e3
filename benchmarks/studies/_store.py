"""Folders of results that a later run continues: settings, atomic files and parallel runs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path

import numpy as np

LIBRARIES = ("imbalanced-learn", "numpy", "scikit-learn", "skorch", "torch")


def write_atomic(path, content):
    """Write text or bytes to a file that is complete or absent."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if isinstance(content, str):
            content = content.encode(errors="surrogateescape")
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def library_versions():
    """Versions of Python, skheart and the libraries that decide its predictions."""
    import skheart

    versions = {"python": platform.python_version(), "skheart": skheart.__version__}
    return versions | {name: importlib.metadata.version(name) for name in LIBRARIES}


def default_precision(device="auto"):
    """Precision that ``precision="auto"`` trains in here, found by training a tiny network."""
    from skheart import AttentionCNNClassifier

    X = np.random.RandomState(0).normal(size=(8, 32, 8)).astype(np.float32)
    y = np.arange(8) % 2
    auto, exact = (
        AttentionCNNClassifier(
            channels=(8,), max_epochs=2, lr=0.1, precision=precision, device=device, random_state=0
        )
        .fit(X, y)
        .predict_proba(X)
        for precision in ("auto", "float32")
    )
    return "float32" if np.array_equal(auto, exact) else "bfloat16"


def subject_folds(y, subjects, n_folds, seed):
    """Train and test rows of each fold, stratified by class, subjects kept apart."""
    from sklearn.model_selection import StratifiedGroupKFold

    # The seed that `evaluate_by_subject` draws, so that the folds are the same.
    seed = np.random.RandomState(seed).randint(2**31 - 1)
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return list(folds.split(np.zeros(len(y)), y, subjects))


def probability_columns(classes):
    """Names of the columns that hold class probabilities."""
    return [f"p_{label}" for label in classes]


def open_store(store, settings):
    """Create the folder of results, or check that it was created with the same settings."""
    store = Path(store)
    file = store / "settings.json"
    if file.exists():
        stored = json.loads(file.read_text(encoding="utf-8"))
        changed = [
            f"{name}: {stored.get(name)}, now {settings.get(name)}"
            for name in sorted({*stored, *settings})
            if stored.get(name) != settings.get(name)
        ]
        if changed:
            more = [f"and {len(changed) - 5} more"] * (len(changed) > 5)
            raise ValueError(
                f"{store} holds results of other settings ({'; '.join(changed[:5] + more)}). Pass "
                "another folder to --store, or use the stored settings."
            )
        return
    if any((store / "predictions").glob("*.csv")):
        raise ValueError(
            f"{store} holds predictions but no settings.json, so their settings are unknown. Pass "
            "another folder to --store."
        )
    (store / "predictions").mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(settings, indent=1) + "\n")


def run_in_parallel(calls, *, n_done=0, jobs=1, verbose=1):
    """Run delayed calls in single-threaded processes, with a progress bar."""
    from joblib import Parallel, parallel_config
    from tqdm import tqdm

    total = n_done + len(calls)
    with (
        tqdm(total=total, initial=n_done, unit="run", disable=not verbose) as bar,
        parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1),
    ):
        parallel = Parallel(return_as="generator", batch_size=1, pre_dispatch="n_jobs")
        for _ in parallel(calls):
            bar.update()


def markdown_table(header, rows):
    """Format rows of text as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
