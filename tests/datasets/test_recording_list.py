"""list_recordings on files, folders and lists."""

import os

import numpy as np
import pytest
import soundfile

from skheart.audio import read_recording
from skheart.datasets import list_recordings
from tests.helpers.sounds import sound


def test_folders_and_lists_are_expanded(tmp_path):
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


def test_recordings_in_all_common_formats_are_found(tmp_path):
    for suffix in (".wav", ".flac", ".ogg", ".aiff", ".au", ".caf", ".w64", ".mp3"):
        path = tmp_path / f"r{suffix}"
        soundfile.write(path, np.zeros(4000), 8000)
        assert list_recordings(tmp_path) == [str(path)]
        assert read_recording(path)[1] == 8000
        path.unlink()


def test_paths_in_the_current_folder_are_short(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "a b" / "x.wav")
    sound(tmp_path / "y.wav")
    expected = [os.path.join("a b", "x.wav"), "y.wav"]
    for folder in (".", "./", os.path.join("a b", "..")):
        assert list_recordings(folder) == expected
    (tmp_path / "list.txt").write_text("./a b/x.wav\ny.wav\n")
    assert list_recordings("list.txt") == expected


@pytest.mark.parametrize("missing", ["raise", "keep"])
def test_an_empty_string_is_an_error(tmp_path, missing):
    real = sound(tmp_path / "real.wav")
    with pytest.raises(ValueError, match="has an empty string at position 1. Name a rec"):
        list_recordings([real, ""], missing=missing)
    with pytest.raises(ValueError, match="has an empty string at position 0"):
        list_recordings("", missing=missing)


def test_a_table_without_paths_is_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("Path,label\none.wav,a\n")
    with pytest.raises(ValueError, match="'Path'. Rename the column of the paths to 'path'") as e:
        list_recordings(tmp_path / "t.csv")
    assert "--path" not in str(e.value)
    with pytest.raises(FileNotFoundError, match="there is no such recording"):
        list_recordings(tmp_path / "no.csv")


def test_missing_and_empty_lists(tmp_path):
    real, gone = sound(tmp_path / "real.wav"), str(tmp_path / "gone.wav")
    with pytest.raises(FileNotFoundError, match=r"gone\.wav: there is no such recording"):
        list_recordings([real, gone])
    assert list_recordings([gone, real], missing="keep") == [gone, real]
    (tmp_path / "list.txt").write_text("gone.wav\nreal.wav\n")
    with pytest.raises(FileNotFoundError, match=r"1 recording\(s\) of the list do not exist"):
        list_recordings(tmp_path / "list.txt")
    assert list_recordings(tmp_path / "list.txt", missing="keep") == [gone, real]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"empty: no recording in this folder or below it"):
        list_recordings(tmp_path / "empty")
    with pytest.raises(ValueError, match="the list has no recording"):
        list_recordings(tmp_path / "empty.txt")
    with pytest.raises(ValueError, match="paths is empty"):
        list_recordings([])
    with pytest.raises(ValueError, match="missing must be one of"):
        list_recordings(real, missing="skip")
