"""load_table and list_recordings on a folder of one's own."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import soundfile

from skheart import datasets
from skheart.audio import read_recording
from skheart.datasets import list_recordings, load_table
from tests.helpers.sounds import sound


@pytest.fixture
def mine(tmp_path):
    """Write a table beside one.wav, two.flac and deep/three.wav; return its path."""
    for name in ["one.wav", "two.flac", "deep/three.wav"]:
        sound(tmp_path / name)

    def write(text, name="table.csv", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path / name

    return write


def test_table_reads_what_was_written(mine, tmp_path):
    bunch = load_table(
        mine("path,label,subject,age,town\none.wav,ill,7,31,X\ntwo.flac,well,8,,\n"
             f"{tmp_path / 'deep' / 'three.wav'},well,8,9.5,Y\n")
    )  # fmt: skip
    assert bunch.paths == [str(tmp_path / p) for p in ["one.wav", "two.flac", "deep/three.wav"]]
    assert bunch.target.tolist() == ["ill", "well", "well"]
    assert bunch.target_names == ["ill", "well"]
    assert bunch.groups.tolist() == ["7", "8", "8"]
    assert bunch.frame.columns.tolist() == ["path", "label", "subject", "age", "town"]
    assert bunch.frame.age[[0, 2]].tolist() == [31.0, 9.5]
    assert bunch.frame[["age", "town"]].isna().sum().tolist() == [1, 1]
    assert bunch.frame.index.tolist() == [0, 1, 2]
    assert bunch.segmentation == [None] * 3
    assert "3 recordings of 2 subjects" in bunch.DESCR


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["-1", "1"], [-1, 1]),
        (["0", "2"], [0, 2]),
        (["9223372036854775807", "-9223372036854775808"], [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], ["9223372036854775808", "1"]),
        (["99999999999999999999999", "1"], ["99999999999999999999999", "1"]),
        (["01", "2"], ["01", "2"]),
        (["0", "+2"], ["0", "+2"]),
        (["-0", "0"], ["-0", "0"]),
        (["1_0", "\u0663"], ["1_0", "\u0663"]),
        (["1.0", "2"], ["1.0", "2"]),
        (["True", "False"], ["True", "False"]),
        (["NA", "nan"], ["NA", "nan"]),
        (["ja ", "né"], ["ja", "né"]),
    ],
)
def test_table_labels_are_strings_unless_all_are_integers(mine, labels, expected):
    bunch = load_table(mine(f"path,label\none.wav,{labels[0]}\ntwo.flac,{labels[1]}\n"))
    assert bunch.target.tolist() == expected
    assert bunch.groups is None


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_table_finds_the_separator_and_named_columns(mine, sep):
    lines = [["File", "My, class", "who"], ["one.wav", "a", "x"], ["two.flac", "b", "y"]]
    text = "\n".join(sep.join(f'"{cell}"' for cell in line) for line in lines)
    bunch = load_table(mine("\ufeff" + text), path="File", label="My, class", subject="who")
    assert bunch.target.tolist() == ["a", "b"]
    assert bunch.groups.tolist() == ["x", "y"]
    assert bunch.frame.columns.tolist() == ["path", "label", "subject"]


def test_table_separator_may_be_given(mine):
    bunch = load_table(mine("path#label\none.wav#a\n"), sep="#")
    assert bunch.target.tolist() == ["a"]


def test_table_without_labels(mine):
    bunch = load_table(mine("path\none.wav\n\ntwo.flac\n"), label=None)
    assert len(bunch.paths) == 2
    assert bunch.target is None
    assert bunch.target_names is None
    paths, y = load_table(mine("path,label\none.wav,\n"), label=None, return_X_y=True)
    assert (len(paths), y) == (1, None)


def test_table_keeps_a_column_that_has_a_name_of_ours(mine):
    bunch = load_table(mine("file,path,label\none.wav,left,1\n"), path="file")
    assert bunch.paths[0].endswith("one.wav")
    assert bunch.frame.path_in_table.tolist() == ["left"]


def test_table_missing_columns(mine):
    csv = mine("path,Lable,subject\none.wav,a,x\n")
    with pytest.raises(
        ValueError,
        match=r"no column 'label'; it has 'path', 'Lable', 'subject'\. Did you mean 'Lable'\? "
        r"Name the column of the labels with label=",
    ):
        load_table(csv)
    for role, how in {
        "path": {"path": "file"},
        "label": {"label": "file"},
        "subject": {"label": "Lable", "subject": "file"},
    }.items():
        remedy = rf"column of the {role}s with {role}=\.\.\. \(--{role} on the command line\)"
        with pytest.raises(ValueError, match="no column 'file'; it has .* Name the " + remedy):
            load_table(csv, **how)


@pytest.mark.parametrize("name", ["Subject", "SUBJECT", "subJect"])
def test_table_refuses_to_leave_subjects_unused(mine, name):
    csv = mine(f"path,label,{name}\none.wav,a,x\ntwo.flac,b,x\n")
    with pytest.raises(ValueError, match=rf"subject='{name}' \(--subject {name} on the command"):
        load_table(csv)
    assert load_table(csv, subject=name).groups.tolist() == ["x", "x"]
    assert load_table(csv, subject=None).groups is None


@pytest.mark.parametrize("wanted", ["path", "label"])
def test_table_names_a_column_in_another_case(mine, wanted):
    text = "path,label\none.wav,a\n".replace(wanted, wanted.title())
    with pytest.raises(ValueError, match=f"Did you mean '{wanted.title()}'"):
        load_table(mine(text))
    assert load_table(mine(text), **{wanted: wanted.title()}).target.tolist() == ["a"]


def test_table_keeps_rows_without_a_file(mine, tmp_path):
    csv = mine("path,label,subject\none.wav,a,x\ngone.wav,b,y\n")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 recordings are missing \(line 3: gone"):
        load_table(csv, missing="raise")
    bunch = load_table(csv, missing="keep")
    assert bunch.paths == [str(tmp_path / "one.wav"), str(tmp_path / "gone.wav")]
    assert bunch.target.tolist() == ["a", "b"]
    assert bunch.groups.tolist() == ["x", "y"]
    assert bunch.frame["path"].tolist() == bunch.paths
    with pytest.raises(ValueError, match="`missing` must be one of 'raise', 'keep'. Got 'drop'"):
        load_table(csv, missing="drop")


def test_table_paths_are_short(tmp_path, monkeypatch):
    sound(tmp_path / "a b" / "x.wav")
    (tmp_path / "tables").mkdir()
    (tmp_path / "t.csv").write_text("path,label\na b/x.wav,q\n")
    (tmp_path / "tables" / "t.csv").write_text("path,label\n./../a b//x.wav,q\n")
    monkeypatch.chdir(tmp_path)
    for csv in ("t.csv", "./t.csv", "tables/t.csv"):
        assert load_table(csv).paths == [os.path.join("a b", "x.wav")]
        assert list_recordings(csv) == [os.path.join("a b", "x.wav")]
    assert load_table(tmp_path / "tables" / "t.csv").paths == [str(tmp_path / "a b" / "x.wav")]


def test_table_behind_a_link_finds_what_its_folder_holds(tmp_path, monkeypatch):
    sound(tmp_path / "far" / "wav" / "x.wav")
    sound(tmp_path / "here" / "wav" / "x.wav")  # what the text of the path suggests
    (tmp_path / "far" / "tables").mkdir()
    (tmp_path / "far" / "tables" / "t.csv").write_text("path,label\n../wav/x.wav,q\n")
    (tmp_path / "here" / "tables").symlink_to(tmp_path / "far" / "tables")
    monkeypatch.chdir(tmp_path / "here")
    (found,) = load_table("tables/t.csv").paths
    assert os.path.samefile(found, tmp_path / "far" / "wav" / "x.wav")


def test_table_row_longer_than_the_heading(mine):
    with pytest.raises(
        ValueError,
        match="line 4 has 4 cells, the heading 3: quote cells that hold a comma",
    ):
        load_table(mine("path,label,note\none.wav,a,b\n\ntwo.flac,a,b,c\n"))
    with pytest.raises(ValueError, match="line 2 has 3 cells, .* that hold a semicolon"):
        load_table(mine("path;label\none.wav;a;b\n"))
    with pytest.raises(ValueError, match="line 2 has 3 cells, .* that hold '#'"):
        load_table(mine("path#label\none.wav#a#b\n"), sep="#")
    bunch = load_table(mine('path,label,note\none.wav,a,"b,\nc"\ntwo.flac,b,,,\n'))
    assert bunch.frame["note"].fillna("").tolist() == ["b,\nc", ""]


@pytest.mark.parametrize("role", ["path", "label", "subject"])
def test_table_column_there_twice(mine, role):
    with pytest.raises(ValueError, match=f"has 2 columns '{role}', .* holds the {role}s"):
        load_table(mine(f"path,label,subject,{role}\none.wav,a,x,y\n"))


def test_table_other_columns_may_be_alike_or_without_a_name(mine):
    csv = mine("a,a,,a.2,path,label\n1,2,3,4,one.wav,q\n")
    frame = load_table(csv).frame
    assert frame.columns.tolist() == ["path", "label", "a", "a.2_", "column.3", "a.2"]
    assert frame.iloc[0, 2:].tolist() == [1, 2, 3, 4]
    assert load_table(csv, label="a.2").target.tolist() == [4]


def test_table_warns_of_a_column_like_subjects(mine):
    csv = mine("path,label,Patient_ID\none.wav,a,x\n")
    with pytest.warns(UserWarning, match="If 'Patient_ID' names the subjects, pass subject="):
        assert load_table(csv).groups is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_table(csv, subject=None).groups is None
        assert load_table(csv, subject="Patient_ID").groups.tolist() == ["x"]


def test_table_missing_recordings_are_told_together(mine):
    rows = "".join(f"no{i}.wav,a\n" for i in range(7))
    with pytest.raises(FileNotFoundError) as error:
        load_table(mine("path,label\none.wav,a\n" + rows))
    text = str(error.value)
    assert "7 of 8 recordings are missing (line 3: no0.wav; line 4: no1.wav;" in text
    assert "line 7: no4.wav; ...)" in text
    assert "no5.wav" not in text
    with pytest.raises(FileNotFoundError, match="line 2: deep"):
        load_table(mine("path,label\ndeep,a\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\none.wav,a\ntwo.flac, \n", "line 3: the label .* or pass label=None"),
        ("path,label\n,a\n", r"line 2: the path \(column 'path'\) is empty"),
        ("path,label,subject\n\none.wav,a,\n", "line 3: the subject"),
        ("path,label\n", "a heading and no row"),
        ('path,label\none.wav,"a\ntwo.flac,b\n', "line 3: unexpected end of data; write a quote"),
        ("", "is not a table that can be read"),
        ("path,label\none.wav,a\none.wav,b\n", r"one\.wav is listed with more than one label"),
        ("path,label,subject\none.wav,a,x\none.wav,a,y\n", "more than one subject"),
    ],
)
def test_table_wrong_content(mine, text, message):
    with pytest.raises(ValueError, match=message):
        load_table(mine(text))


def test_table_recording_listed_again(mine):
    with pytest.warns(UserWarning, match=r"1 line\(s\) list a recording again \(first: line 3"):
        load_table(mine("path,label\none.wav,a\none.wav,a\n"))


def test_table_that_is_none(mine, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such table"):
        load_table(tmp_path / "no.csv")
    with pytest.raises(IsADirectoryError, match="is a folder; load_table reads a table"):
        load_table(tmp_path)
    with pytest.raises(ValueError, match=r"`sep` must be None or one character\. Got '::'"):
        load_table(mine("path::label\none.wav::a\n"), sep="::")
    with pytest.raises(ValueError, match="is not in UTF-8"):
        load_table(mine("path,label\none.wav,né\n", encoding="latin-1"))


# --- Lists of recordings --------------------------------------------------------------------


def test_list_recordings_expands_folders_and_lists(tmp_path):
    b, a = sound(tmp_path / "x" / "b.wav"), sound(tmp_path / "x" / "deep" / "a.FLAC")
    for name in [".hidden.wav", "._b.wav", "notes.txt"]:
        (tmp_path / "x" / name).write_bytes(b"")
    sound(tmp_path / "x" / ".cache" / "c.wav")
    odd = tmp_path / "odd.bin"
    odd.write_bytes(b"?")
    assert list_recordings(tmp_path / "x") == [b, a]
    assert list_recordings([str(odd), tmp_path / "x", b]) == [str(odd), b, a]
    (tmp_path / "list.txt").write_text("x/deep/a.FLAC\n\nx/b.wav\n")
    assert list_recordings(tmp_path / "list.txt") == [a, b]
    (tmp_path / "table.csv").write_text("label;path\nq;x/b.wav\n")
    assert list_recordings([tmp_path / "table.csv"]) == [b]


def test_list_recordings_takes_what_libsndfile_writes(tmp_path):
    for suffix in (".wav", ".flac", ".ogg", ".aiff", ".au", ".caf", ".w64", ".mp3"):
        path = tmp_path / f"r{suffix}"
        soundfile.write(path, np.zeros(4000), 8000)
        assert list_recordings(tmp_path) == [str(path)]
        assert read_recording(path)[1] == 8000
        path.unlink()


def test_list_recordings_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "a b" / "x.wav")
    sound(tmp_path / "y.wav")
    expected = [os.path.join("a b", "x.wav"), "y.wav"]
    for folder in (".", "./", os.path.join("a b", "..")):
        assert list_recordings(folder) == expected
    (tmp_path / "list.txt").write_text("./a b/x.wav\ny.wav\n")
    assert list_recordings("list.txt") == expected


@pytest.mark.parametrize("missing", ["raise", "keep"])
def test_list_recordings_refuses_an_empty_name(tmp_path, missing):
    real = sound(tmp_path / "real.wav")
    with pytest.raises(ValueError, match="holds an empty string, at position 1: name a rec"):
        list_recordings([real, ""], missing=missing)
    with pytest.raises(ValueError, match="holds an empty string, at position 0"):
        list_recordings("", missing=missing)


def test_list_recordings_table_without_paths(tmp_path):
    (tmp_path / "t.csv").write_text("Path,label\none.wav,a\n")
    with pytest.raises(ValueError, match="'Path'. Rename the column of the paths to 'path'") as e:
        list_recordings(tmp_path / "t.csv")
    assert "--path" not in str(e.value)
    with pytest.raises(FileNotFoundError, match="there is no such recording"):
        list_recordings(tmp_path / "no.csv")


def test_list_recordings_missing(tmp_path):
    real, gone = sound(tmp_path / "real.wav"), str(tmp_path / "gone.wav")
    with pytest.raises(FileNotFoundError, match=r"gone\.wav: there is no such recording"):
        list_recordings([real, gone])
    assert list_recordings([gone, real], missing="keep") == [gone, real]
    (tmp_path / "list.txt").write_text("gone.wav\nreal.wav\n")
    with pytest.raises(FileNotFoundError, match=r"1 recording\(s\) of the list are missing"):
        list_recordings(tmp_path / "list.txt")
    assert list_recordings(tmp_path / "list.txt", missing="keep") == [gone, real]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"empty: no recording in this folder or below it"):
        list_recordings(tmp_path / "empty")
    with pytest.raises(ValueError, match="the list names no recording"):
        list_recordings(tmp_path / "empty.txt")
    with pytest.raises(ValueError, match="`paths` is empty"):
        list_recordings([])
    with pytest.raises(ValueError, match="`missing` must be one of 'raise', 'keep'"):
        list_recordings(real, missing="skip")


# --- The package ----------------------------------------------------------------------------


def test_names_are_there_and_lazy():
    assert set(datasets.__all__) <= set(dir(datasets))
    for name in datasets.__all__:
        assert callable(getattr(datasets, name))
    with pytest.raises(AttributeError, match="has no attribute 'load_mitbih'"):
        datasets.load_mitbih  # noqa: B018
    code = (
        "import sys; import skheart.datasets; skheart.datasets.load_circor; "
        "skheart.datasets.fetch_circor; "
        "print(*{'pandas', 'requests', 'sklearn', 'torch'} & {*sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
