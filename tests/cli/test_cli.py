"""The command line: its frame, fetch, demo, and from outside; in process, on small tables."""

import re
import runpy
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

import skheart
from skheart import datasets
from skheart.cli import _main as cli
from skheart.cli import main
from tests.helpers.command import SMALL, fails

# ---------------------------------------------------------------------- the frame


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"skheart {skheart.__version__}\n"


@pytest.mark.parametrize(
    "verb", [[], ["demo"], ["train"], ["evaluate"], ["predict"], ["explain"], ["fetch"]]
)
def test_help(verb, capsys):
    assert main([*verb, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: skheart {' '.join(verb)}")
    assert err == ""


@pytest.mark.parametrize("verb", ["evaluate", "predict", "explain"])
def test_help_says_that_models_are_not_run(verb, capsys):
    main([verb, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing in a model file is run; a pickle is refused." in said


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required: VERB"),
        (["tran"], "invalid choice: 'tran'"),
        (["train"], "required: SOURCE, -o/--output"),
        (["train", "a.csv", "-o", "m", "--model", "rnn"], "invalid choice: 'rnn'"),
        (["train", "a.csv", "-o", "m", "--seed", "x"], "invalid int value: 'x'"),
        (["train", "a.csv", "-o", "m", "--seed=-1"], "--seed: must be a number from 0"),
        (["train", "a.csv", "-o", "m", "--jobs=0"], "--jobs: must be a number of jobs"),
        (["train", "a.csv", "-o", "m", "--folds=1"], "--folds: must be at least 2 folds, not 1"),
        (["train", "a.csv", "-o", "m", "--test-size=2"], "--test-size: must be a number above 0"),
        (["train", "a.csv", "-o", "m", "--test-size=nan"], "--test-size: must be a number above"),
        (["train", "a.csv", "-o", ""], "-o/--output: is empty"),
        (["demo", "-o", ""], "-o/--output: is empty"),
        (["predict", "m", "a.wav", ""], "RECORDING: is empty"),
        (["train", "a.csv", "-o", "m", "--fol", "3"], "unrecognized arguments: --fol"),
        (["train", "a.csv", "-o", "m", "--folds=3", "--test-size=.2"], "not allowed with"),
        (["fetch", "hss", "here"], "invalid choice: 'hss'"),
    ],
)
def test_a_wrong_argument(argv, words, capsys):
    line = fails(argv, capsys)
    assert words in line
    assert re.search(r"See skheart( \w+)? --help\.$", line)


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["skheart", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("skheart", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"skheart {skheart.__version__}\n"


def test_the_installed_command_is_this_one():
    config = (skheart.__path__[0] + "/../setup.cfg", "skheart = skheart.cli:main")
    with open(config[0], encoding="utf-8") as file:
        assert config[1] in file.read()


def test_an_interrupt(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.VERBS, "fetch", interrupt)
    assert main(["fetch", "circor", "x"]) == 130
    assert capsys.readouterr().err == "skheart: error: interrupted\n"


def test_a_closed_pipe(monkeypatch, capsys):
    def closed(args):
        raise BrokenPipeError

    monkeypatch.setitem(cli.VERBS, "fetch", closed)
    assert main(["fetch", "circor", "x"]) == 1
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(args):
        raise AssertionError("a bug")

    monkeypatch.setitem(cli.VERBS, "fetch", broken)
    with pytest.raises(AssertionError):
        main(["fetch", "circor", "x"])


def test_warnings_are_one_line_or_none(monkeypatch, capsys):
    def warn(args):
        warnings.warn("several\n  lines", stacklevel=1)

    monkeypatch.setitem(cli.VERBS, "fetch", warn)
    assert main(["fetch", "circor", "x"]) == 0
    assert capsys.readouterr().err == "skheart: warning: several lines\n"
    assert main(["fetch", "circor", "x", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_a_reader_who_has_seen_enough(folder, model):
    """`skheart predict ... | head -n 0`: no traceback, whatever was still to come."""
    code = "import sys; from skheart.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "predict", "--quiet", str(model), str(folder / "wav")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1
    process.stderr.close()


# ---------------------------------------------------------------------- fetch and demo


def test_fetch_calls_the_fetcher(monkeypatch, capsys):
    calls = []
    for name in ("circor", "physionet2016"):
        monkeypatch.setattr(
            datasets, f"fetch_{name}", lambda *a, name=name, **k: calls.append((name, a, k))
        )
    assert main(["fetch", "circor", "here"]) == 0
    assert "circor is in here" in capsys.readouterr().err
    assert main(["fetch", "physionet2016", "there", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert calls == [
        ("circor", ("here",), {"verbose": 1}),
        ("physionet2016", ("there",), {"verbose": 0}),
    ]


def test_demo_writes_tables_and_pictures(tmp_path, monkeypatch, capsys):
    from skheart.cli import _demo as demo

    tiny = {"clf__max_epochs": 1, "logmel__n_mels": 16}
    small = {
        "cnn": {"clf__channels": (4,), **tiny},
        "lstm": {"clf__units": (4,), **tiny},
        "gru": {"clf__units": (4,), **tiny},
    }
    assert demo.SMALL_MODELS.keys() == small.keys()
    monkeypatch.setattr(demo, "SMALL_MODELS", small)
    make = datasets.make_heart_sounds
    monkeypatch.setattr(
        demo, "make_heart_sounds", lambda n, **k: make(24, **{**k, "duration": 2.0})
    )
    folder = tmp_path / "new" / "demo"
    assert main(["demo", "-o", str(folder), "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert all(f"{name}: 100%" in err for name in small)
    results = pd.read_csv(folder / "results.csv").set_index("model")
    predictions = pd.read_csv(folder / "predictions.csv")
    for name, own in predictions.groupby("model"):
        expected = balanced_accuracy_score(own["label"], own["predicted"])
        assert results.loc[name, "uar"] == pytest.approx(expected)
        assert results.loc[name, "low"] <= expected <= results.loc[name, "high"]
        assert (results.loc[name, ["n_subjects", "n_recordings"]] == [24, 48]).all()
        assert own.groupby("subject")["fold"].nunique().max() == 1
        assert re.search(rf"^{name} +{expected:.3f} ", out, flags=re.MULTILINE)
    for name in ("confusion.png", "roc.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_pictures_show_the_numbers():
    from skheart.cli._demo import draw_confusion, draw_roc
    from skheart.evaluation import evaluate_predictions

    y_true = np.repeat(["a", "b", "c"], 10)
    y_proba = np.tile(np.eye(3)[[0, 1, 2, 0, 1]], (6, 1)) * 0.8 + 0.1
    y_pred = np.array(["a", "b", "c"])[y_proba.argmax(axis=1)]
    result = evaluate_predictions(y_true, y_pred, y_proba, random_state=0)
    figure = draw_confusion({"cnn": result, "gru": result}, labels=["c", "a", "b"])
    ax = figure.axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["20%\n(2)", "40%\n(4)", "40%\n(4)"] * 3
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "a", "b"]
    assert ax.get_title().startswith("CNN: UAR 0.33 [")
    figure = draw_roc({"cnn": result, "gru": result}, labels=["c", "a", "b"])
    assert [ax.get_title()[0] for ax in figure.axes] == ["c", "a", "b"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["chance, AUC 0.50", "CNN, AUC 0.50", "GRU, AUC 0.50"]


def test_demo_without_matplotlib_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    line = fails(["demo", "-o", tmp_path / "demo"], capsys)
    assert "python -m pip install 'skheart[plot]'" in line
    assert not list(tmp_path.iterdir())


def test_demo_into_a_file(tmp_path, capsys):
    (tmp_path / "demo").write_text("")
    line = fails(["demo", "-o", tmp_path / "demo"], capsys)
    assert line.endswith("demo is a file: give -o the name of a folder")


# ---------------------------------------------------------------------- from outside


def test_interrupted_training_leaves_no_file(folder, tmp_path):
    """Ctrl-C in the middle of the training: one line, 130, and no model."""
    code = "import sys; from skheart.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [
        "train",
        folder / "table.csv",
        "-o",
        tmp_path / "m",
        *SMALL,
        "--set=clf__max_epochs=9999",
    ]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, argv)], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "train_loss" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert rest.splitlines()[-1] == "skheart: error: interrupted"
    assert "Traceback" not in rest
    assert not list(tmp_path.iterdir())
