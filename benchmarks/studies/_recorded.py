"""Record what skheart computes, for `same_numbers.py`, which runs this file once per checkout.

    PYTHONPATH=CHECKOUT python _recorded.py CHECKOUT OUT.npz [--fast] [--data FOLDER]

The checkout may be older than this file, so only public names that have kept their place are used.
A recorded array is called `section/what/detail`. If a section fails, its traceback is printed, and
the arrays after it are missing. What is computed in bfloat16 differs between processors.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import traceback
import warnings
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import _recorded_models as models
import _recorded_sounds as basics
import numpy as np
import pandas as pd
import torch

import skheart

MURMUR_MODELS = ("circor-murmur", "circor-murmur-attention")
SUFFIXES = (".wav", ".flac")
MAX_FILES = 24


def pretrained(sounds):
    """Predictions of the shipped models, from arrays and from files."""
    n = 6 if sounds.fast else len(sounds.data)
    data, groups = sounds.data[:n], sounds.groups[:n]
    for name in MURMUR_MODELS:
        model = skheart.load_pretrained(name)
        yield from models.patient_values(f"{name}/arrays", model, data, groups)
        yield from models.patient_values(f"{name}/files", model, sounds.files[["path", "patient"]])
        model.set_params(level="recording")
        yield f"{name}/level-recording", model.predict_proba(data, groups)
        model.set_params(level="patient")
        explanations = skheart.explain.explain(model, data[:1])
        yield from models.explanation_values(f"{name}/explain", explanations)
    segmenter = skheart.load_pretrained("circor-phases")
    tables = sounds.segmentation[:n]
    yield from models.segmenter_values("circor-phases/arrays", segmenter, data, tables)
    yield from models.segmenter_values("circor-phases/files", segmenter, list(sounds.files["path"]))


def pretrained_on_files(folder):
    """Predictions of the shipped models on the first recordings of a folder."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    paths = paths[:MAX_FILES]
    if not paths:
        raise FileNotFoundError(f"--data {folder} holds no {' or '.join(SUFFIXES)} file.")
    patients = [path.stem.partition("_")[0] for path in paths]
    X = pd.DataFrame({"path": list(map(str, paths)), "patient": patients})
    for name in MURMUR_MODELS:
        yield from models.patient_values(name, skheart.load_pretrained(name), X)
    segmenter = skheart.load_pretrained("circor-phases")
    yield from models.segmenter_values("circor-phases", segmenter, list(X["path"]))


def storage(sounds):
    """Predictions of models that were saved and loaded again."""
    X = basics.spectrograms(sounds)
    common = {"precision": "float32", "max_epochs": 1}
    estimators = {
        "cnn": skheart.AttentionCNNClassifier(**{**models.SMALL_CNN, **common}),
        "gru": skheart.AttentionRNNClassifier(**{**models.SMALL_RNN, **common}, cell="gru"),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        for name, estimator in estimators.items():
            skheart.save(estimator.fit(X, sounds.target), path)
            yield f"{name}/predict_proba", skheart.load(path).predict_proba(X)
        for name in (*MURMUR_MODELS, "circor-phases"):
            skheart.save(skheart.load_pretrained(name), path)
            model = skheart.load(path)
            if name == "circor-phases":
                yield f"{name}/predict_proba", model.predict_proba(sounds.data[:1])[0]
            else:
                yield (
                    f"{name}/probabilities",
                    model.predict_patients(sounds.data[:2], sounds.groups[:2]).probabilities,
                )
        model = models.small_recipe("best").fit(sounds.data, sounds.target, groups=sounds.groups)
        skheart.save(model, path)
        told = skheart.load(path).predict_patients(sounds.data, sounds.groups)
        yield "recipe-best/probabilities", told.probabilities


def run_command(*arguments):
    """Standard output of `skheart`, as a table where it is one."""
    command = [sys.executable, "-m", "skheart", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def command(sounds):
    """What the command line predicts, and what a model that it trained predicts."""
    csv = run_command("predict", "--quiet", "--pretrained", "circor-murmur", *sounds.files["path"])
    table = pd.read_csv(StringIO(csv))
    yield "predict/label", table["label"]
    yield from basics.numbers_of("predict", table)
    with TemporaryDirectory() as folder:
        table, model = Path(folder) / "table.csv", Path(folder) / "model.safetensors"
        sounds.files.to_csv(table, index=False)
        settings = ("logmel__duration=3", "clf__max_epochs=2", "clf__channels=(4,8)")
        run_command(
            *("train", "--quiet", table, "-o", model, "--subject", "patient"),
            *(word for setting in settings for word in ("--set", setting)),
        )
        clf = skheart.load(model)
        yield "train/predict_proba", clf.predict_proba(list(sounds.files["path"]))


def as_array(value):
    """An array that can be stored without pickle: objects become text."""
    array = np.asarray(value)
    return array.astype(str) if array.dtype == object else array


def record(folder, fast, data):
    """Run all sections; return the arrays and the names of the sections that failed."""
    sounds = basics.make_sounds(folder, fast)
    sections = [*basics.SECTIONS, *models.SECTIONS, pretrained, storage]
    if not fast:
        sections.append(command)
    runs = [(section.__name__, section, sounds) for section in sections]
    if data is not None:
        runs.append(("data", pretrained_on_files, data))
    recorded, failed = {}, []
    for name, section, argument in runs:
        start = time.perf_counter()
        try:
            for what, value in section(argument):
                recorded[f"{name}/{what}"] = as_array(value)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(f"{name:15} {time.perf_counter() - start:5.1f} s", file=sys.stderr, flush=True)
    return recorded, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("out")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--data")
    options = parser.parse_args()
    used = Path(skheart.__file__).resolve()
    if not used.is_relative_to(options.checkout.resolve()):
        sys.exit(f"skheart was imported from {used}, not from {options.checkout}.")
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder:
        recorded, failed = record(Path(folder), options.fast, options.data)
    np.savez(options.out, **recorded)
    hardware = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    print(f"bfloat16 in hardware: {'yes' if hardware else 'no'}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
