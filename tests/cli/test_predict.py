"""The verbs evaluate and predict, in process, on small tables of generated sounds."""

import io
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

import skheart
from skheart._utils import files
from skheart.audio import quality
from skheart.datasets import make_heart_sounds
from tests.helpers.command import SMALL, fails, probabilities_of, read_csv, run

ROOT = Path(__file__).parents[2]

# ---------------------------------------------------------------------- evaluate


def test_evaluate_equals_scikit_learn(table, folder, model, capsys):
    assert run("evaluate", model, folder / "table.csv") == 0
    out, err = capsys.readouterr()
    predicted = skheart.load(model).predict(list(table["path"]))
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


def test_evaluate_leaves_out_unreadable_recordings(table, write, model, tmp_path, capsys):
    bad = [str(tmp_path / "bad.wav"), str(tmp_path / "missing.wav")]
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    argv = ["evaluate", model, write(path=[*bad, *table["path"][2:]]), "--quiet"]
    assert run(*argv) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-1] == "28"
    assert [path in line for path, line in zip(bad, err.splitlines(), strict=True)] == [True] * 2
    table[:2].assign(path=bad).to_csv(tmp_path / "t.csv", index=False)
    assert run(*argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no recording could be read" in err.splitlines()[-1]


def test_evaluate_with_labels_as_numbers(table, write, tmp_path, capsys):
    """A table holds 0, 1, 2 as integers, whatever the model was trained on."""
    path = write(label=table["label"].map({"normal": 0, "mild": 1, "severe": 2}))
    assert run("train", path, "-o", tmp_path / "m", "--quiet", *SMALL) == 0
    assert run("evaluate", tmp_path / "m", path, "--quiet") == 0
    assert "as 2" in capsys.readouterr().out


def test_a_label_that_the_model_does_not_know(table, write, model, capsys):
    path = write(label=table["label"].replace("severe", "grave"))
    line = fails(["evaluate", model, path], capsys)
    assert "no class 'grave'; it predicts mild, normal, severe" in line


# ---------------------------------------------------------------------- models


@pytest.mark.parametrize("verb", ["evaluate", "predict", "explain"])
def test_a_wrong_model(folder, model, tmp_path, capsys, verb):
    path = tmp_path / "m"
    argv = [verb, path, folder / "table.csv", *(["--check"] if verb == "explain" else [])]
    assert f"there is no model {path}: give a file that skheart train" in fails(argv, capsys)
    for content, words in (
        (b"", "is empty"),
        (b"text with words\n", "is not a safetensors file, or it is damaged"),
        (model.read_bytes()[: model.stat().st_size // 2], "damaged"),
    ):
        path.write_bytes(content)
        assert words in fails(argv, capsys)
    path.unlink()
    skheart.save(StandardScaler().fit(np.eye(4)), path)
    assert "is a StandardScaler, which does not predict classes" in fails(argv, capsys)
    joblib.dump(skheart.load(model), path)
    line = fails(argv, capsys)  # it is not run
    assert "it is a pickle, as written by joblib" in line
    assert "load it in Python with joblib.load" in line
    assert line.endswith("write it again with skheart.save(model, path).")


# ---------------------------------------------------------------------- predict


def test_predict_takes_files_folders_and_lists(folder, model, wav, tmp_path, capsys):
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(wav))
    pipeline = skheart.load(model)
    for recordings in ([folder / "wav"], wav, [listed]):
        assert run("predict", model, *recordings) == 0
        out, err = capsys.readouterr()
        rows = read_csv(out)
        assert list(rows[0])[:5] == ["path", "label", "p_mild", "p_normal", "p_severe"]
        assert [row["path"] for row in rows] == wav
        assert [row["label"] for row in rows] == pipeline.predict(wav).tolist()
        probabilities = list(map(probabilities_of, rows))
        np.testing.assert_allclose(probabilities, pipeline.predict_proba(wav), atol=2e-6)
        assert "30/30" in err


def test_rows_can_be_joined_with_the_table(folder, model, wav, capsys):
    given = pd.read_csv(folder / "table.csv")
    assert run("predict", model, folder / "table.csv", "--quiet") == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(found)[:5] == ["path", "label", "p_mild", "p_normal", "p_severe"]
    assert found["path"].tolist() == given["path"].tolist()
    for name in given.columns.drop("path"):
        name_here = f"{name}_in_table" if name == "label" else name
        pd.testing.assert_series_equal(found[name_here], given[name], check_names=False)
    np.testing.assert_array_equal(found["label"], skheart.load(model).predict(wav))


def test_text_is_no_formula(folder, model, wav, tmp_path, capsys):
    cells = {"a": "=1+1", "b": "-5", "c": "+cmd|x", "d": "@x", "e": "1e-3", "f": "plain"}
    table = pd.DataFrame({"path": [wav[0]], **cells})
    table.to_csv(tmp_path / "table.csv", index=False)
    assert run("predict", model, tmp_path / "table.csv", "--quiet") == 0
    (row,) = read_csv(capsys.readouterr().out)
    assert {name: row[name] for name in cells} == {
        **cells, "a": "'=1+1", "c": "'+cmd|x", "d": "'@x",
    }  # fmt: skip


def test_only_rows_reach_standard_output(model, wav, tmp_path):
    """libsndfile prints a message about the damaged block of this file into a buffer of C."""
    damaged = tmp_path / "damaged.sds"
    soundfile.write(damaged, soundfile.read(wav[0])[0], 4000, subtype="PCM_16", format="SDS")
    content = bytearray(damaged.read_bytes())
    content[21 + 127 * 3] = 0x34  # a block begins with 0xF0
    damaged.write_bytes(content)
    code = (
        "import ctypes, sys; from skheart.cli import main\n"
        "main(sys.argv[1:]), main([*sys.argv[1:], '-o', 'rows.csv'])\n"
        "ctypes.CDLL(None).puts(b'as before')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", str(model), *wav[:2], str(damaged)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    *rows, last = done.stdout.splitlines(keepends=True)
    assert [row["path"] for row in read_csv("".join(rows))] == [*wav[:2], str(damaged)]
    assert (tmp_path / "rows.csv").read_text() == "".join(rows)
    assert last == "as before\n"
    assert done.stderr.count("Error A : 34\n") >= 2


def test_paths_are_kept_as_given(wav, model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    for source, name in zip(wav, ("x.wav", "y.wav", "a/z.wav"), strict=False):
        Path(name).write_bytes(Path(source).read_bytes())
    Path("a/list.txt").write_text("./z.wav\n\n../y.wav\n")
    assert run("predict", model, "./x.wav", "a/list.txt", "--quiet") == 0
    paths = [row["path"] for row in read_csv(capsys.readouterr().out)]
    assert paths == ["./x.wav", "./z.wav", "../y.wav"]


@pytest.mark.parametrize("name", ["pipe", "pipe.wav", "pipe.csv", "pipe.txt"])
def test_a_pipe_is_refused(name, tmp_path, capsys):
    """It is neither a model, nor a table, nor a recording; opening it would wait."""
    os.mkfifo(tmp_path / name)
    argv = ["predict", "--pretrained", "circor-murmur", tmp_path / name, "--quiet"]
    assert f"'{tmp_path / name}' is a pipe or a device, not a file" in fails(argv, capsys)
    message = fails(["train", tmp_path / name, "-o", tmp_path / "m", "--quiet"], capsys)
    assert f"{tmp_path / name} is not a regular file" in message


def test_predict_reports_signal_quality(model, wav, tmp_path, capsys):
    """The columns of `skheart.audio.quality`, from which nothing is missing but unknown rates."""
    beats = make_heart_sounds(3, duration=6, random_state=0).data[0]
    noise = np.random.default_rng(0).normal(0, 0.1, 40000)
    for name, samples in (("beats", beats), ("noise", noise), ("silence", np.zeros(2000))):
        soundfile.write(tmp_path / f"{name}.wav", samples, 4000)
    paths = [tmp_path / f"{name}.wav" for name in ("beats", "noise", "silence")]
    assert run("predict", model, *paths) == 0
    out, err = capsys.readouterr()
    assert "no heartbeat was found in 2 of 3 recordings" in err.splitlines()[-1]
    found = pd.read_csv(io.StringIO(out)).filter(like="quality_")
    expected = quality(paths).drop(columns="path").add_prefix("quality_")
    expected = expected.replace(-np.inf, np.nan)  # the level of silence
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4, check_dtype=False)
    assert found["quality_heartbeat"].tolist() == [True, False, False]
    assert run("predict", model, *paths, "--quiet") == 0
    assert capsys.readouterr() == (out, "")


def test_predict_into_a_file(folder, model, tmp_path, capsys):
    path = tmp_path / "out.csv"
    argv = ["predict", model, folder / "wav", "--quiet"]
    assert run(*argv, "-o", path) == 0
    assert capsys.readouterr() == ("", "")
    assert run(*argv) == 0
    assert capsys.readouterr().out == path.read_text()
    assert run("predict", model, folder / "wav" / "00.wav", "--quiet", "-o", path) == 0
    assert len(pd.read_csv(path)) == 1  # it replaces its own table
    assert list(tmp_path.iterdir()) == [path]


def test_one_unreadable_recording_does_not_lose_the_others(model, wav, tmp_path, capsys):
    bad, missing = tmp_path / "bad.wav", tmp_path / "missing.wav"
    bad.write_bytes(b"no sound at all")
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join([wav[0], str(bad), wav[1], str(missing), wav[2]]))
    assert run("predict", model, listed) == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == wav[:3]
    errors = [line for line in err.splitlines() if "skheart: error:" in line]
    assert [line.startswith("skheart: error: ") for line in errors] == [True, True]
    assert f"[{bad} is left out]" in errors[0]
    assert f"[{missing} is left out]" in errors[1]


def test_predict_without_anything_to_read(model, wav, tmp_path, capsys):
    """A path that does not exist stops the command; a list without recordings does, too."""
    line = fails(["predict", model, wav[0], "nowhere.wav", "a.wav"], capsys)
    assert "there is no recording, folder or list nowhere.wav (nor 1 more)" in line
    assert "no recording in this folder" in fails(["predict", model, tmp_path], capsys)
    (tmp_path / "t.csv").write_text("file\na.wav\n")
    line = fails(["predict", model, tmp_path / "t.csv"], capsys)
    assert line.endswith("Rename the column of the paths to 'path'.")
    (tmp_path / "t.csv").write_text("path\na.wav\nb.wav\n")
    for output in ([], ["-o", tmp_path / "out.csv"]):
        assert run("predict", model, tmp_path / "t.csv", *output) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "no recording could be read" in err.splitlines()[-1]
    assert not (tmp_path / "out.csv").exists()


def test_predict_overwrites_nothing_that_it_reads(model, wav, tmp_path, capsys):
    (tmp_path / "a.wav").write_bytes(Path(wav[0]).read_bytes())
    (tmp_path / "list.txt").write_text("a.wav\n")
    (tmp_path / "table.csv").write_text("path,label,p_x\na.wav,b,c\n")
    (tmp_path / "notes.md").write_text("notes")
    os.symlink(tmp_path / "a.wav", tmp_path / "link.flac")
    before = {path: path.read_bytes() for path in [*tmp_path.iterdir(), model]}
    for recordings, output in (
        (tmp_path, "a.wav"),
        (tmp_path / "a.wav", "link.flac"),
        (tmp_path / "list.txt", "a.wav"),
        (tmp_path / "list.txt", "list.txt"),
        (tmp_path / "table.csv", "table.csv"),
        (tmp_path, model),
    ):
        line = fails(["predict", model, recordings, "-o", tmp_path / output, "--quiet"], capsys)
        assert f"{tmp_path / output} is an input" in line
    line = fails(["predict", model, wav[0], "-o", tmp_path / "notes.md"], capsys)
    assert "already exists and is not a table of skheart predict" in line
    assert {path: path.read_bytes() for path in before} == before


def test_names_that_cannot_be_encoded(model, wav, tmp_path, monkeypatch):
    """A terminal in ASCII gets an escaped path; a file gets the bytes of the name."""
    path = tmp_path / "é.wav"
    path.write_bytes(Path(wav[0]).read_bytes())
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert run("predict", "--quiet", model, path) == 0
    (row,) = read_csv(stream.buffer.getvalue().decode("ascii"))
    assert row["path"] == f"{tmp_path}/\\xe9.wav"
    with files.open_atomic(tmp_path / "o", "w") as file:
        file.write(os.fsdecode(b"\xff.wav"))
    assert (tmp_path / "o").read_bytes() == b"\xff.wav"


def test_a_recording_too_long_for_the_memory(model, wav, capsys, monkeypatch):
    transform = skheart.LogMelTransformer.transform

    def greedy(self, X):
        if wav[0] in X:
            raise MemoryError
        return transform(self, X)

    monkeypatch.setattr(skheart.LogMelTransformer, "transform", greedy)
    assert run("predict", model, *wav[:2], "--quiet") == 1
    out, err = capsys.readouterr()
    assert [row["path"] for row in read_csv(out)] == [wav[1]]
    assert f"{wav[0]} is too long for the memory" in err


def test_a_prediction_does_not_depend_on_other_options(folder, model, wav, capsys):
    """Nor on the chunk in which a recording comes, 30 being more than one chunk."""
    run("predict", model, folder / "wav", "--quiet")
    together = read_csv(capsys.readouterr().out)[20]
    run("predict", model, wav[20], "--quiet")
    (alone,) = read_csv(capsys.readouterr().out)
    assert alone["label"] == together["label"]
    np.testing.assert_allclose(probabilities_of(alone), probabilities_of(together), atol=2e-6)
