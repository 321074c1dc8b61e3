"""load_hss on a small folder in the layout of the challenge."""

import pytest

from skheart.datasets import load_hss
from tests.helpers.sounds import sound


@pytest.fixture
def hss(tmp_path):
    root = tmp_path / "hss"
    labels = {"train_0002": "2", "train_0001": "0", "devel_0001": "1", "test_0001": "?"}
    for stem in labels:
        sound(root / "wav" / f"{stem}.wav")
    (root / "lab").mkdir()
    lines = [f"{stem}.wav\t{label}\n" for stem, label in labels.items()]
    (root / "lab" / "ComParE2018_Heartbeat.tsv").write_text("file_name\tlabel\n" + "".join(lines))
    return root


def test_the_bunch_has_the_content_of_the_folder(hss, tmp_path):
    bunch = load_hss(hss)
    stems = ["train_0001", "train_0002", "devel_0001"]
    assert bunch.paths == [str(hss / "wav" / f"{stem}.wav") for stem in stems]
    assert bunch.target.tolist() == [0, 2, 1]
    assert bunch.target_names == ["normal", "mild", "moderate/severe"]
    assert bunch.partition.tolist() == ["train", "train", "devel"]
    assert bunch.frame.label.tolist() == [0, 2, 1]
    assert bunch.groups is None
    assert "by request" in bunch.DESCR
    assert load_hss(hss, partition="devel", return_X_y=True)[1].tolist() == [1]
    assert load_hss(tmp_path).paths == bunch.paths


def test_withheld_labels(hss):
    bunch = load_hss(hss, partition="test")
    assert bunch.target is None
    assert len(bunch.paths) == 1
    assert bunch.frame.label.isna().all()
    with pytest.raises(ValueError, match=r"1 of 3 recordings .*first: test_0001"):
        load_hss(hss, partition=["train", "test"])
    # Users who have the labels can add them to the table.
    table = hss / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text(table.read_text().replace("?", "1"))
    assert load_hss(hss, partition=["train", "test"]).target.tolist() == [0, 2, 1]


def test_a_table_without_heading_and_with_quotes(hss):
    table = hss / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text("'train_0001.wav'\t0\n'train_0002.wav'\t2\n'devel_0001.wav'\t1\n")
    assert load_hss(hss).target.tolist() == [0, 2, 1]
    assert load_hss(hss, partition="test").target is None


def test_missing_or_invalid_files_are_errors(hss, tmp_path):
    for wrong in ("all", []):
        with pytest.raises(ValueError, match="partition must be 'train', 'devel', 'test'"):
            load_hss(hss, partition=wrong)
    with pytest.raises(FileNotFoundError, match=r"no such folder.*by its authors on request"):
        load_hss(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no lab.ComParE2018_Heartbeat.tsv"):
        load_hss(hss / "wav")
    (hss / "wav" / "devel_0001.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 recording\(s\).*missing: devel_0001"):
        load_hss(hss)
    table = hss / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text("train_0001.wav\t0\ntrain_0002.wav\t2\n")
    with pytest.raises(FileNotFoundError, match="no recording of the partition devel"):
        load_hss(hss)
    table.write_text("train_0001.wav\t3\n")
    with pytest.raises(ValueError, match=r"line 1: label '3' of train_0001\.wav must be 0"):
        load_hss(hss)
    for path in (hss / "wav").iterdir():
        path.unlink()
    (hss / "wav").rmdir()
    with pytest.raises(FileNotFoundError, match="no wav/"):
        load_hss(hss)
