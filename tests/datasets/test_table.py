"""load_table on small tables."""

import os
import warnings

import pytest

from skheart.datasets import LeakageWarning, list_recordings, load_table
from tests.helpers.sounds import sound


@pytest.fixture
def mine(tmp_path):
    """Write a table next to one.wav, two.flac and deep/three.wav, and return its path."""
    for name in ["one.wav", "two.flac", "deep/three.wav"]:
        sound(tmp_path / name)

    def write(text, name="table.csv", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path / name

    return write


def test_the_bunch_has_the_content_of_the_table(mine, tmp_path):
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
        (["ja ", "né"], ["ja", "né"]),
        (["none", "na"], ["none", "na"]),
    ],
)
def test_labels_are_strings_unless_all_are_integers(mine, labels, expected):
    bunch = load_table(mine(f"path,label\none.wav,{labels[0]}\ntwo.flac,{labels[1]}\n"))
    assert bunch.target.tolist() == expected
    assert bunch.groups is None


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_the_separator_is_found_and_columns_can_be_named(mine, sep):
    lines = [["File", "My, class", "who"], ["one.wav", "a", "x"], ["two.flac", "b", "y"]]
    text = "\n".join(sep.join(f'"{cell}"' for cell in line) for line in lines)
    bunch = load_table(mine("\ufeff" + text), path="File", label="My, class", subject="who")
    assert bunch.target.tolist() == ["a", "b"]
    assert bunch.groups.tolist() == ["x", "y"]
    assert bunch.frame.columns.tolist() == ["path", "label", "subject"]


def test_the_separator_can_be_given(mine):
    bunch = load_table(mine("path#label\none.wav#a\n"), sep="#")
    assert bunch.target.tolist() == ["a"]


def test_a_table_without_labels(mine):
    bunch = load_table(mine("path\none.wav\n\ntwo.flac\n"), label=None)
    assert len(bunch.paths) == 2
    assert bunch.target is None
    assert bunch.target_names is None
    paths, y = load_table(mine("path,label\none.wav,\n"), label=None, return_X_y=True)
    assert (len(paths), y) == (1, None)


def test_other_columns_named_like_ours_are_renamed(mine):
    bunch = load_table(mine("file,path,label\none.wav,left,1\n"), path="file")
    assert bunch.paths[0].endswith("one.wav")
    assert bunch.frame.path_in_table.tolist() == ["left"]


def test_a_missing_column_is_named_with_a_suggestion(mine):
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
def test_an_unused_subject_column_is_an_error(mine, name):
    csv = mine(f"path,label,{name}\none.wav,a,x\ntwo.flac,b,x\n")
    with pytest.raises(ValueError, match=rf"subject='{name}' \(--subject {name} on the command"):
        load_table(csv)
    assert load_table(csv, subject=name).groups.tolist() == ["x", "x"]
    assert load_table(csv, subject=None).groups is None


@pytest.mark.parametrize("wanted", ["path", "label"])
def test_a_column_in_another_case_is_suggested(mine, wanted):
    text = "path,label\none.wav,a\n".replace(wanted, wanted.title())
    with pytest.raises(ValueError, match=f"Did you mean '{wanted.title()}'"):
        load_table(mine(text))
    assert load_table(mine(text), **{wanted: wanted.title()}).target.tolist() == ["a"]


def test_rows_without_a_file_can_be_kept(mine, tmp_path):
    csv = mine("path,label,subject\none.wav,a,x\ngone.wav,b,y\n")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 recordings are missing \(line 3: gone"):
        load_table(csv, missing="raise")
    bunch = load_table(csv, missing="keep")
    assert bunch.paths == [str(tmp_path / "one.wav"), str(tmp_path / "gone.wav")]
    assert bunch.target.tolist() == ["a", "b"]
    assert bunch.groups.tolist() == ["x", "y"]
    assert bunch.frame["path"].tolist() == bunch.paths
    with pytest.raises(ValueError, match="missing must be one of .* Got 'drop'"):
        load_table(csv, missing="drop")


def test_paths_are_short(tmp_path, monkeypatch):
    sound(tmp_path / "a b" / "x.wav")
    (tmp_path / "tables").mkdir()
    (tmp_path / "t.csv").write_text("path,label\na b/x.wav,q\n")
    (tmp_path / "tables" / "t.csv").write_text("path,label\n./../a b//x.wav,q\n")
    monkeypatch.chdir(tmp_path)
    for csv in ("t.csv", "./t.csv", "tables/t.csv"):
        assert load_table(csv).paths == [os.path.join("a b", "x.wav")]
        assert list_recordings(csv) == [os.path.join("a b", "x.wav")]
    assert load_table(tmp_path / "tables" / "t.csv").paths == [str(tmp_path / "a b" / "x.wav")]


def test_paths_are_relative_to_the_real_folder_behind_a_link(tmp_path, monkeypatch):
    sound(tmp_path / "far" / "wav" / "x.wav")
    sound(tmp_path / "here" / "wav" / "x.wav")  # what the text of the path suggests
    (tmp_path / "far" / "tables").mkdir()
    (tmp_path / "far" / "tables" / "t.csv").write_text("path,label\n../wav/x.wav,q\n")
    (tmp_path / "here" / "tables").symlink_to(tmp_path / "far" / "tables")
    monkeypatch.chdir(tmp_path / "here")
    (found,) = load_table("tables/t.csv").paths
    assert os.path.samefile(found, tmp_path / "far" / "wav" / "x.wav")


def test_a_row_longer_than_the_heading_is_an_error(mine):
    with pytest.raises(
        ValueError,
        match="line 4 has 4 cells, the heading 3. Put cells that contain a comma in quotes",
    ):
        load_table(mine("path,label,note\none.wav,a,b\n\ntwo.flac,a,b,c\n"))
    with pytest.raises(ValueError, match="line 2 has 3 cells, .* that contain a semicolon"):
        load_table(mine("path;label\none.wav;a;b\n"))
    with pytest.raises(ValueError, match="line 2 has 3 cells, .* that contain '#'"):
        load_table(mine("path#label\none.wav#a#b\n"), sep="#")
    bunch = load_table(mine('path,label,note\none.wav,a,"b,\nc"\ntwo.flac,b,,,\n'))
    assert bunch.frame["note"].fillna("").tolist() == ["b,\nc", ""]


@pytest.mark.parametrize("role", ["path", "label", "subject"])
def test_a_repeated_column_is_an_error(mine, role):
    with pytest.raises(ValueError, match=f"has 2 columns '{role}', .* has the {role}s"):
        load_table(mine(f"path,label,subject,{role}\none.wav,a,x,y\n"))


def test_other_columns_may_be_repeated_or_unnamed(mine):
    csv = mine("a,a,,a.2,path,label\n1,2,3,4,one.wav,q\n")
    frame = load_table(csv).frame
    assert frame.columns.tolist() == ["path", "label", "a", "a.2_", "column.3", "a.2"]
    assert frame.iloc[0, 2:].tolist() == [1, 2, 3, 4]
    assert load_table(csv, label="a.2").target.tolist() == [4]


def test_a_column_that_looks_like_subjects_gives_a_warning(mine):
    csv = mine("path,label,Patient_ID\none.wav,a,x\n")
    with pytest.warns(LeakageWarning, match="If 'Patient_ID' names the subjects") as caught:
        assert load_table(csv).groups is None
    assert caught[0].message.column == "Patient_ID"
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_table(csv, subject=None).groups is None
        assert load_table(csv, subject="Patient_ID").groups.tolist() == ["x"]


def test_all_missing_recordings_are_in_one_error(mine):
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
        ("path,label\n", "a heading but no rows"),
        ('path,label\none.wav,"a\ntwo.flac,b\n', "line 3: unexpected end of data. Put cells that"),
        ("", "is not a readable table"),
        (
            "path,label\none.wav,a\n\none.wav,b\n",
            r"lines 2 and 4: .*one\.wav is listed with more than one label, 'a' and 'b'",
        ),
        ("path,label,subject\none.wav,a,x\none.wav,a,y\n", "more than one subject"),
    ],
)
def test_invalid_content(mine, text, message):
    with pytest.raises(ValueError, match=message):
        load_table(mine(text))


def test_a_repeated_recording_gives_a_warning(mine):
    with pytest.warns(LeakageWarning, match=r"1 line\(s\) list a recording again \(first: line 3"):
        load_table(mine("path,label\none.wav,a\none.wav,a\n"))


def test_what_is_not_a_table(mine, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such table"):
        load_table(tmp_path / "no.csv")
    with pytest.raises(IsADirectoryError, match="is a folder; load_table reads a table"):
        load_table(tmp_path)
    with pytest.raises(ValueError, match=r"sep must be None or one character\. Got '::'"):
        load_table(mine("path::label\none.wav::a\n"), sep="::")
    with pytest.raises(ValueError, match="is not in UTF-8"):
        load_table(mine("path,label\none.wav,né\n", encoding="latin-1"))
