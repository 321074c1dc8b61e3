"""Claim: CNN, LSTM and GRU with attention classify generated sounds of held-out subjects.

    python -m benchmarks.studies.paper [--small] [--store OUT] [--jobs N]
    python -m benchmarks.studies.paper --data-home FOLDER --store OUT [--dataset NAME]
        [--small | --full]

The paper's ablation in one command. It trains CNN, LSTM and GRU, with attention (sigmoid or
softmax) or a head without it (CNN: flatten, max, mean; LSTM and GRU: last, max, mean), on the
original and on the upsampled training set, and fuses the three models by averaging their
probabilities. The claim: on generated heart sounds, the 95% CI of the UAR (by subject) of each
network with sigmoid attention, trained on the upsampled set, lies above chance (1/3).

--data-home selects real recordings: CirCor DigiScope (murmur; the default), HSS (trained on
"train", scored on "devel", and on "test" if its labels are there) or PhysioNet 2016 (each database
scored separately), in FOLDER or in its subfolder named after the data set. A quarter of the
recordings is held out by subject; --folds K cross-validates. Networks have the paper's size,
or a compact one with --small. --full trains for 20 epochs on 30 s, as the paper does.
Epochs on the upsampled set have more batches, so it is trained for fewer epochs, of about as many
batches in total; otherwise the effect of longer training would count as an effect of upsampling.
--equal-epochs trains both for --epochs.

OUT receives predictions/*.csv (one file per run), table.csv, differences.csv (paired by subject:
upsampled and original, attention and each other head, fusion and its models), table.md, paper.png
and settings.json. Runs with a file are not repeated, so the same command continues after Ctrl-C.
A store with other settings is refused. The tables include all stored runs, also of models and
heads that this command did not ask for.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks._measure import Row, main_resumable

from . import _paper_runs as runs
from ._store import open_store, write_atomic

DURATION = {"generated": 4.0}  # s; other data sets: 6, or 30 with --full
EPOCHS = {"generated": 15}  # other data sets: 8, or 20 with --full


def folds_of(text):
    """Parse "hold-out" or a number of folds."""
    if text == "hold-out":
        return text
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"must be hold-out or at least 2. Got {text!r}.")
    return int(text)


def parse(arguments=None):
    """Parse the options and fill in their defaults."""
    import joblib

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.paper",
        description="Run the paper's ablation.",
    )
    add = parser.add_argument
    add("--data-home", metavar="FOLDER", help="folder of the recordings")
    add("--dataset", choices=runs.DATASETS, help="default: circor with --data-home, else generated")
    add("--store", metavar="OUT", help="folder for predictions, tables and figure")
    add("--jobs", type=int, default=joblib.cpu_count(), help="number of parallel runs")
    add("--models", nargs="+", choices=runs.MODELS, default=list(runs.MODELS))
    add("--heads", nargs="+", choices=runs.HEADS, help="default: all")
    add("--epochs", type=int, help="epochs on the original training set")
    add("--equal-epochs", action="store_true", help="as many epochs on the upsampled set")
    add("--duration", type=float, help="seconds used of each recording")
    add("--folds", type=folds_of, default="hold-out", help="number of folds, or hold-out (default)")
    add("--seed", type=int, default=0, help="seed of split, upsampling and networks")
    add("--device", default="auto", help="auto (default), cpu or cuda")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="compact networks, fewer sounds")
    size.add_argument("--full", action="store_true", help="30 s, 20 epochs, networks of the paper")
    options = parser.parse_args(arguments)
    given = options.dataset not in (None, "generated")
    if given and options.data_home is None:
        parser.error(f"--dataset {options.dataset} needs --data-home FOLDER")
    if options.dataset == "generated" and options.data_home is not None:
        parser.error("--dataset generated takes no --data-home")
    options.dataset = options.dataset or ("circor" if options.data_home else "generated")
    generated = options.dataset == "generated"
    if not generated and options.store is None:
        parser.error("--data-home needs --store OUT, to keep hours of training")
    options.compact = options.small or (generated and not options.full)
    quick = generated and options.small
    if options.heads is None:
        options.heads = ["sigmoid", "mean"] if quick else list(runs.HEADS)
    options.n_subjects, options.n_resamples = (60, 500) if quick else (120, 2000)
    if generated and options.compact and not quick:
        options.n_resamples = 1000
    if options.duration is None:
        options.duration = DURATION.get(options.dataset, 30.0 if options.full else 6.0)
    if options.epochs is None:
        options.epochs = EPOCHS.get(options.dataset, 20 if options.full else 8)
    for name in ("jobs", "epochs", "duration"):
        if not getattr(options, name) > 0:
            parser.error(f"--{name} must be above 0. Got {getattr(options, name)}.")
    return options


def ablation(options, store):
    """Train missing runs, write the tables and the figure, and return the table."""
    import matplotlib  # noqa: F401  # fail before the training if it is not installed

    from ._paper_scores import score
    from ._paper_table import draw, markdown

    sounds = runs.load_sounds(
        options.dataset, options.data_home,
        n_subjects=options.n_subjects, folds=options.folds, seed=options.seed,
    )  # fmt: skip
    names = ("duration", "epochs", "compact", "seed", "device")
    recipe = {name: getattr(options, name) for name in names}
    settings = runs.settings_of(
        sounds, folds=options.folds, equal_epochs=options.equal_epochs, **recipe
    )
    open_store(store, settings)
    asked = runs.runs_of(sounds, options.models, options.heads)
    recipe["equal_epochs"] = options.equal_epochs
    runs.do_runs(asked, sounds, store, jobs=options.jobs, **recipe)
    table, differences = score(sounds, store, jobs=options.jobs, n_resamples=options.n_resamples)
    shown = {name: recipe[name] for name in ("duration", "epochs", "equal_epochs", "compact")}
    text = markdown(sounds, table, differences, **shown)
    for name, frame in (("table.csv", table), ("differences.csv", differences)):
        write_atomic(Path(store, name), frame.to_csv(index=False, float_format="%.6g"))
    write_atomic(Path(store, "table.md"), text)
    draw(sounds, table, Path(store, "paper.png"))
    print(text)
    return table


def claims(table):
    """Return the claims about a table of generated sounds."""
    rows = []
    chosen = table[(table["head"] == "sigmoid") & (table["training"] == "upsampled")]
    for _, line in chosen[chosen["model"] != "fusion"].iterrows():
        ends = {"lower limit": line["uar_low"], "upper limit": line["uar_high"]}
        claim = f"UAR on generated sounds, {line['model']}, sigmoid, upsampled: lower limit"
        rows.append(Row(claim, "UAR", line["uar"], ends, line["uar_low"], 1 / 3))
    return rows


def run(small=False, arguments=()):
    """Return the claims; none for real recordings."""
    options = parse([*arguments, *["--small"] * (small and "--small" not in arguments)])
    if options.store is not None:
        table = ablation(options, options.store)
    else:
        with tempfile.TemporaryDirectory() as store:
            table = ablation(options, store)
    return claims(table) if options.dataset == "generated" else []


if __name__ == "__main__":
    main_resumable("paper", run)
