"""Loaders: small folders in the published layouts, compared with what was written into them."""

import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.model_selection import GroupKFold

from skheart import datasets
from skheart.audio import read_recording
from skheart.datasets import (
    list_recordings,
    load_circor,
    load_hss,
    load_physionet2016,
    load_table,
)

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


def sound(path, n_samples=40, sr=4000):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(n_samples).integers(-99, 99, n_samples)
    soundfile.write(path, values.astype(np.int16), sr)
    return str(path)


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


# --- CirCor ---------------------------------------------------------------------------------


def test_circor_reads_what_was_written(circor):
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


def test_circor_frame(circor):
    frame = load_circor(circor).frame
    assert frame.columns[:5].tolist() == ["path", "label", "subject", "site", "recording"]
    first, second = frame.iloc[0], frame.iloc[2]
    assert (first.patient_id, first.age, first.sex) == ("901", "Child", "Female")
    assert (first.height, first.weight) == (98.0, 15.9)
    assert (first.murmur_locations, first.most_audible_location) == ("AV+MV", "MV")
    assert (first.systolic_murmur_grading, first.campaign) == ("III/VI", "CC2014")
    assert (first.additional_id, first.outcome) == ("9800", "Abnormal")
    # What the table calls nan is NaN, not a word.
    unknown = ["height", "weight", "murmur_locations", "systolic_murmur_grading", "additional_id"]
    assert second[unknown].isna().all()
    assert frame.height.dtype == frame.weight.dtype == float
    assert frame.pregnancy_status.tolist() == [False] * 5 + [True]
    assert frame.age.isna().tolist() == [False] * 4 + [True, False]


def test_circor_segmentation(circor):
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


def test_circor_outcome_and_X_y(circor):
    paths, y = load_circor(circor, target="outcome", return_X_y=True)
    assert y.tolist() == ["Abnormal", "Abnormal", "Normal", "Normal", "Abnormal", "Normal"]
    assert paths == load_circor(circor).paths
    assert load_circor(circor, target="outcome").target_names == ["Abnormal", "Normal"]


def test_circor_outcome_from_the_files_of_patients(circor):
    table = pd.read_csv(circor / "training_data.csv", dtype=str)
    table.drop(columns="Outcome").to_csv(circor / "training_data.csv", index=False)
    expected = ["Abnormal", "Abnormal", "Normal", "Normal", "Abnormal", "Normal"]
    assert load_circor(circor, target="outcome").target.tolist() == expected


@pytest.mark.parametrize("patients", [["901"], ["9800"], ["901", "9800"], ["9800", "901"]])
def test_circor_person_has_one_name_whoever_is_present(tmp_path, patients):
    root = write_circor(tmp_path / "part", patients=patients)
    assert set(load_circor(root).groups) == {"901"}


def test_circor_chain_of_numbers_is_one_person(circor):
    table = pd.read_csv(circor / "training_data.csv", dtype=str)
    # 901 -> 9800 -> 1003 -> 55, the second written as a float.
    table["Additional ID"] = ["9800", "nan", "1003.0", "55"]
    table.to_csv(circor / "training_data.csv", index=False)
    assert load_circor(circor).groups.tolist() == ["55", "55", "1002", "1002", "55", "55"]


def test_circor_without_additional_numbers(circor):
    table = pd.read_csv(circor / "training_data.csv", dtype=str)
    table.drop(columns="Additional ID").to_csv(circor / "training_data.csv", index=False)
    assert load_circor(circor).groups.tolist() == ["901", "901", "1002", "1002", "9800", "1003"]


def test_circor_groups_keep_a_person_on_one_side(circor):
    bunch = load_circor(circor)
    for train, test in GroupKFold(3).split(bunch.paths, bunch.target, bunch.groups):
        merged = bunch.frame.patient_id.replace("9800", "901")
        assert not set(merged[train]) & set(merged[test])


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".WAV"])
def test_circor_in_other_formats(tmp_path, suffix):
    bunch = load_circor(write_circor(tmp_path / "other", suffix))
    assert len(bunch.paths) == 6
    assert all(path.endswith(suffix) for path in bunch.paths)
    assert read_recording(bunch.paths[0])[1] == 4000


def test_circor_prefers_the_published_format(circor):
    sound(circor / "training_data" / "901_AV.flac")
    assert load_circor(circor).paths[0].endswith("901_AV.wav")


def test_circor_accepts_the_folders_around_it(circor, tmp_path, monkeypatch):
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


def test_circor_without_files_of_patients(circor):
    expected = load_circor(circor).paths
    for path in (circor / "training_data").glob("*.txt"):
        path.unlink()
    assert load_circor(circor).paths == expected


def test_circor_warns_of_recordings_left_out(circor):
    sound(circor / "training_data" / "777_AV.wav")
    with pytest.warns(UserWarning, match=r"1 recording\(s\) are of 1 patient\(s\).*first: 777"):
        bunch = load_circor(circor)
    assert len(bunch.paths) == 6


def test_circor_errors(circor, tmp_path):
    with pytest.raises(
        ValueError, match="`target` must be one of 'murmur', 'outcome'. Got 'Murmur'"
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


def test_circor_missing_recordings_are_named(circor):
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
def test_circor_wrong_table(circor, old, new, message):
    table = circor / "training_data.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_circor(circor)


def test_circor_table_without_rows_or_recordings(circor):
    (circor / "training_data.csv").write_text(CIRCOR_HEADING)
    with pytest.raises(ValueError, match="the table has no row"):
        load_circor(circor)
    (circor / "training_data.csv").write_text(CIRCOR_HEADING + CIRCOR_ROWS["901"])
    for path in (circor / "training_data").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="no recording of the patients"):
        load_circor(circor)


@pytest.mark.parametrize("text", ["0\t1\n", "0\t1\t5\n", "0\t1\tS1\n", "0\t1\t1.5\n", "0\t1\t-1\n"])
def test_circor_wrong_segmentation_is_named(circor, text):
    (circor / "training_data" / "901_MV.tsv").write_text(text)
    with pytest.raises(ValueError, match=r"901_MV\.tsv: not a segmentation"):
        load_circor(circor)


# --- PhysioNet 2016 -------------------------------------------------------------------------

APPENDIX = (
    "\ufeffChallenge record name,Database,Original record name,Diagnosis,Gender,Age (year),"
    "Subject ID,# Raw record\n"
    "a0001,training-a,C45S1,MVP,Female,31,,\n"
    "a0002,training-a,C45S2 ,MVP,Female,31,,\n"
    "b0001,training-b,x1,CAD,Male,NaN,104,\n"
    "b0002,training-b,x2,Normal,Male,60,104,\n"
    "e00001,training-e,y1,Normal,,,,215\n"
    "e00002,training-e,y2,Normal,,,,215\n"
    "f0001,training-f,a18,Normal,,,,\n"
)


def write_physionet(root, suffix=".wav"):
    references = {
        "training-a": "a0001,1\na0002,-1\n",
        "training-b": "b0001,-1\r\nb0002,1\r\n",
        "training-e": "e00001,1\ne00002,-1\n",
        "training-f": "f0001,-1",
    }
    for name, text in references.items():
        for record in re.findall(r"\w\d+(?=,)", text):
            sound(root / name / f"{record}{suffix}", sr=2000)
        (root / name / "REFERENCE.csv").write_text(text, newline="")
    (root / "training-b" / "REFERENCE-SQI.csv").write_text("b0001,-1,0\nb0002,1,1\n")
    sound(root / "validation" / f"b0001{suffix}", sr=2000)
    (root / "validation" / "REFERENCE.csv").write_text("b0001,-1\n")
    return root


def write_subjects(folder, prefix=""):
    groups = {"a0001": "p1", "a0002": "p1", "b0001": "p2", "b0002": "p3", "f0001": "p9"}
    groups |= {"e00001": "p4", "e00002": "p4"}
    lines = [f"{prefix}training-{r[0]}/{r}.wav,0,s-{r},{g},1.0\n" for r, g in groups.items()]
    (folder / "subjects.csv").write_text("path,label,subject,group,sqi\n" + "".join(lines))


GROUPS = ["p1", "p1", "p2", "p3", "p4", "p4", "p9"]


@pytest.fixture
def physionet(tmp_path):
    root = write_physionet(tmp_path / "challenge")
    write_subjects(root)
    return root


def test_physionet_reads_what_was_written(physionet):
    bunch = load_physionet2016(physionet)
    names = ["a0001", "a0002", "b0001", "b0002", "e00001", "e00002", "f0001"]
    assert bunch.paths == [str(physionet / f"training-{n[0]}" / f"{n}.wav") for n in names]
    assert bunch.target.tolist() == [1, -1, -1, 1, 1, -1, -1]
    assert bunch.target.dtype.kind == "i"
    assert bunch.target_names == ["normal", "abnormal"]
    assert bunch.database.tolist() == [f"training-{n[0]}" for n in names]
    assert bunch.groups.tolist() == GROUPS
    assert bunch.frame.columns[:5].tolist() == [
        "path", "label", "subject", "database", "recording",
    ]  # fmt: skip
    # The published table of quality comes before that of subjects.csv.
    assert bunch.frame.sqi.tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert bunch.frame.subject_known.all()
    assert bunch.segmentation == [None] * 7
    assert bunch.sr == 2000
    for word in ["ODC-By", "copy of training", "rig", "Liu"]:
        assert word in bunch.DESCR
    paths, y = load_physionet2016(physionet, return_X_y=True)
    assert (paths, y.tolist()) == (bunch.paths, bunch.target.tolist())


def test_physionet_layouts(tmp_path, monkeypatch):
    root = write_physionet(tmp_path / "physionet" / "training", ".flac")
    write_subjects(tmp_path / "physionet", "training/")
    expected = load_physionet2016(root)
    assert expected.groups.tolist() == GROUPS
    for folder in [tmp_path / "physionet", tmp_path]:
        bunch = load_physionet2016(folder)
        assert bunch.paths == expected.paths
        assert bunch.groups.tolist() == GROUPS
    one = load_physionet2016(root / "training-b")
    assert one.groups.tolist() == ["p2", "p3"]
    monkeypatch.chdir(root)
    assert load_physionet2016(".").groups.tolist() == GROUPS


def test_physionet_databases(physionet):
    assert load_physionet2016(physionet, databases=["f", "training-a"]).target.tolist() == [
        1, -1, -1,
    ]  # fmt: skip
    with pytest.raises(FileNotFoundError, match=r"training-c, and there is no such folder; there"):
        load_physionet2016(physionet, databases=["a", "c"])
    for wrong in (["g"], [], "training"):
        with pytest.raises(ValueError, match="`databases` must be None or a list of 'a'"):
            load_physionet2016(physionet, databases=wrong)


def test_physionet_validation_is_read_only_when_asked_for(physionet):
    validation = str(physionet / "validation")
    assert not any(path.startswith(validation) for path in load_physionet2016(physionet).paths)
    for folder in [physionet, physionet / "validation", physionet.parent]:
        bunch = load_physionet2016(folder, subset="validation")
        assert bunch.paths == [str(physionet / "validation" / "b0001.wav")]
        assert bunch.database.tolist() == ["training-b"]
        # The same person as in the training set: the copy does not hide.
        assert bunch.groups.tolist() == ["p2"]
    with pytest.raises(ValueError, match="`subset` must be one of 'training', 'validation'"):
        load_physionet2016(physionet, subset="test")
    with pytest.raises(FileNotFoundError, match="no validation/ in this folder"):
        load_physionet2016(physionet / "training-a", subset="validation")


def test_physionet_unknown_subjects_are_told(physionet):
    (physionet / "subjects.csv").unlink()
    with pytest.warns(UserWarning, match=r"7 of 7 recordings are not known.*both sides"):
        bunch = load_physionet2016(physionet)
    assert bunch.groups.tolist() == bunch.frame.recording.tolist()
    assert not bunch.frame.subject_known.any()
    assert np.isnan(bunch.frame.sqi[0])


def test_physionet_groups_from_the_published_appendix(physionet):
    (physionet / "subjects.csv").unlink()
    (physionet / "annotations").mkdir()
    (physionet / "annotations" / "Online_Appendix_training_set.csv").write_text(
        APPENDIX, encoding="utf-8"
    )
    with pytest.warns(UserWarning, match="1 of 7 recordings are not known"):
        bunch = load_physionet2016(physionet)
    assert bunch.groups.tolist() == [
        "a-C45", "a-C45", "b-S104", "b-S104", "e-Normal-raw215", "e-Normal-raw215", "f0001",
    ]  # fmt: skip
    assert bunch.frame.sex[:3].tolist() == ["Female", "Female", "Male"]
    assert bunch.frame.age[[0, 3]].tolist() == [31.0, 60.0]
    assert np.isnan(bunch.frame.age[2])
    assert bunch.frame.diagnosis[0] == "MVP"
    # A table of one's own comes first.
    write_subjects(physionet)
    assert load_physionet2016(physionet).groups.tolist() == GROUPS


def test_physionet_errors(physionet, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder.*fetch_physionet2016") as e:
        load_physionet2016(tmp_path / "nowhere")
    assert "`skheart fetch physionet2016 FOLDER`" in str(e.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no training-a/ to training-f/"):
        load_physionet2016(tmp_path / "empty")
    (physionet / "training-a" / "a0002.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 recording\(s\).*missing: a0002"):
        load_physionet2016(physionet)
    reference = physionet / "training-a" / "REFERENCE.csv"
    reference.write_text("a0001,1\na0002,0\n")
    with pytest.raises(ValueError, match=r"REFERENCE\.csv, line 2: 'a0002,0' is not a record"):
        load_physionet2016(physionet)
    reference.write_text("\n")
    with pytest.raises(ValueError, match="lists no recording"):
        load_physionet2016(physionet / "training-a")
    reference.unlink()
    with pytest.raises(FileNotFoundError, match=r"no REFERENCE\.csv"):
        load_physionet2016(physionet)


def test_physionet_wrong_tables_of_subjects(physionet):
    (physionet / "subjects.csv").write_text("path,person\n")
    with pytest.raises(ValueError, match="needs the columns path and group; it has path, person"):
        load_physionet2016(physionet)
    (physionet / "subjects.csv").unlink()
    (physionet / "Online Appendix_training set.csv").write_text("Name,Subject ID\na0001,3\n")
    with pytest.raises(ValueError, match="no column 'Challenge record name'"):
        load_physionet2016(physionet)


# --- HSS ------------------------------------------------------------------------------------


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


def test_hss_reads_what_was_written(hss, tmp_path):
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


def test_hss_withheld_labels(hss):
    bunch = load_hss(hss, partition="test")
    assert bunch.target is None
    assert len(bunch.paths) == 1
    assert bunch.frame.label.isna().all()
    with pytest.raises(ValueError, match=r"1 of the 3 recordings .*first: test_0001"):
        load_hss(hss, partition=["train", "test"])
    # Whoever has the labels, can use them.
    table = hss / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text(table.read_text().replace("?", "1"))
    assert load_hss(hss, partition=["train", "test"]).target.tolist() == [0, 2, 1]


def test_hss_table_without_heading_and_with_quotes(hss):
    table = hss / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text("'train_0001.wav'\t0\n'train_0002.wav'\t2\n'devel_0001.wav'\t1\n")
    assert load_hss(hss).target.tolist() == [0, 2, 1]
    assert load_hss(hss, partition="test").target is None


def test_hss_errors(hss, tmp_path):
    for wrong in ("all", []):
        with pytest.raises(ValueError, match="`partition` must be one of 'train', 'devel', 'test'"):
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
    with pytest.raises(FileNotFoundError, match="no recording devel_0001.wav"):
        load_hss(hss)
    table.write_text("train_0001.wav\t3\n")
    with pytest.raises(ValueError, match=r"line 1: label '3' of train_0001\.wav must be 0"):
        load_hss(hss)
    for path in (hss / "wav").iterdir():
        path.unlink()
    (hss / "wav").rmdir()
    with pytest.raises(FileNotFoundError, match="no wav/"):
        load_hss(hss)


# --- A table of one's own -------------------------------------------------------------------


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


def test_frame_of_a_loader_is_a_table_that_load_table_reads(circor, physionet, tmp_path):
    """What one exports and reads again keeps labels and groups: no leak by the way."""
    for bunch in (load_circor(circor), load_physionet2016(physionet)):
        bunch.frame.to_csv(tmp_path / "export.csv", index=False)
        again = load_table(tmp_path / "export.csv")
        assert again.paths == bunch.paths
        assert again.target.tolist() == bunch.target.tolist()
        assert again.groups.tolist() == bunch.groups.tolist()
