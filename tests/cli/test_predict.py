"""The verbs evaluate and predict, in process, on small tables of generated sounds."""

import csv
import io
import os
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import skheart
from skheart._utils import files as _store
from skheart.cli import _main as cli
from skheart.cli import main
from tests.helpers.command import SMALL, fails

# ---------------------------------------------------------------------- evaluate


def test_evaluate_equals_scikit_learn(folder, model, capsys):
    assert main(["evaluate", str(model), str(folder / "table.csv")]) == 0
    out, err = capsys.readouterr()
    table = pd.read_csv(folder / "table.csv")
    predicted = skheart.load(model).predict([str(folder / path) for path in table["path"]])
    row = out.splitlines()[1].split()
    assert row[0] == "model"
    expected = balanced_accuracy_score(table["label"], predicted)
    assert float(row[1]) == pytest.approx(expected, abs=1e-3)
    assert row[-2:] == ["15", "30"]
    counts = pd.crosstab(table["label"], predicted)
    for line in out.splitlines()[4:]:
        words = line.split()
        assert [int(n) for n in words[4:]] == [
            counts.get(c, {}).get(words[0], 0) for c in ("mild", "normal", "severe")
        ]
    assert "30/30" in err


def test_evaluate_leaves_out_what_it_cannot_read(folder, model, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(bad)] + [str(folder / path) for path in table["path"][1:]]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-1] == "29"
    (line,) = err.splitlines()
    assert str(bad) in line
    table.loc[1, "path"] = missing = str(tmp_path / "missing.wav")
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-1] == "28"
    assert missing in err.splitlines()[1]
    worse = tmp_path / "worse.wav"
    worse.write_bytes(b"")
    table = pd.DataFrame({"path": [bad, worse], "label": "mild", "subject": ["a", "b"]})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["evaluate", str(model), str(tmp_path / "t.csv"), "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no recording could be read" in err.splitlines()[-1]


def test_evaluate_with_labels_as_numbers(folder, tmp_path, capsys):
    """A table holds 0, 1, 2 as integers, whatever the model was trained on."""
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    table["label"] = table["label"].map({"normal": 0, "mild": 1, "severe": 2})
    table.to_csv(tmp_path / "t.csv", index=False)
    argv = ["train", str(tmp_path / "t.csv"), "-o", str(tmp_path / "m"), "--quiet", *SMALL]
    assert main(argv) == 0
    assert main(["evaluate", str(tmp_path / "m"), str(tmp_path / "t.csv"), "--quiet"]) == 0
    assert "as 2" in capsys.readouterr().out


def test_a_label_that_the_model_does_not_know(folder, model, tmp_path, capsys):
    table = pd.read_csv(folder / "table.csv")
    table["path"] = [str(folder / path) for path in table["path"]]
    table["label"] = table["label"].replace("severe", "grave")
    table.to_csv(tmp_path / "t.csv", index=False)
    line = fails(["evaluate", model, tmp_path / "t.csv"], capsys)
    assert "no class 'grave'; it predicts mild, normal, severe" in line


@pytest.mark.parametrize("verb", ["evaluate", "predict", "explain"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"text with words\n", "is not a safetensors file, or it is damaged"),
        (
            StandardScaler(),
            "holds a StandardScaler, not a pipeline with the steps logmel (or cycle) and clf",
        ),
        (
            Pipeline([("clf", LogisticRegression())]),
            "holds a Pipeline, not a pipeline with the steps logmel (or cycle) and clf",
        ),
        (
            Pipeline([("logmel", StandardScaler()), ("clf", StandardScaler())]),
            "holds a pipeline without predict_proba",
        ),
    ],
)
def test_a_wrong_model(folder, tmp_path, capsys, verb, content, words):
    path = tmp_path / "m"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        skheart.save(clone(content).fit(np.eye(4), [0, 1, 0, 1]), path)
    argv = [verb, path, folder / "table.csv", *(["--check"] if verb == "explain" else [])]
    assert words in fails(argv, capsys)


@pytest.mark.parametrize("verb", ["evaluate", "predict", "explain"])
def test_a_pickle_is_not_run_and_the_remedy_is_told(folder, model, tmp_path, capsys, verb):
    joblib.dump(skheart.load(model), tmp_path / "m.joblib")
    argv = [verb, tmp_path / "m.joblib", folder / "table.csv"]
    line = fails([*argv, *(["--check"] if verb == "explain" else [])], capsys)
    assert "m.joblib cannot be loaded: it is a pickle, as written by joblib" in line
    assert "load it in Python with joblib.load" in line
    assert line.endswith("write it anew with skheart.save(model, path).")


def test_half_a_model(folder, model, tmp_path, capsys):
    half = tmp_path / "half"
    half.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    assert "damaged" in fails(["predict", half, folder / "table.csv"], capsys)


# ---------------------------------------------------------------------- predict


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("form", ["folder", "files", "table", "list"])
def test_predict_takes_files_folders_and_lists(folder, model, tmp_path, capsys, form):
    paths = [str(path) for path in sorted((folder / "wav").iterdir())]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(paths))
    arguments = {
        "folder": [str(folder / "wav")],
        "files": paths,
        "table": [str(folder / "table.csv")],
        "list": [str(listed)],
    }
    assert main(["predict", str(model), *arguments[form]]) == 0
    out, err = capsys.readouterr()
    rows = read_csv(out)
    assert list(rows[0]) == ["path", "label", "p_mild", "p_normal", "p_severe"]
    assert [row["path"] for row in rows] == paths
    pipeline = skheart.load(model)
    assert [row["label"] for row in rows] == pipeline.predict(paths).tolist()
    probabilities = [[float(row[f"p_{c}"]) for c in pipeline.classes_] for row in rows]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(paths), atol=2e-6)
    assert "30/30" in err


def test_predict_into_a_file(folder, model, tmp_path, capsys):
    path = tmp_path / "out.csv"
    wav = str(folder / "wav")
    assert main(["predict", str(model), wav, "-o", str(path), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["predict", str(model), wav, "--quiet"]) == 0
    assert capsys.readouterr().out == path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_one_unreadable_recording_does_not_lose_the_others(folder, model, tmp_path, capsys):
    good = [str(path) for path in sorted((folder / "wav").iterdir())[:3]]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all")
    missing = str(tmp_path / "missing.wav")
    assert main(["predict", str(model), good[0], str(bad), good[1], missing, good[2]]) == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == good
    errors = [line for line in err.splitlines() if "skheart: error:" in line]
    assert len(errors) == 2
    assert str(bad) in errors[0]
    assert missing in errors[1]
    assert all(line.startswith("skheart: error: ") for line in errors)


def test_predict_without_anything_to_read(folder, model, tmp_path, capsys):
    assert "nowhere.wav" in fails(["predict", model, "nowhere.wav"], capsys)
    assert "no recording in this folder" in fails(["predict", model, tmp_path], capsys)
    assert main(["predict", str(model), "a.wav", "b.wav", "-o", str(tmp_path / "out.csv")]) == 2
    err = capsys.readouterr().err.splitlines()
    assert "no recording could be read" in err[-1]
    assert not list(tmp_path.iterdir())


def test_predict_does_not_overwrite_the_model(folder, model, capsys):
    before = model.read_bytes()
    assert "is an input" in fails(["predict", model, folder / "wav", "-o", model], capsys)
    assert model.read_bytes() == before


def test_predict_overwrites_nothing_that_it_reads(folder, model, tmp_path, capsys):
    wav = sorted((folder / "wav").iterdir())
    own = tmp_path / "own"
    own.mkdir()
    (own / "a.wav").write_bytes(wav[0].read_bytes())
    (own / "list.txt").write_text("a.wav\n")
    (own / "table.csv").write_text("path,label,p_x\na.wav,b,c\n")
    (own / "notes.md").write_text("notes")
    os.symlink(own / "a.wav", own / "link.flac")
    before = {path: path.read_bytes() for path in own.iterdir()}
    for inputs, output in [
        ([own], "a.wav"),
        ([own / "a.wav"], "link.flac"),
        ([own / "list.txt"], "a.wav"),
        ([own / "list.txt"], "list.txt"),
        ([own / "table.csv"], "table.csv"),
    ]:
        line = fails(["predict", model, *inputs, "-o", own / output, "--quiet"], capsys)
        assert f"{own / output} is an input" in line
    line = fails(["predict", model, wav[0], "-o", own / "notes.md"], capsys)
    assert "already exists and is not a table of skheart predict" in line
    assert {path: path.read_bytes() for path in own.iterdir()} == before


def test_predict_replaces_its_own_table(folder, model, tmp_path):
    wav, path = sorted((folder / "wav").iterdir()), tmp_path / "out.csv"
    for n in (1, 2):
        assert main(["predict", str(model), *map(str, wav[:n]), "-o", str(path), "--quiet"]) == 0
        assert len(pd.read_csv(path)) == n


def test_a_command_that_fails_writes_nothing(model, tmp_path, capsys):
    for inputs in (["a.wav"], ["a.wav", "b.wav"]):
        assert main(["predict", str(model), *inputs]) == 2
        assert capsys.readouterr().out == ""


def test_predict_advises_what_it_can_do(folder, model, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("file\na.wav\n")
    line = fails(["predict", model, tmp_path / "t.csv"], capsys)
    assert line.endswith("Rename the column of the paths to 'path'.")


def test_a_path_that_cannot_be_encoded(folder, model, tmp_path):
    """A terminal in ASCII: the path is escaped, and nothing is lost."""
    path = tmp_path / "é.wav"
    path.write_bytes(next((folder / "wav").iterdir()).read_bytes())
    code = "import sys; from skheart.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-c", code, "predict", "--quiet", str(model), str(path)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(argv, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    (row,) = read_csv(done.stdout.decode("ascii"))
    assert row["path"] == f"{tmp_path}/\\xe9.wav"


def test_the_streams_are_left_as_they_were(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setitem(cli.VERBS, "fetch", lambda args: print("é"))
    assert main(["fetch", "circor", "x"]) == 0
    assert stream.errors == "strict"
    assert stream.buffer.getvalue() == b"\\xe9\n"


def test_a_name_that_is_not_in_unicode_is_written_as_it_is(tmp_path):
    with _store.replacing(tmp_path / "o", "w") as file:
        file.write(os.fsdecode(b"\xff.wav"))
    assert (tmp_path / "o").read_bytes() == b"\xff.wav"


def test_a_recording_too_long_for_the_memory(folder, model, capsys, monkeypatch):
    wav = sorted((folder / "wav").iterdir())[:2]
    transform = skheart.LogMelTransformer.transform

    def greedy(self, X):
        if str(wav[0]) in X:
            raise MemoryError
        return transform(self, X)

    monkeypatch.setattr(skheart.LogMelTransformer, "transform", greedy)
    assert main(["predict", str(model), *map(str, wav), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == [str(wav[1])]
    assert f"'{wav[0]}' is too long for the memory" in err


def test_a_prediction_does_not_depend_on_what_else_is_asked(folder, model, capsys):
    """Nor on the chunk in which a recording comes, 30 being more than one chunk."""
    wav = sorted((folder / "wav").iterdir())
    main(["predict", str(model), str(folder / "wav"), "--quiet"])
    together = read_csv(capsys.readouterr().out)
    main(["predict", str(model), str(wav[20]), "--quiet"])
    (alone,) = read_csv(capsys.readouterr().out)
    assert alone["label"] == together[20]["label"]
    assert float(alone["p_mild"]) == pytest.approx(float(together[20]["p_mild"]), abs=2e-6)
