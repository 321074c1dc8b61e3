"""The verb explain, in process, on small tables of generated sounds."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import skheart
from skheart.cli import _explain as _explain_verb
from skheart.cli import main
from skheart.explain import explain
from tests.helpers.command import fails


def pages(path):
    """The summaries that a page holds."""
    found = re.findall(r'class="summary">(.*)</script>', path.read_text(encoding="utf-8"))
    return [json.loads(text) for text in found]


@pytest.fixture
def wav(folder):
    return [str(path) for path in sorted((folder / "wav").iterdir())]


def test_help_says_what_it_is_for(capsys):
    assert main(["explain", "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: skheart explain ")
    assert "Nothing in a model file is run" in " ".join(out.split())
    assert err == ""


@pytest.mark.parametrize("form", ["folder", "files", "table"])
def test_explain_writes_a_page(folder, model, wav, tmp_path, capsys, form):
    inputs = {"folder": [folder / "wav"], "files": wav, "table": [folder / "table.csv"]}[form]
    page = tmp_path / "report.html"
    assert main(["explain", str(model), *map(str, inputs), "-o", str(page)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "30/30" in err
    assert f"wrote {page}" in err
    summaries = pages(page)
    assert [summary["name"] for summary in summaries] == wav
    pipeline = skheart.load(model)
    probabilities = [summary["probabilities"] for summary in summaries]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(wav), atol=2e-6)
    labels = [summary["classes"][summary["predicted"]] for summary in summaries]
    assert labels == pipeline.predict(wav).tolist()
    assert list(tmp_path.iterdir()) == [page]


def test_the_method_and_the_class(model, wav, tmp_path, capsys):
    page = tmp_path / "report.html"
    argv = ["explain", str(model), wav[0], "-o", str(page), "--quiet"]
    assert main([*argv, "--method", "occlusion", "--label", "severe"]) == 0
    assert capsys.readouterr() == ("", "")
    (summary,) = pages(page)
    assert "occlusion" in summary["method"]
    assert summary["classes"][summary["shown"]] == "severe"


def test_one_unreadable_recording_does_not_lose_the_others(model, wav, tmp_path, capsys):
    bad, page = tmp_path / "bad.wav", tmp_path / "report.html"
    bad.write_bytes(b"no sound at all")
    missing = str(tmp_path / "missing.wav")
    argv = ["explain", str(model), wav[0], str(bad), wav[1], missing, "-o", str(page)]
    assert main(argv) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "skheart: error:" in line]
    assert [name in line for name, line in zip([str(bad), missing], errors, strict=True)] == [1, 1]
    assert [summary["name"] for summary in pages(page)] == wav[:2]


def test_a_recording_too_long_for_the_memory(model, wav, tmp_path, capsys, monkeypatch):
    def greedy(estimator, X, **options):
        if wav[0] in X:
            raise MemoryError
        return explain(estimator, X, **options)

    monkeypatch.setattr(_explain_verb, "explain", greedy)
    page = tmp_path / "report.html"
    assert main(["explain", str(model), *wav[:2], "-o", str(page), "--quiet"]) == 1
    assert f"'{wav[0]}' is too long for the memory" in capsys.readouterr().err
    assert [summary["name"] for summary in pages(page)] == wav[1:2]


def test_what_cannot_be_explained(model, wav, tmp_path, capsys):
    page = tmp_path / "report.html"
    assert main(["explain", str(model), "a.wav", "b.wav", "-o", str(page)]) == 2
    assert "no recording could be read" in capsys.readouterr().err.splitlines()[-1]
    assert "nowhere.wav" in fails(["explain", model, "nowhere.wav", "-o", page], capsys)
    assert "nothing to do" in fails(["explain", model, wav[0]], capsys)
    line = fails(["explain", model, wav[0], "-o", page, "--by-patient"], capsys)
    assert "--by-patient needs a model that joins the recordings of a patient" in line
    line = fails(["explain", model, wav[0], "-o", page, "--label", "loud"], capsys)
    assert "label='loud' is no class of the model: mild, normal, severe." in line
    line = fails(["explain", model, wav[0], "-o", page, "--method", "guess"], capsys)
    assert "invalid choice: 'guess'" in line
    assert not list(tmp_path.iterdir())


def test_explain_replaces_its_own_page_and_nothing_else(model, wav, tmp_path, capsys):
    notes, page = tmp_path / "notes.html", tmp_path / "report.html"
    notes.write_text("<!doctype html><title>mine</title>")
    line = fails(["explain", model, wav[0], "-o", notes], capsys)
    assert "already exists and is not a page of skheart explain" in line
    assert notes.read_text() == "<!doctype html><title>mine</title>"
    assert "is an input" in fails(["explain", model, wav[0], "-o", model], capsys)
    assert "is an input" in fails(["explain", model, wav[0], "-o", wav[0]], capsys)
    for n in (1, 2):
        assert main(["explain", str(model), *wav[:n], "-o", str(page), "--quiet"]) == 0
        assert len(pages(page)) == n


def test_check_prints_the_table(model, wav, tmp_path, capsys, monkeypatch):
    """With and without a page; only of what can be read."""
    calls = []

    def checks(estimator, X, y=None, **options):
        calls.append((type(estimator).__name__, X, y))
        return pd.DataFrame({"check": ["completeness"], "value": [0.25]})

    monkeypatch.setattr(_explain_verb, "explain_checks", checks)
    argv = ["explain", "--check", "--quiet", str(model), *wav[:2]]
    assert main(argv) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["check", "value"],
        ["completeness", "0.25"],
    ]
    page = tmp_path / "report.html"
    assert main([*argv, str(tmp_path / "missing.wav"), "-o", str(page)]) == 1
    assert "completeness" in capsys.readouterr().out
    assert len(pages(page)) == 2
    assert calls == [("Pipeline", wav[:2], None)] * 2
