"""Claim: trained twice with one seed, a model predicts the same; so does its file.

    python -m benchmarks.studies.pretrained [--small]
    python -m benchmarks.studies.pretrained --data-home FOLDER --store OUT [--recipe best]
        [--jobs N] [--folds 5] [--repeats 1] [--seed 0] [--write skheart/pretrained] [--check]

How the models in skheart/pretrained are made and scored. With --data-home, on the recordings of
CirCor DigiScope in FOLDER (or in its subfolder circor): `make_heart_pipeline` with the recipe
"best" (circor-murmur, and circor-phases, the segmenter in it), "cycles" (circor-murmur-cycles) or
"attention" (circor-murmur-attention) is cross-validated by subject and scored by patient, then
trained on everything; the segmenter too is trained without the subjects of a fold. OUT gets
predictions/*.csv (a file for each fold), table.csv and table.md (scores with 95 % intervals by
subject, by class and by subgroup, beside those published), reliability.png, scores.png, the models
(.safetensors) with what is told of them (circor-murmur.json), their cards (.md), written from these
numbers, and settings.json. --write copies models and cards to a folder.

What is there is not done again: after Ctrl-C the same command goes on. A store of other recordings,
parameters, seeds or versions is refused. --check trains the first fold anew, and compares with what
is stored. Each of the --jobs processes has one thread, whatever the machine, and its own features.

Without --data-home, a small net on generated sounds shows that the claim holds: the largest
difference of the probabilities of two trainings with one seed is 0, and of the model and its file;
another seed gives others.
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
from .explain import SMALL

ENDS = (".safetensors", ".md")
N_SUBJECTS = {True: 24, False: 120}  # generated, by --small


# What a right patient adds to the mean of UAR and weighted accuracy: 1/(3 n) + w/sum(w n), with n
# patients of a class (223, 124, 48) and w = 1, 5, 3; as multiples of Absent's 1, 3.1 and 4.0.
WEIGHTS = {"Absent": 1, "Present": 3, "Unknown": 4}
NAMES = {"best": runs.NAME} | {name: f"{runs.NAME}-{name}" for name in ("cycles", "attention")}


def shipped_model(recipe, random_state):
    """A model that comes with skheart."""
    from skheart import make_heart_pipeline

    model = make_heart_pipeline(recipe=recipe, random_state=random_state)
    return model.set_params(decision_weight=WEIGHTS)


def small_model(random_state):
    """A small one for generated sounds."""
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
    """The options, complete."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.pretrained",
        description="Make the model that comes along.",
    )
    add = parser.add_argument
    add("--data-home", metavar="FOLDER", help="where the recordings of CirCor are")
    add("--store", metavar="OUT", help="folder of predictions, tables, pictures, model and card")
    add(
        "--recipe",
        choices=sorted(MODELS),
        default="best",
        help="best: circor-murmur and circor-phases; cycles, attention: parts of it by themselves: "
        "circor-murmur-cycles, circor-murmur-attention (best)",
    )
    add("--jobs", type=int, default=1, help="folds side by side")
    add("--folds", type=int, help="of the cross-validation by subject (5; of generated sounds 3)")
    add("--repeats", type=int, default=1, help="of the cross-validation, with other seeds")
    add("--seed", type=int, default=0, help="of the folds and the model")
    add("--write", metavar="FOLDER", help="also copy model and card here: skheart/pretrained")
    add("--check", action="store_true", help="train the first fold anew, compare with OUT")
    add("--small", action="store_true", help="fewer generated sounds")
    options = parser.parse_args(arguments)
    if options.data_home is None and (options.check or options.write):
        parser.error("--check and --write need --data-home FOLDER")
    if options.data_home is not None and options.store is None:
        parser.error("--data-home needs --store OUT, where hours of training are kept")
    if options.data_home is not None and options.small:
        parser.error("--small is for generated sounds, without --data-home")
    if options.folds is None:
        options.folds = 5 if options.data_home else 3
    for name, least in (("jobs", 1), ("folds", 2), ("repeats", 1), ("seed", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    options.name = NAMES[options.recipe] if options.data_home else runs.NAME
    options.n_resamples = 2000 if options.data_home else 200
    return options


def make(data, store, options, make_model):
    """Train what is missing; write tables, pictures and card.

    Parameters
    ----------
    data : Recordings
        What to train on.
    store : str or Path
        Folder of all that is written.
    options : Namespace
        As `parse` returns them.
    make_model : callable
        ``make_model(random_state=seed)`` returns a `PatientClassifier`.

    Returns
    -------
    folds : list of Fold
    """
    import matplotlib  # noqa: F401  needed at the end: missing is better told before hours
    import pandas as pd

    from skheart import load
    from skheart._utils.files import open_atomic

    from . import _card, _phases_card
    from . import _pretrained_scores as scores

    store, name = Path(store), options.name
    how = {"folds": options.folds, "seed": options.seed, "jobs": options.jobs, "name": name}
    folds = runs.do_runs(data, store, make_model, repeats=options.repeats, **how)
    frame = pd.concat([runs.read_fold(fold, data, store) for fold in folds], ignore_index=True)
    report = scores.score(frame, data.classes, n_resamples=options.n_resamples)
    bins = scores.reliability(frame, data.classes)
    told = json.loads((store / f"{name}.json").read_text(encoding="utf-8"))
    model = load(store / f"{name}.safetensors")
    weights = dict(zip(model.classes_.tolist(), model.decision_weight_.tolist(), strict=True))
    expected = scores.error_if_calibrated(frame, data.classes)
    call = getattr(make_model, "__name__", "")
    if make_model is MODELS[options.recipe]:
        call = CALL.format(recipe=options.recipe, seed=options.seed, weight=WEIGHTS)
    with open_atomic(store / "table.csv", "w") as stream:
        scores.with_published(report).to_csv(stream, index=False, float_format="%.6g")
    texts = {
        "table.md": _card.table_text(data, report.frame, bins, options),
        f"{name}.md": _card.card(data, report.frame, bins, told, options, call, weights, expected),
    }
    if "segmenter" in told:
        found = scores.score_phases(frame, n_resamples=options.n_resamples)
        texts[f"{runs.PHASES_NAME}.md"] = _phases_card.card(data, found, told, options)
    for name, text in texts.items():
        with open_atomic(store / name, "w") as stream:
            stream.write(text)
    with open_atomic(store / "reliability.png", "wb") as stream:
        scores.draw_reliability(bins, stream)
    with open_atomic(store / "scores.png", "wb") as stream:
        scores.draw_scores(report, stream)
    return folds


def copy(store, folder, name):
    """Copy models and cards to a folder, each complete or not at all."""
    from skheart._utils.files import open_atomic

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (f"{each}{end}" for each in (name, runs.PHASES_NAME) for end in ENDS):
        if Path(store, file).exists():
            with open_atomic(folder / file, "wb") as stream:
                stream.write(Path(store, file).read_bytes())


def check(data, fold, store, make_model, seed):
    """Largest difference of the probabilities of a fold trained anew and those in the store."""
    stored = runs.read_fold(fold, data, store)
    again = runs.predict_fold(data, fold, make_model, seed)
    return runs.difference(stored, again, data.classes)


def check_store(data, store, options, make_model):
    """Train the first fold anew.

    Raises
    ------
    ValueError
        If other settings are in the store, or another prediction.
    """
    if not Path(store, "settings.json").exists():
        raise ValueError(f"{store} has no settings.json of a run before: run without --check.")
    runs.open_store(
        store, runs.settings_of(data, make_model, folds=options.folds, seed=options.seed)
    )
    fold = runs.folds_of(data, folds=options.folds, repeats=1, seed=options.seed)[0]
    if not fold.file(store).exists():
        raise ValueError(f"{store} has no predictions of the first fold: run without --check.")
    found = check(data, fold, store, make_model, options.seed)
    if found != 0:
        where = "in labels" if np.isinf(found) else f"by up to {found:g} in the probabilities"
        raise ValueError(
            f"The first fold, trained anew, differs from what is in {store}: {where}. Is it "
            "another kind of machine?"
        )
    n_patients = len(np.unique(data.X["patient"].to_numpy(str)[fold.test]))
    print(f"first fold, trained anew: the same predictions for {n_patients} patients")


def generated(options, store, make_model):
    """The claims, on generated sounds."""
    data = runs.generate_recordings(N_SUBJECTS[options.small], options.seed)
    fold = make(data, store, options, make_model)[0]
    told = json.loads(Path(store, f"{options.name}.json").read_text(encoding="utf-8"))
    same, other = (check(data, fold, store, make_model, options.seed + k) for k in (0, 1))
    unit, what = "probability", "largest difference of probabilities"
    return [
        Row(f"{what}, trained twice", unit, same, {"another seed": other}, same, 0.0, True),
        Row(f"{what}, model and its file", unit, told["saved_difference"], {},
            told["saved_difference"], 0.0, True),
        Row(f"{what}, another seed", unit, other, {}, other, 1e-6),
    ]  # fmt: skip


def run(small=False, arguments=(), make_model=None):
    """The rows of the table; none of real recordings, of which nothing is claimed."""
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
