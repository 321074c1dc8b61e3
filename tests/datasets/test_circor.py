"""load_circor on a small folder in the published layout."""

import numpy as np
import pandas as pd
import pytest

from skheart.audio import RecordingWarning, read_recording
from skheart.datasets import load_circor
from tests.helpers.sounds import assert_frame_reads_again, sound

CIRCOR_HEADING = (
    "Patient ID,Recording locations:,Age,Sex,Height,Weight,Pregnancy status,Murmur,"
    "Murmur locations,Most audible location,Systolic murmur grading,Outcome,Campaign,"
    "Additional ID\n"
)
CIRCOR_ROWS = {
    "901": "901,AV+MV,Child,Female,98.0,15.9,False,Present,AV+MV,MV,III/VI,Abnormal,CC2014,9800\n",
    "1002": "1002,AV+AV,Infant,Male,nan,nan,False,Absent,nan,nan,nan,Normal,CC2015,nan\n",
    "9800": "9800,PV,nan,Female,120.5,22.0,False,Unknown,nan,nan,nan,Abnormal,CC2015,901\n",
    "1003": "1003,Phc,Adolescent,Female,150,40,True,Absent,nan,nan,nan,Normal,CC2014,55\n",
}
CIRCOR_RECORDINGS = {
    "901": ["901_AV", "901_MV"],
    "1002": ["1002_AV_1", "1002_AV_2"],
    "9800": ["9800_PV"],
    "1003": ["1003_Phc"],
}


def write_circor(root, suffix=".wav", patients=tuple(CIRCOR_ROWS)):
    root.mkdir(parents=True, exist_ok=True)
    rows = "".join(CIRCOR_ROWS[p] for p in patients)
    (root / "training_data.csv").write_text(CIRCOR_HEADING + rows)
    folder = root / "training_data"
    for pid in patients:
        lines = [f"{pid} {len(CIRCOR_RECORDINGS[pid])} 4000\n"]
        for stem in CIRCOR_RECORDINGS[pid]:
            sound(folder / f"{stem}{suffix}")
            (folder / f"{stem}.hea").write_text(f"{stem} 1 4000 40\n")
            (folder / f"{stem}.tsv").write_text("0\t0.25\t0\n0.25\t0.35\t1\n0.35\t0.5\t2\n")
            lines.append(f"{stem.split('_')[1]} {stem}.hea {stem}.wav {stem}.tsv\n")
        lines += ["#Age: Child\n", f"#Outcome: {'Normal' if pid < '2' else 'Abnormal'}\n"]
        (folder / f"{pid}.txt").write_text("".join(lines))
    return root


@pytest.fixture
def circor(tmp_path):
    return write_circor(tmp_path / "circor")


def test_the_bunch_has_the_content_of_the_folder(circor):
    bunch = load_circor(circor)
    stems = ["901_AV", "901_MV", "1002_AV_1", "1002_AV_2", "9800_PV", "1003_Phc"]
    assert bunch.paths == [str(circor / "training_data" / f"{s}.wav") for s in stems]
    assert bunch.data is bunch.paths
    assert bunch.target.tolist() == ["Present"] * 2 + ["Absent"] * 2 + ["Unknown", "Absent"]
    assert bunch.target_names == np.unique(bunch.target).tolist()
    assert bunch.site.tolist() == ["AV", "MV", "AV", "AV", "PV", "Phc"]
    # 901 and 9800 are one person; 1003 is 55, who is not in this folder.
    assert bunch.groups.tolist() == ["901", "901", "1002", "1002", "901", "55"]
    assert bunch.sr == 4000
    for word in ["ODC-By", "Oliveira", "4 kHz", "Absent", "groups"]:
        assert word in bunch.DESCR


def test_the_frame_has_the_published_columns(circor):
    frame = load_circor(circor).frame
    names = ["path", "label", "subject", "patient", "visit", "site", "recording"]
    assert frame.columns[:7].tolist() == names
    assert frame.patient.tolist() == frame.patient_id.tolist()
    assert frame.visit.tolist() == frame.campaign.tolist()
    first, second = frame.iloc[0], frame.iloc[2]
    assert (first.patient_id, first.age, first.sex) == ("901", "Child", "Female")
    assert (first.height, first.weight) == (98.0, 15.9)
    assert (first.murmur_locations, first.most_audible_location) == ("AV+MV", "MV")
    assert (first.systolic_murmur_grading, first.campaign) == ("III/VI", "CC2014")
    assert (first.additional_id, first.outcome) == ("9800", "Abnormal")
    # Cells "nan" of the table are missing values.
    unknown = ["height", "weight", "murmur_locations", "systolic_murmur_grading", "additional_id"]
    assert second[unknown].isna().all()
    assert frame.height.dtype == frame.weight.dtype == float
    assert frame.pregnancy_status.tolist() == [False] * 5 + [True]
    assert frame.age.isna().tolist() == [False] * 4 + [True, False]


def test_segmentations_are_read_where_they_exist(circor):
    (circor / "training_data" / "901_MV.tsv").unlink()
    (circor / "training_data" / "9800_PV.tsv").write_text("1.5\t1.75\t3\n1.75\t2.125\t4\n")
    segments = load_circor(circor).segmentation
    assert len(segments) == 6
    assert segments[1] is None
    assert segments[0].columns.tolist() == ["start", "end", "state"]
    assert segments[0].state.tolist() == ["unannotated", "S1", "systole"]
    assert segments[0].start.tolist() == [0.0, 0.25, 0.35]
    assert segments[4].values.tolist() == [[1.5, 1.75, "S2"], [1.75, 2.125, "diastole"]]
    assert (segments[4].state == "S2").sum() == 1


def test_outcome_and_return_X_y(circor):
    paths, y = load_circor(circor, target="outcome", return_X_y=True)
    assert y.tolist() == ["Abnormal", "Abnormal", "Normal", "Normal", "Abnormal", "Normal"]
    assert paths == load_circor(circor).paths
    assert load_circor(circor, target="outcome").target_names == ["Abnormal", "Normal"]


def test_the_outcome_can_come_from_the_patients_files(circor):
    table = pd.read_csv(circor / "training_data.csv", dtype=str)
    table.drop(columns="Outcome").to_csv(circor / "training_data.csv", index=False)
    expected = ["Abnormal", "Abnormal", "Normal", "Normal", "Abnormal", "Normal"]
    assert load_circor(circor, target="outcome").target.tolist() == expected


@pytest.mark.parametrize("patients", [["901"], ["9800"], ["901", "9800"], ["9800", "901"]])
def test_a_person_has_one_name_whichever_number_is_present(tmp_path, patients):
    root = write_circor(tmp_path / "part", patients=patients)
    assert set(load_circor(root).groups) == {"901"}


def test_a_chain_of_numbers_is_one_person(circor):
    table = pd.read_csv(circor / "training_data.csv", dtype=str)
    # 901 -> 9800 -> 1003 -> 55, the second written as a float.
    table["Additional ID"] = ["9800", "nan", "1003.0", "55"]
    table.to_csv(circor / "training_data.csv", index=False)
    assert load_circor(circor).groups.tolist() == ["55", "55", "1002", "1002", "55", "55"]


def test_without_additional_ids_every_number_is_a_person(circor):
    table = pd.read_csv(circor / "training_data.csv", dtype=str)
    table.drop(columns="Additional ID").to_csv(circor / "training_data.csv", index=False)
    assert load_circor(circor).groups.tolist() == ["901", "901", "1002", "1002", "9800", "1003"]


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".WAV"])
def test_recordings_in_other_formats(tmp_path, suffix):
    bunch = load_circor(write_circor(tmp_path / "other", suffix))
    assert len(bunch.paths) == 6
    assert all(path.endswith(suffix) for path in bunch.paths)
    assert read_recording(bunch.paths[0])[1] == 4000


def test_the_published_format_is_preferred(circor):
    sound(circor / "training_data" / "901_AV.flac")
    assert load_circor(circor).paths[0].endswith("901_AV.wav")


def test_the_folders_around_the_data_are_accepted(circor, tmp_path, monkeypatch):
    expected = load_circor(circor).paths
    assert load_circor(circor / "training_data").paths == expected
    assert load_circor(tmp_path).paths == expected  # circor/ lies in it
    assert load_circor(str(circor)).paths == expected
    monkeypatch.chdir(circor)
    assert load_circor(".").paths[0] == "training_data/901_AV.wav"
    # As some archives unpack: training_data/training_data.
    (circor / "training_data").rename(circor / "inner")
    (circor / "training_data").mkdir()
    (circor / "inner").rename(circor / "training_data" / "training_data")
    assert len(load_circor(circor).paths) == 6


def test_without_the_patients_files(circor):
    expected = load_circor(circor).paths
    for path in (circor / "training_data").glob("*.txt"):
        path.unlink()
    assert load_circor(circor).paths == expected


def test_recordings_of_unlisted_patients_give_a_warning(circor):
    sound(circor / "training_data" / "777_AV.wav")
    with pytest.warns(RecordingWarning, match=r"1 recording\(s\) are not listed.*first: 777"):
        bunch = load_circor(circor)
    assert len(bunch.paths) == 6


def test_a_wrong_target_or_folder_is_an_error(circor, tmp_path):
    with pytest.raises(
        ValueError, match=r"target must be one of \('murmur', 'outcome'\). Got 'Murmur'"
    ):
        load_circor(circor, target="Murmur")
    with pytest.raises(
        FileNotFoundError, match=r"nowhere: there is no such folder.*fetch_circor"
    ) as e:
        load_circor(tmp_path / "nowhere")
    assert "`skheart fetch circor FOLDER`" in str(e.value)
    with pytest.raises(NotADirectoryError, match="is a file. Expected the folder"):
        load_circor(circor / "training_data.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no training_data\.csv.*fetch_circor"):
        load_circor(tmp_path / "empty")
    write_circor(tmp_path / "second")
    with pytest.raises(ValueError, match=r"several copies of the data \(circor, second\)"):
        load_circor(tmp_path)


def test_missing_recordings_are_named(circor):
    (circor / "training_data" / "901_MV.wav").unlink()
    (circor / "training_data" / "9800_PV.wav").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"2 recording\(s\).*901_MV \(901\.txt\), 9800_PV \(9800\.txt\)"
    ):
        load_circor(circor)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Absent", "Maybe", r"patient 1002 has murmur 'Maybe'; it must be one of Absent, Present"),
        ("Murmur,", "Sound,", "no column for murmur; it has patient_id, recording_locations"),
        ("Patient ID", "Id", "no column for patient_id"),
    ],
)
def test_an_invalid_table_is_an_error(circor, old, new, message):
    table = circor / "training_data.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_circor(circor)


def test_a_table_without_rows_or_recordings_is_an_error(circor):
    (circor / "training_data.csv").write_text(CIRCOR_HEADING)
    with pytest.raises(ValueError, match="a heading but no rows"):
        load_circor(circor)
    (circor / "training_data.csv").write_text(CIRCOR_HEADING + CIRCOR_ROWS["901"])
    for path in (circor / "training_data").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="no recording of the patients"):
        load_circor(circor)


@pytest.mark.parametrize("text", ["0\t1\n", "0\t1\t5\n", "0\t1\tS1\n", "0\t1\t1.5\n", "0\t1\t-1\n"])
def test_an_invalid_segmentation_is_named(circor, text):
    (circor / "training_data" / "901_MV.tsv").write_text(text)
    with pytest.raises(ValueError, match=r"901_MV\.tsv, line 1: not a segmentation"):
        load_circor(circor)


def test_the_frame_is_a_table_that_load_table_reads(circor, tmp_path):
    assert_frame_reads_again(load_circor(circor), tmp_path)


# ---------------------------------------------------------------------- published splits


def write_split(path, **parts):
    lines = [
        f"heart-murmur-detection/data/stratified_data1/{part}_data/{name}\n"
        for part, names in parts.items()
        for name in names
    ]
    path.write_text("dest_file\n" + "".join(lines))
    return path


def test_a_published_list_gives_the_partition(circor, tmp_path):
    assert load_circor(circor).partition is None
    split = write_split(
        tmp_path / "split.csv",
        train=["1002_AV_1.wav", "1002_AV_2.tsv", "1002.txt"],
        vali=["1003.txt", "1003_Phc.hea"],
        test=["901_AV.wav", "901_MV.wav", "9800_PV.wav"],
    )
    bunch = load_circor(circor, split=split)
    assert bunch.partition.tolist() == ["test"] * 2 + ["train"] * 2 + ["test", "validation"]
    assert bunch.frame["partition"].tolist() == bunch.partition.tolist()


def test_a_split_with_a_person_on_both_sides_or_missing_patients_gives_a_warning(circor, tmp_path):
    torn = write_split(
        tmp_path / "torn.csv", train=["901_AV.wav", "1002.txt"], test=["9800_PV.wav", "1003.txt"]
    )
    with pytest.warns(UserWarning, match=r"1 person\(s\) with two patient numbers .*first: 901"):
        assert load_circor(circor, split=torn).partition[[0, 4]].tolist() == ["train", "test"]
    part = write_split(tmp_path / "part.csv", train=["1002.txt"])
    with pytest.warns(UserWarning, match="not name the patients of 4 of 6 recordings"):
        bunch = load_circor(circor, split=part)
    assert bunch.partition.tolist() == ["", "", "train", "train", "", ""]


def test_an_invalid_split_is_an_error(circor, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such split list.*nttcslab/m2d"):
        load_circor(circor, split=tmp_path / "nothing.csv")
    twice = write_split(tmp_path / "twice.csv", train=["901_AV.wav"], test=["901_MV.wav"])
    with pytest.raises(ValueError, match="patient 901 is both in train and in test"):
        load_circor(circor, split=twice)
    other = write_split(tmp_path / "other.csv", train=["77_AV.wav"])
    with pytest.raises(ValueError, match="names none of the patients"):
        load_circor(circor, split=other)
