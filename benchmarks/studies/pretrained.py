"""Claim: training with the same seed, and saving and loading, reproduce all predictions.

    python -m benchmarks.studies.pretrained [--small]
    python -m benchmarks.studies.pretrained --data-home FOLDER --store OUT [--recipe best]
        [--jobs N] [--folds 5] [--repeats 1] [--seed 0] [--write skheart/pretrained] [--check]

Trains and scores the models in skheart/pretrained. --data-home selects CirCor DigiScope in FOLDER
or its subfolder circor. A recipe of `make_heart_pipeline` is cross-validated by subject, scored by
patient and then trained on everything: "best" (circor-murmur, and its segmenter, circor-phases),
"cycles" (circor-murmur-cycles) or "attention" (circor-murmur-attention). The segmenter is trained
without the subjects of the test fold, too. OUT receives predictions/*.csv (one file per fold),
table.csv and table.md (scores with 95% CIs by subject, class and subgroup, and published scores),
reliability.png, scores.png, the models (.safetensors), a description of the training (.json), the
model cards (.md), written from these numbers, and settings.json. --write copies models and cards to
a folder.

Existing results are not computed again, so the same command continues after Ctrl-C. A store of
other recordings, parameters, seeds or versions is refused. --check trains the first fold again and
compares it with the stored one. Each of the --jobs processes uses one thread.

Without --data-home, the claim is tested with a small network on generated sounds: the largest
difference of the probabilities of two trainings with the same seed, and of a model and its file,
is 0; another seed gives other probabilities.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._measure import Row, main_resumable

from . import _pretrained_runs as runs
from ._store import open_store, write_atomic
from .explain import SMALL

ENDS = (".safetensors", ".md")
N_SUBJECTS = {True: 24, False: 120}  # of generated sounds, with and without --small

# Gain of one more correct patient in the sum of UAR and weighted accuracy: 1/(3 n) + w/sum(w n),
# with n patients of a class (223, 124, 48) and w = 1, 5, 3. Relative to Absent: 1, 3.1 and 4.0.
WEIGHTS = {"Absent": 1, "Present": 3, "Unknown": 4}
NAMES = {"best": runs.NAME} | {name: f"{runs.NAME}-{name}" for name in ("cycles", "attention")}


def shipped_model(recipe, random_state):
    """Create the untrained model of a recipe."""
    from skheart import make_heart_pipeline

    model = make_heart_pipeline(recipe=recipe, random_state=random_state)
    return model.set_params(decision_weight=WEIGHTS)


def small_model(random_state):
    """Create a small untrained model for generated sounds."""
    from skheart import make_heart_pipeline
    from skheart.patients import PatientClassifier

    pipeline = make_heart_pipeline(random_state=random_state).set_params(
        logmel__duration=4.0, clf__max_epochs=8, clf__lr=2e-3, **SMALL["cnn"]
    )
    return PatientClassifier(pipeline, random_state=random_state)


MODELS = {recipe: partial(shipped_model, recipe) for recipe in NAMES}
CALL = (
    'make_heart_pipeline(recipe="{recipe}", random_state={seed})'
    ".set_params(decision_weight={weight})"
)


def parse(arguments=None):
    """Parse the options and fill in their defaults."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.pretrained",
        description="Train and score the pretrained models.",
    )
    add = parser.add_argument
    add("--data-home", metavar="FOLDER", help="folder of CirCor")
    add("--store", metavar="OUT", help="folder for all results")
    add("--recipe", choices=sorted(MODELS), default="best", help="model to train (default: best)")
    add("--jobs", type=int, default=1, help="number of parallel runs")
    add("--folds", type=int, help="folds by subject (default: 5; for generated sounds 3)")
    add("--repeats", type=int, default=1, help="repeats of the cross-validation with other seeds")
    add("--seed", type=int, default=0, help="seed of the folds and the model")
    add("--write", metavar="FOLDER", help="copy models and cards to FOLDER (skheart/pretrained)")
    add("--check", action="store_true", help="train the first fold again and compare it with OUT")
    add("--small", action="store_true", help="fewer generated sounds")
    options = parser.parse_args(arguments)
    if options.data_home is None and (options.check or options.write):
        parser.error("--check and --write need --data-home FOLDER")
    if options.data_home is not None and options.store is None:
        parser.error("--data-home needs --store OUT, to keep hours of training")
    if options.data_home is not None and options.small:
        parser.error("--small applies to generated sounds, without --data-home")
    if options.folds is None:
        options.folds = 5 if options.data_home else 3
    for name, least in (("jobs", 1), ("folds", 2), ("repeats", 1), ("seed", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}. Got {getattr(options, name)}.")
    options.name = NAMES[options.recipe] if options.data_home else runs.NAME
    options.n_resamples = 2000 if options.data_home else 200
    return options


def make(data, store, options, make_model):
    """Train what is missing and write tables, figures and cards."""
    import matplotlib  # noqa: F401  # fail before the training if it is not installed
    import pandas as pd

    from skheart import load

    from . import _card, _phases_card
    from . import _pretrained_scores as scores

    store, name = Path(store), options.name
    how = {"folds": options.folds, "seed": options.seed, "jobs": options.jobs, "name": name}
    folds = runs.do_runs(data, store, make_model, repeats=options.repeats, **how)
    frame = pd.concat([runs.read_fold(fold, data, store) for fold in folds], ignore_index=True)
    report = scores.score(frame, data.classes, n_resamples=options.n_resamples)
    bins = scores.reliability(frame, data.classes)
    info = json.loads((store / f"{name}.json").read_text(encoding="utf-8"))
    model = load(store / f"{name}.safetensors")
    weights = dict(zip(model.classes_.tolist(), model.decision_weight_.tolist(), strict=True))
    expected = scores.error_if_calibrated(frame, data.classes)
    call = getattr(make_model, "__name__", "")
    if make_model is MODELS[options.recipe]:
        call = CALL.format(recipe=options.recipe, seed=options.seed, weight=WEIGHTS)
    texts = {
        "table.csv": scores.with_published(report).to_csv(index=False, float_format="%.6g"),
        "table.md": _card.table_text(data, report.frame, bins, options),
        f"{name}.md": _card.card(data, report.frame, bins, info, options, call, weights, expected),
    }
    if "segmenter" in info:
        found = scores.score_phases(frame, n_resamples=options.n_resamples)
        texts[f"{runs.PHASES_NAME}.md"] = _phases_card.card(data, found, info, options)
    for file, text in texts.items():
        write_atomic(store / file, text)
    scores.draw_reliability(bins, store / "reliability.png")
    scores.draw_scores(report, store / "scores.png")
    return folds


def copy(store, folder, name):
    """Copy models and cards to a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (f"{each}{end}" for each in (name, runs.PHASES_NAME) for end in ENDS):
        if Path(store, file).exists():
            write_atomic(folder / file, Path(store, file).read_bytes())


def check(data, fold, store, make_model, seed):
    """Train a fold again; return its largest difference of probabilities to the store."""
    stored = runs.read_fold(fold, data, store)
    again = runs.predict_fold(data, fold, make_model, seed)
    return runs.difference(stored, again, data.classes)


def check_store(data, store, options, make_model):
    """Train the first fold again and compare it with the store."""
    if not Path(store, "settings.json").exists():
        raise ValueError(f"{store} has no settings.json: run without --check first.")
    settings = runs.settings_of(data, make_model, folds=options.folds, seed=options.seed)
    open_store(store, settings)
    fold = runs.folds_of(data, folds=options.folds, repeats=1, seed=options.seed)[0]
    if not fold.file(store).exists():
        raise ValueError(f"{store} does not hold the first fold: run without --check first.")
    found = check(data, fold, store, make_model, options.seed)
    if found != 0:
        where = "in labels" if np.isinf(found) else f"by up to {found:g} in the probabilities"
        raise ValueError(
            f"The first fold, trained again, differs from {store} {where}. Was it trained on "
            "another kind of machine?"
        )
    n_patients = len(np.unique(data.X["patient"].to_numpy(str)[fold.test]))
    print(f"The first fold, trained again, has the same predictions for {n_patients} patients.")


def generated(options, store, make_model):
    """Return the claims about generated sounds."""
    data = runs.generate_recordings(N_SUBJECTS[options.small], options.seed)
    fold = make(data, store, options, make_model)[0]
    info = json.loads(Path(store, f"{options.name}.json").read_text(encoding="utf-8"))
    same, other = (check(data, fold, store, make_model, options.seed + k) for k in (0, 1))
    unit, what = "probability", "largest difference of probabilities"
    return [
        Row(f"{what}, trained twice", unit, same, {"another seed": other}, same, 0.0, True),
        Row(f"{what}, model and its file", unit, info["saved_difference"], {},
            info["saved_difference"], 0.0, True),
        Row(f"{what}, another seed", unit, other, {}, other, 1e-6),
    ]  # fmt: skip


def run(small=False, arguments=(), make_model=None):
    """Return the claims; none for real recordings."""
    options = parse([*arguments, *["--small"] * (small and "--small" not in arguments)])
    if options.data_home is None:
        with tempfile.TemporaryDirectory() as folder:
            return generated(options, options.store or folder, make_model or small_model)
    make_model = make_model or MODELS[options.recipe]
    data = runs.load_recordings(options.data_home)
    if options.check:
        check_store(data, options.store, options, make_model)
        return []
    make(data, options.store, options, make_model)
    if options.write is not None:
        copy(options.store, options.write, options.name)
    print(Path(options.store, "table.md").read_text(encoding="utf-8"))
    return []


if __name__ == "__main__":
    main_resumable("pretrained", run)
