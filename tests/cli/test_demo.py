"""The verb demo."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from skheart import datasets
from skheart.cli import _demo as demo
from skheart.evaluation import evaluate_predictions
from tests.helpers.command import fails, run


def test_demo_writes_tables_and_figures(tmp_path, monkeypatch, capsys):
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
        datasets, "make_heart_sounds", lambda n, **k: make(24, **{**k, "duration": 2.0})
    )
    folder = tmp_path / "new" / "demo"
    assert run("demo", "-o", folder, "--seed", 3) == 0
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


def test_the_figures_show_the_numbers():
    y_true = np.repeat(["a", "b", "c"], 10)
    y_proba = np.tile(np.eye(3)[[0, 1, 2, 0, 1]], (6, 1)) * 0.8 + 0.1
    y_pred = np.array(["a", "b", "c"])[y_proba.argmax(axis=1)]
    result = evaluate_predictions(y_true, y_pred, y_proba, random_state=0)
    figure = demo.draw_confusion({"cnn": result, "gru": result}, labels=["c", "a", "b"])
    ax = figure.axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["20%\n(2)", "40%\n(4)", "40%\n(4)"] * 3
    assert [label.get_text() for label in ax.get_xticklabels()] == ["c", "a", "b"]
    assert ax.get_title().startswith("CNN: UAR 0.33 [")
    figure = demo.draw_roc({"cnn": result, "gru": result}, labels=["c", "a", "b"])
    assert [ax.get_title()[0] for ax in figure.axes] == ["c", "a", "b"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["chance, AUROC 0.50", "CNN, AUROC 0.50", "GRU, AUROC 0.50"]


def test_demo_without_matplotlib_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    line = fails(["demo", "-o", tmp_path / "demo"], capsys)
    assert "python -m pip install 'skheart[plot]'" in line
    assert not list(tmp_path.iterdir())


def test_demo_into_a_file(tmp_path, capsys):
    (tmp_path / "demo").write_text("")
    line = fails(["demo", "-o", tmp_path / "demo"], capsys)
    assert line.endswith("demo is a file: give -o the name of a folder")
