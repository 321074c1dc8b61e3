"""Compare the numbers that two checkouts of skheart compute on this machine.

    python benchmarks/studies/same_numbers.py OLD NEW [--fast] [--data FOLDER] [--all]

Predictions of the shipped models and features, logits, maps, indices and scores of small fitted
models, on generated sounds, are recorded with each checkout in a process of its own, side by side
and with one torch thread. `--data` adds predictions on the first recordings of a folder. Arrays
must be identical to the bit unless `TOLERANCES` allows a difference. Exit status 1 if one differs
by more, is missing or has another shape, or if a recording step failed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

RECORDER = Path(__file__).with_name("_recorded.py")

# Pattern of names (as in fnmatch) -> largest absolute difference allowed, and why. The first
# pattern that matches counts. Whatever is not listed must be identical to the bit.
# These allow what has been replaced since commit f13fa4e.
DRAWS = "scipy.stats.bootstrap draws other resamples"
ORDER = "trained on features with other last bits: rows are ordered by a hash of their content"
ROUNDING = "sums in another order: kernels were removed or replaced, attention is in log space"
BFLOAT16 = "autocast of torch in place of recurrent kernels, other roundings to 8 bits"
TOLERANCES: dict[str, tuple[float, str]] = {
    "audit/site_audit/*": (0.02, DRAWS),
    "evaluation/*/uar": (0.02, DRAWS),
    "evaluation/report/*": (0.02, DRAWS),
    "metrics/*/bca/*": (0.02, DRAWS),
    "metrics/*/percentile/*": (0.02, DRAWS),
    "segmentation/fitted/*/predict_proba": (0.25, "trained by skorch: other crops and batches"),
    "segmentation/fitted/score": (0.05, "trained by skorch: other crops and batches"),
    "features/*": (3e-6, "another mel kernel; float32 features of up to 4 in magnitude"),
    "trees/*": (3e-6, "features of the cycle: " + ROUNDING),
    "pretrained/*": (1e-6, ROUNDING),
    "data/*": (1e-6, ROUNDING),
    "storage/recipe-*": (np.inf, ORDER),
    "command/train/*": (np.inf, ORDER),
    "storage/*": (1e-6, ROUNDING),
    "command/*": (1e-4, ROUNDING + "; written with 4 decimals"),
    "explain/*": (np.inf, ORDER),
    "patients/*": (np.inf, ORDER),
    "nets/*": (5e-5, ROUNDING),
    "augmentation/*": (5e-5, ROUNDING),
    "classifiers/*-default/*": (0.1, BFLOAT16),
    "classifiers/cnn-wide-bfloat16/train_loss": (0.1, BFLOAT16),
    "classifiers/cnn-wide-bfloat16/*": (
        np.inf,
        BFLOAT16 + "; the learning rate is too high for it",
    ),
    "classifiers/*bfloat16/*": (0.1, BFLOAT16),
    "classifiers/cnn-wide/*": (0.02, ROUNDING + "; three epochs amplify it"),
    "classifiers/cnn-two-threads/*": (0.02, ROUNDING + "; three epochs amplify it"),
    "classifiers/cnn-flatten/*": (0.001, ROUNDING),
    "classifiers/*": (1e-4, ROUNDING),
}


def allowed_difference(name, tolerances):
    """Largest absolute difference that a table of tolerances allows for an array."""
    found = (limit for pattern, (limit, _) in tolerances.items() if fnmatchcase(name, pattern))
    return next(found, 0.0)


def difference(old, new):
    """Largest absolute difference; infinite for texts, or where only one value is NaN."""
    if old.dtype.kind in "SU" or new.dtype.kind in "SU":
        return 0.0 if np.array_equal(old, new) else np.inf
    old, new = old.astype(float), new.astype(float)
    same = (old == new) | (np.isnan(old) & np.isnan(new))
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0.0, np.abs(old - new))
    return float(np.nan_to_num(gaps, nan=np.inf, posinf=np.inf).max(initial=0.0))


def identical(old, new):
    """Whether two arrays of one shape have the same type and the same bits."""
    if old.dtype.kind == new.dtype.kind == "U":
        return np.array_equal(old, new)
    return old.dtype == new.dtype and old.tobytes() == new.tobytes()


def compare(old, new, tolerances=TOLERANCES):
    """Compare recorded arrays name by name.

    Parameters
    ----------
    old, new : dict of str to ndarray
        What two checkouts computed.
    tolerances : dict of str to (float, str)
        As `TOLERANCES`.

    Returns
    -------
    DataFrame
        One row per name, sorted: `name`, `equal` (to the bit), `difference` (largest absolute one,
        NaN if the arrays cannot be compared), `allowed`, `ok`, and `note` (what else changed).
    """
    rows = []
    for name in sorted({*old, *new}):
        allowed = allowed_difference(name, tolerances)
        equal, gap, note = False, np.nan, ""
        if name not in new or name not in old:
            note = f"missing in {'new' if name in old else 'old'}"
        elif old[name].shape != new[name].shape:
            note = f"shape {old[name].shape} -> {new[name].shape}"
        else:
            equal, gap = identical(old[name], new[name]), difference(old[name], new[name])
            if old[name].dtype.kind != "U" and old[name].dtype != new[name].dtype:
                note = f"dtype {old[name].dtype} -> {new[name].dtype}"
        ok = equal or bool(allowed > 0 and gap <= allowed)
        rows.append((name, equal, gap, allowed, ok, note))
    return pd.DataFrame(rows, columns=["name", "equal", "difference", "allowed", "ok", "note"])


def summarise(table):
    """Number of arrays of each section: all, identical, within and beyond what is allowed."""
    sections = table["name"].str.partition("/")[0].rename("section")
    counts = pd.DataFrame(
        {
            "arrays": 1,
            "identical": table["equal"],
            "within tolerance": table["ok"] & ~table["equal"],
            "beyond": ~table["ok"],
        }
    )
    return counts.groupby(sections).sum()


def start_recording(checkout, folder, arguments):
    """Start a process that records the numbers of a checkout to `arrays.npz` in a folder.

    It uses a copy of the package, in which nothing is compiled yet: numba's cache does not notice
    when a function that was inlined from another file has changed.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(checkout / "skheart", folder / "skheart", ignore=ignored)
    env = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(RECORDER), str(folder), "arrays.npz", *arguments]
    return subprocess.Popen(command, cwd=folder, env=env)


def main(arguments=None):
    """Record with both checkouts, print what differs, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, metavar="OLD", help="a checkout of the repository")
    parser.add_argument("new", type=Path, metavar="NEW", help="another one")
    parser.add_argument("--fast", action="store_true", help="fewer cases")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="recordings to predict, too")
    parser.add_argument("--all", action="store_true", help="list arrays that are identical, too")
    options = parser.parse_args(arguments)
    checkouts = {"old": options.old.resolve(), "new": options.new.resolve()}
    for checkout in checkouts.values():
        if not (checkout / "skheart" / "__init__.py").is_file():
            parser.error(f"{checkout} is no checkout of skheart: it has no skheart/__init__.py")
    extra = ["--fast"] * options.fast
    if options.data is not None:
        extra += ["--data", str(options.data.resolve())]
    with TemporaryDirectory() as name:
        folder = Path(name)
        runs = [start_recording(path, folder / key, extra) for key, path in checkouts.items()]
        statuses = {key: run.wait() for key, run in zip(checkouts, runs, strict=True)}
        files = [folder / key / "arrays.npz" for key in checkouts]
        old, new = (dict(np.load(file)) if file.exists() else {} for file in files)
    table = compare(old, new)
    shown = table if options.all else table[~table["equal"]]
    if len(shown):
        print(shown.to_string(index=False, float_format="{:.3g}".format), end="\n\n")
    print(summarise(table).to_string())
    failed = [checkouts[key] for key, status in statuses.items() if status]
    for checkout in failed:
        print(f"Recording {checkout} failed: see the traceback above.")
    n_beyond = int((~table["ok"]).sum())
    print(f"{len(table)} arrays, {int(table['equal'].sum())} identical, {n_beyond} beyond")
    return int(n_beyond > 0 or bool(failed))


if __name__ == "__main__":
    sys.exit(main())
