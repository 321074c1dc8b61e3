"""Claim: with attention, CNN, LSTM and GRU all classify generated sounds of unheard people.

    python -m benchmarks.studies.paper [--small] [--store OUT] [--jobs N]
    python -m benchmarks.studies.paper --data-home FOLDER --store OUT [--dataset NAME]
        [--small | --full]

The paper's ablation as one command: CNN, LSTM and GRU; attention (sigmoid, softmax) or a head
without it (CNN: flatten, max, mean; LSTM and GRU: last, max, mean); trained on the training set as
it is and upsampled; and the fusion of the three nets, the mean of their probabilities with the same
head and training set. The claim is that the 95 % interval of the UAR (by subject) of each net with
sigmoid attention, trained on the upsampled set of generated heart sounds, lies above chance, 1/3.

With --data-home it runs on real recordings: CirCor DigiScope (murmur; the default), HSS (trained on
"train", scored on "devel", and on "test" if its labels are there) or PhysioNet 2016 (scored for
each database apart), in FOLDER or in its subfolder of the dataset's name. A quarter of the
recordings is held out by subject, or --folds K cross-validates. Nets have the paper's size, or a
compact one with --small; --full trains on 30 s, as the paper does, and for 20 epochs. An
epoch of the upsampled set holds more batches; it is trained for as many batches as the original
(rounded to whole epochs), so that more training is not taken for upsampling; --equal-epochs trains
both for --epochs.

OUT gets predictions/*.csv, one file a run, and from these table.csv, differences.csv (upsampled
against original, attention against each head without, fusion against its models; paired by
subject), table.md, paper.png and settings.json. Runs whose file is there are not repeated: after
Ctrl-C the same command goes on. A store of other settings is refused. Runs of models or heads that
were done before with the same settings are in the tables too.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks._measure import Row, main_resumable

from . import _paper_runs as runs

DURATION = {"generated": 4.0}  # s; the others 6, or 30 with --full
EPOCHS = {"generated": 15}  # the others 8, or 20 with --full


def folds_of(text):
    """ "hold-out", or a number of folds of at least 2."""
    if text == "hold-out":
        return text
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is neither hold-out nor a number of at least 2")
    return int(text)


def parse(arguments=None):
    """The options, complete."""
    import joblib

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.paper",
        description="The paper's ablation as one command.",
    )
    add = parser.add_argument
    add("--data-home", metavar="FOLDER", help="where the recordings are")
    add("--dataset", choices=runs.DATASETS, help="circor with --data-home, else generated")
    add("--store", metavar="OUT", help="folder of predictions, tables and picture")
    add("--jobs", type=int, default=joblib.cpu_count(), help="runs side by side")
    add("--models", nargs="+", choices=runs.MODELS, default=list(runs.MODELS))
    add("--heads", nargs="+", choices=runs.HEADS, help="default: all")
    add("--epochs", type=int, help="passes over the original training set")
    add("--equal-epochs", action="store_true", help="as many over the upsampled one")
    add("--duration", type=float, help="seconds of each recording")
    add("--folds", type=folds_of, default="hold-out", help="a number, or hold-out (default)")
    add("--seed", type=int, default=0, help="of the split, the upsampling and the nets")
    add("--device", default="auto", help="cpu, cuda or auto")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="compact nets; fewer generated sounds")
    size.add_argument("--full", action="store_true", help="30 s, 20 epochs, nets of the paper")
    options = parser.parse_args(arguments)
    given = options.dataset not in (None, "generated")
    if given and options.data_home is None:
        parser.error(f"--dataset {options.dataset} needs --data-home FOLDER")
    if options.dataset == "generated" and options.data_home is not None:
        parser.error("generated sounds need no --data-home")
    options.dataset = options.dataset or ("circor" if options.data_home else "generated")
    generated = options.dataset == "generated"
    if not generated and options.store is None:
        parser.error("--data-home needs --store OUT, where hours of training are kept")
    options.compact = options.small or (generated and not options.full)
    quick = generated and options.small
    if options.heads is None:
        options.heads = ["sigmoid", "mean"] if quick else list(runs.HEADS)
    options.n_subjects, options.n_resamples = (60, 500) if quick else (120, 2000)
    if generated and options.compact and not quick:
        options.n_resamples = 1000  # enough for what nobody's heart says
    if options.duration is None:
        options.duration = DURATION.get(options.dataset, 30.0 if options.full else 6.0)
    if options.epochs is None:
        options.epochs = EPOCHS.get(options.dataset, 20 if options.full else 8)
    for name in ("jobs", "epochs", "duration"):
        if not getattr(options, name) > 0:
            parser.error(f"--{name} must be above 0, got {getattr(options, name)}")
    return options


def ablation(options, store):
    """Train what is missing, then write the tables and the picture; return the table."""
    import matplotlib  # noqa: F401  needed at the end: missing is better told before hours

    from skheart._utils.files import open_atomic

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
    runs.open_store(store, settings)
    asked = runs.runs_of(sounds, options.models, options.heads)
    recipe["equal_epochs"] = options.equal_epochs
    runs.do_runs(asked, sounds, store, jobs=options.jobs, **recipe)
    table, differences = score(sounds, store, jobs=options.jobs, n_resamples=options.n_resamples)
    told = {name: recipe[name] for name in ("duration", "epochs", "equal_epochs", "compact")}
    text = markdown(sounds, table, differences, **told)
    for name, frame in (("table.csv", table), ("differences.csv", differences)):
        with open_atomic(Path(store, name), "w") as stream:
            frame.to_csv(stream, index=False, float_format="%.6g")
    with open_atomic(Path(store, "table.md"), "w") as stream:
        stream.write(text)
    with open_atomic(Path(store, "paper.png"), "wb") as stream:
        draw(sounds, table, stream)
    print(text)
    return table


def claims(table):
    """The rows of the table of benchmarks, from one of generated sounds."""
    rows = []
    chosen = table[(table["head"] == "sigmoid") & (table["training"] == "upsampled")]
    for _, line in chosen[chosen["model"] != "fusion"].iterrows():
        ends = {"its low end": line["uar_low"], "its high end": line["uar_high"]}
        claim = f"UAR on generated sounds, {line['model']}, sigmoid, upsampled: low end"
        rows.append(Row(claim, "UAR", line["uar"], ends, line["uar_low"], 1 / 3))
    return rows


def run(small=False, arguments=()):
    """The rows of the table; none of real recordings, of which nothing is claimed."""
    options = parse([*arguments, *["--small"] * (small and "--small" not in arguments)])
    if options.store is not None:
        table = ablation(options, options.store)
    else:
        with tempfile.TemporaryDirectory() as store:
            table = ablation(options, store)
    return claims(table) if options.dataset == "generated" else []


if __name__ == "__main__":
    main_resumable("paper", run)
