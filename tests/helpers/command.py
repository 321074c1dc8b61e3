"""Run the command in tests, with small models."""

import csv
import io

from imblearn.pipeline import Pipeline

import skheart
from skheart.cli import main
from skheart.patients import PatientClassifier

SMALL = [
    "--set=clf__channels=(4, 8)",
    "--set=clf__max_epochs=2",
    "--set=logmel__duration=2",
    "--set=logmel__n_mels=16",
    "--device=cpu",
]
SMALL_NETS = ["--set=clf__channels=(4, 8)", "--set=clf__max_epochs=1"]


def run(*words):
    """Run a command and return its status."""
    return main([str(word) for word in words])


def fails(argv, capsys):
    """Run a command that must fail with status 2, and return its one line on standard error."""
    capsys.readouterr()
    assert run(*argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("skheart: error: ")
    return line


def small_recipes(model="cnn", *, recipe="paper", random_state=None, device="auto", verbose=0):
    """Make a recipe; "attention" is smaller than the real one."""
    if recipe != "attention":
        return skheart.make_heart_pipeline(
            model, recipe=recipe, random_state=random_state, device=device, verbose=verbose
        )
    front_end = skheart.LogMelTransformer(duration=4, n_mels=16, pad="mask", verbose=verbose)
    clf = skheart.AttentionCNNClassifier(
        channels=(4,), masked=True, max_epochs=2, device=device, verbose=verbose
    )
    return PatientClassifier(
        Pipeline([("logmel", front_end), ("clf", clf)]),
        cv=2,
        calibrator="logistic",
        decision_weight="balanced",
        random_state=random_state,
        verbose=verbose,
    )


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


def probabilities_of(row):
    return [float(row[f"p_{label}"]) for label in ("mild", "normal", "severe")]
