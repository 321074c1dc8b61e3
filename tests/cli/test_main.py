"""The frame of the command: arguments, status, warnings and streams."""

import io
import runpy
import subprocess
import sys
import types
import warnings

import pytest

import skheart
from skheart import datasets
from tests.helpers.command import fails, run

HELP = "No code in a model file is run; a pickle is refused."


@pytest.fixture
def verb(monkeypatch):
    """Replace the verb fetch by a function, and return a call of it."""

    def call(function, *options):
        module = types.SimpleNamespace(fetch=function)
        monkeypatch.setitem(sys.modules, "skheart.cli._fetch", module)
        return run("fetch", "circor", "x", *options)

    return call


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"skheart {skheart.__version__}\n"


@pytest.mark.parametrize("name", ["", "demo", "train", "evaluate", "predict", "explain", "fetch"])
def test_help(name, capsys):
    assert run(*name.split(), "--help") == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: skheart {name}")
    assert (HELP in " ".join(out.split())) == (name in ("evaluate", "predict", "explain"))
    assert err == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "required: VERB"),
        ("tran", "invalid choice: 'tran'"),
        ("train", "required: SOURCE, -o/--output"),
        ("train a.csv -o m --model rnn", "invalid choice: 'rnn'"),
        ("train a.csv -o m --recipe worst", "invalid choice: 'worst'"),
        ("train a.csv -o m --seed x", "invalid int value: 'x'"),
        ("train a.csv -o m --seed=-1", "--seed: must be a number from 0"),
        ("train a.csv -o m --jobs=0", "--jobs: must be a number of jobs"),
        ("train a.csv -o m --folds=1", "--folds: must be at least 2, not 1"),
        ("train a.csv -o m --test-size=2", "--test-size: must be above 0 and below 1, not 2"),
        ("train a.csv -o m --test-size=nan", "--test-size: must be above 0"),
        ("train a.csv -o m --device=tpu9", "--device: must be auto, cpu or cuda, not 'tpu9'"),
        ("train a.csv -o=", "-o/--output: is empty"),
        ("demo -o=", "-o/--output: is empty"),
        ("train a.csv -o m --fol 3", "unrecognized arguments: --fol"),
        ("train a.csv -o m --folds=3 --test-size=.2", "not allowed with"),
        ("predict", "required: MODEL, RECORDING"),
        ("predict --pretrained", "expected one argument"),
        ("predict --pretrained tiny", "required: RECORDING"),
        ("evaluate --pretrained tiny m a.csv", "unrecognized arguments"),
        ("predict m a.wav --patient-pattern (0", "is not a regular expression: missing )"),
        ("explain m a.wav -o p --method guess", "invalid choice: 'guess'"),
        ("fetch hss here", "invalid choice: 'hss'"),
    ],
)
def test_a_wrong_argument(line, words, capsys):
    message = fails(line.split(" ") if line else [], capsys)
    assert words in message
    assert message.endswith(" --help.")


def test_an_empty_argument(capsys):
    assert "RECORDING: is empty" in fails(["predict", "m", "a.wav", ""], capsys)


def test_the_package_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["skheart", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("skheart", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"skheart {skheart.__version__}\n"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            KeyboardInterrupt(),
            130,
            "skheart: error: interrupted. Verified files are kept\n",
        ),
        (BrokenPipeError(), 1, ""),
        (ValueError("two\n  lines"), 2, "skheart: error: two lines\n"),
    ],
)
def test_the_status_of_an_error(verb, capsys, error, status, message):
    def fail(args):
        raise error

    assert verb(fail) == status
    assert capsys.readouterr() == ("", message)


def test_a_bug_is_not_hidden(verb):
    def fail(args):
        raise AssertionError("a bug")

    with pytest.raises(AssertionError):
        verb(fail)


def test_warnings_are_one_line_or_none(verb, capsys):
    def warn(args):
        warnings.warn("several\n  lines", stacklevel=1)
        warnings.warn("leaks", datasets.LeakageWarning, stacklevel=1)

    assert verb(warn) == 0
    lines = ["skheart: warning: several lines", "skheart: warning: leaks"]
    assert capsys.readouterr().err.splitlines() == lines
    assert verb(warn, "--quiet") == 0
    assert capsys.readouterr().err.splitlines() == lines[1:]


def test_a_reader_that_stops():
    """`skheart ... | head -n 0` prints no traceback."""
    code = """
import sys, types
from skheart.cli import main
sys.modules["skheart.cli._fetch"] = types.SimpleNamespace(fetch=lambda args: print("much"))
sys.exit(main(["fetch", "circor", "x"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1
    process.stderr.close()


def test_characters_that_the_terminal_cannot_show_are_escaped(verb, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert verb(lambda args: print("é.wav")) == 0
    assert stream.buffer.getvalue() == b"\\xe9.wav\n"
    assert stream.errors == "strict"  # as before


def test_fetch_calls_the_fetcher(monkeypatch, capsys):
    calls = []
    for name in ("circor", "physionet2016"):
        monkeypatch.setattr(
            datasets, f"fetch_{name}", lambda *a, name=name, **k: calls.append((name, a, k))
        )
    assert run("fetch", "circor", "here") == 0
    assert "circor is in here" in capsys.readouterr().err
    assert run("fetch", "physionet2016", "there", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert calls == [
        ("circor", ("here",), {"verbose": 1}),
        ("physionet2016", ("there",), {"verbose": 0}),
    ]
