"""load_folder on small folders with one subfolder for each label, and what scans leave out."""

import os

import pytest

from skheart.audio import RecordingWarning
from skheart.datasets import LeakageWarning, list_recordings, load_folder, load_table
from tests.helpers.sounds import assert_frame_reads_again, sound


@pytest.fixture
def labelled(tmp_path):
    """normal/1_a.wav, normal/deep/2_a.flac, murmur/3_a.wav and notes."""
    root = tmp_path / "labelled"
    for name in ("normal/1_a.wav", "normal/deep/2_a.flac", "murmur/3_a.wav"):
        sound(root / name)
    (root / "notes.md").write_text("RIFF")
    (root / "normal" / "1_a.txt").write_text("")
    return root


def load(folder, **how):
    return load_folder(folder, subject_pattern="([0-9]+)_", **how)


def test_the_bunch_has_the_content_of_the_folder(labelled, tmp_path):
    bunch = load(labelled)
    names = ["murmur/3_a.wav", "normal/1_a.wav", "normal/deep/2_a.flac"]
    assert bunch.paths == [str(labelled / name) for name in names]
    assert bunch.target.tolist() == ["murmur", "normal", "normal"]
    assert bunch.target_names == ["murmur", "normal"]
    assert bunch.groups.tolist() == ["3", "1", "2"]
    assert bunch.frame.columns.tolist() == ["path", "label", "subject"]
    assert bunch.skipped.columns.tolist() == ["path", "reason"]
    assert len(bunch.skipped) == 0
    assert load(labelled, return_X_y=True)[0] == bunch.paths
    assert_frame_reads_again(bunch, tmp_path)


def test_labels_are_integers_as_in_a_table(tmp_path):
    for name in ("0/1_a.wav", "-1/2_a.wav"):
        sound(tmp_path / name)
    assert sorted(load(tmp_path).target.tolist()) == [-1, 0]


def test_without_a_pattern_there_is_a_warning(labelled):
    with pytest.warns(LeakageWarning, match="has no subjects, so recordings of a subject") as seen:
        bunch = load_folder(labelled)
    assert bunch.groups is None
    assert seen[0].filename == __file__
    with pytest.raises(ValueError, match=r"'\(x\)' finds no subject at the beginning of 3_a\.wav"):
        load_folder(labelled, subject_pattern="(x)")


def test_a_folder_that_has_no_labels(labelled, tmp_path):
    sound(labelled / "stray.wav")
    with pytest.raises(ValueError, match=r"1 recording\(s\) are in no subfolder.*stray\.wav"):
        load(labelled)
    with pytest.raises(ValueError, match=r"1 recording\(s\) are in no subfolder.*2_a\.flac"):
        load(labelled / "normal" / "deep")
    (tmp_path / "empty" / "x").mkdir(parents=True)
    with pytest.raises(ValueError, match="empty: no recording in this folder or below it"):
        load(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load(tmp_path / "gone")
    with pytest.raises(NotADirectoryError, match="use load_table"):
        load(labelled / "stray.wav")
    with pytest.raises(ValueError, match="on_error must be"):
        load(labelled, on_error="ignore")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["train/a", "test/a"], "test, train are parts of a split, not labels"),
        (["nan", "normal"], "the subfolder 'nan' stands for a missing label"),
    ],
)
def test_names_that_are_no_labels(tmp_path, folders, message):
    for name in folders:
        sound(tmp_path / name / "1_a.wav")
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


@pytest.mark.parametrize(
    ("table", "loader"),
    [("training_data.csv", "load_circor"), ("x/REFERENCE.csv", "load_physionet2016")],
)
def test_published_folders_have_their_own_loaders(tmp_path, table, loader):
    sound(tmp_path / "x" / "1_a.wav")
    (tmp_path / table).write_text("")
    with pytest.raises(ValueError, match=rf"Use {loader}\(folder\)"):
        load(tmp_path)


def test_a_subfolder_without_recordings_is_named(labelled):
    (labelled / "murmurs").mkdir()
    with pytest.warns(RecordingWarning, match="No recording is in murmurs, which is not a label"):
        load(labelled)


def test_unreadable_recordings_can_be_left_out(labelled, tmp_path):
    bad = labelled / "murmur" / "4_a.wav"
    bad.write_bytes(b"no sound")
    assert len(load(labelled).paths) == 4  # nothing is opened
    with pytest.warns(RecordingWarning, match=r"1 recording\(s\) are left out: '.*4_a\.wav'"):
        bunch = load(labelled, on_error="warn")
    assert bunch.target.tolist() == ["murmur", "normal", "normal"]
    assert bunch.groups.tolist() == ["3", "1", "2"]
    assert bunch.skipped.path.tolist() == [str(bad)]
    assert "cannot be read" in bunch.skipped.reason[0]
    bad.write_bytes(b"")
    bunch = load(labelled, on_error="skip")
    assert "0 bytes" in bunch.skipped.reason[0]
    table = tmp_path / "t.csv"
    table.write_text(f"path,label\n{bad},x\n{bunch.paths[0]},y\ngone.wav,z\n")
    table = load_table(table, on_error="skip")
    assert table.target.tolist() == ["y"]
    assert table.skipped.path.tolist() == [str(bad), str(tmp_path / "gone.wav")]
    assert "does not exist" in table.skipped.reason[1]


# ---------------------------------------------------------------------- scans

HEADS = {
    "WAV": b"RIFF\x24\0\0\0WAVEfmt ",
    "FLAC": b"fLaC\0\0\0\x22",
    "Ogg": b"OggS\0\x02",
    "MP3": b"ID3\x04\0",
    "MP4": b"\0\0\0\x20ftypM4A ",
    "AMR": b"#!AMR\n",
    "WebM": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm",
    "AIFF": b"FORM\0\0\0\0AIFFCOMM",
}


@pytest.mark.parametrize("kind", HEADS)
def test_sound_without_a_suffix_is_named(labelled, kind):
    odd = labelled / "normal" / "odd.bin"
    odd.write_bytes(HEADS[kind] + bytes(100))
    message = rf"odd\.bin' is left out: it begins like {kind}, but .*Rename it"
    with pytest.warns(RecordingWarning, match=message):
        assert len(list_recordings(labelled)) == 3
    with pytest.warns(RecordingWarning, match=message):
        bunch = load(labelled)
    assert bunch.skipped.path.tolist() == [str(odd)]
    assert list_recordings(odd) == [str(odd)]  # named, it is taken


@pytest.mark.parametrize(
    "head",
    [b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0AVI LIST", b"\0\0\0\x18ftypheic", b"\xff\xfe", b""],
)
def test_pictures_and_films_are_companions(labelled, head, recwarn):
    (labelled / "normal" / "picture.dat").write_bytes(head + bytes(20) if head else b"")
    os.mkfifo(labelled / "normal" / "pipe")  # is not opened
    assert len(list_recordings(labelled)) == 3
    assert not recwarn.list


@pytest.mark.parametrize("suffix", ["m4a", "aac", "mp4", "3gp", "amr", "webm", "M4A"])
def test_recordings_of_phones_are_listed(labelled, suffix):
    (labelled / "murmur" / f"9_a.{suffix}").write_bytes(b"?")
    assert sum(path.endswith(suffix) for path in list_recordings(labelled)) == 1


def test_hidden_files_are_counted(labelled):
    for name in ("._1_a.wav", ".1.wav", ".DS_Store"):
        (labelled / "normal" / name).write_bytes(b"?")
    sound(labelled / ".cache" / "x.wav")
    with pytest.warns(
        RecordingWarning, match=r"3 hidden file\(s\) or folder\(s\), such as .*cache"
    ):
        assert len(list_recordings(labelled)) == 3


def test_links_are_followed_once(labelled, tmp_path):
    sound(tmp_path / "far" / "5_a.wav")
    (labelled / "murmur" / "far").symlink_to(tmp_path / "far")
    (labelled / "murmur" / "back").symlink_to(labelled)
    assert [os.path.basename(p) for p in list_recordings(labelled / "murmur")][-1] == "5_a.wav"
    assert load(labelled).target.tolist().count("murmur") == 2


def test_a_folder_that_cannot_be_read_is_named(labelled, monkeypatch):
    real = os.scandir

    def scandir(path):
        if os.path.basename(path) == "deep":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.warns(
        RecordingWarning, match=r"deep' is left out: the folder cannot be read \(Per"
    ):
        assert len(list_recordings(labelled)) == 2
