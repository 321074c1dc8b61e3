"""load_physionet2016 on a small folder in the published layout."""

import re

import numpy as np
import pytest

from skheart.datasets import LeakageWarning, load_physionet2016
from tests.helpers.sounds import assert_frame_reads_again, sound

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


def test_the_bunch_has_the_content_of_the_folder(physionet):
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
    # The published quality takes precedence over that of subjects.csv.
    assert bunch.frame.sqi.tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert bunch.frame.subject_known.all()
    assert bunch.segmentation == [None] * 7
    assert bunch.sr == 2000
    for word in ["ODC-By", "copy of training", "equipment", "Liu"]:
        assert word in bunch.DESCR
    paths, y = load_physionet2016(physionet, return_X_y=True)
    assert (paths, y.tolist()) == (bunch.paths, bunch.target.tolist())


def test_the_folders_around_the_data_are_accepted(tmp_path, monkeypatch):
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


def test_databases_can_be_selected(physionet):
    assert load_physionet2016(physionet, databases=["f", "training-a"]).target.tolist() == [
        1, -1, -1,
    ]  # fmt: skip
    with pytest.raises(FileNotFoundError, match=r"training-c, and there is no such folder; there"):
        load_physionet2016(physionet, databases=["a", "c"])
    for wrong in (["g"], [], "training"):
        with pytest.raises(ValueError, match="databases must be None or a list of 'a'"):
            load_physionet2016(physionet, databases=wrong)


def test_validation_is_only_read_on_request(physionet):
    validation = str(physionet / "validation")
    assert not any(path.startswith(validation) for path in load_physionet2016(physionet).paths)
    for folder in [physionet, physionet / "validation", physionet.parent]:
        with pytest.warns(UserWarning, match=r"validation is a copy of training recordings"):
            bunch = load_physionet2016(folder, subset="validation")
        assert bunch.paths == [str(physionet / "validation" / "b0001.wav")]
        assert bunch.database.tolist() == ["training-b"]
        # The same person as in the training set.
        assert bunch.groups.tolist() == ["p2"]
    with pytest.raises(ValueError, match="subset must be one of"):
        load_physionet2016(physionet, subset="test")
    with pytest.raises(FileNotFoundError, match="no validation/ in this folder"):
        load_physionet2016(physionet / "training-a", subset="validation")


def test_training_recordings_copied_to_validation_are_marked(physionet):
    frame = load_physionet2016(physionet).frame
    assert frame.recording[frame.in_validation].tolist() == ["b0001"]
    one = load_physionet2016(physionet / "training-b").frame
    assert one.in_validation.tolist() == [True, False]
    (physionet / "validation" / "REFERENCE.csv").unlink()
    assert "in_validation" not in load_physionet2016(physionet).frame


def test_unknown_subjects_give_a_warning(physionet):
    (physionet / "subjects.csv").unlink()
    with pytest.warns(LeakageWarning, match=r"7 of 7 recordings are unknown.*both sides"):
        bunch = load_physionet2016(physionet)
    assert bunch.groups.tolist() == bunch.frame.recording.tolist()
    assert not bunch.frame.subject_known.any()
    assert np.isnan(bunch.frame.sqi[0])


def test_groups_from_the_published_appendix(physionet):
    (physionet / "subjects.csv").unlink()
    (physionet / "annotations").mkdir()
    (physionet / "annotations" / "Online_Appendix_training_set.csv").write_text(
        APPENDIX, encoding="utf-8"
    )
    with pytest.warns(UserWarning, match="1 of 7 recordings are unknown"):
        bunch = load_physionet2016(physionet)
    assert bunch.groups.tolist() == [
        "a-C45", "a-C45", "b-S104", "b-S104", "e-Normal-raw215", "e-Normal-raw215", "f0001",
    ]  # fmt: skip
    assert bunch.frame.sex[:3].tolist() == ["Female", "Female", "Male"]
    assert bunch.frame.age[[0, 3]].tolist() == [31.0, 60.0]
    assert np.isnan(bunch.frame.age[2])
    assert bunch.frame.diagnosis[0] == "MVP"
    # subjects.csv takes precedence.
    write_subjects(physionet)
    assert load_physionet2016(physionet).groups.tolist() == GROUPS


def test_missing_or_invalid_files_are_errors(physionet, tmp_path):
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


def test_invalid_tables_of_subjects_are_errors(physionet):
    (physionet / "subjects.csv").write_text("path,person\n")
    with pytest.raises(ValueError, match="no column 'group'; it has 'path', 'person'"):
        load_physionet2016(physionet)
    (physionet / "subjects.csv").unlink()
    (physionet / "Online Appendix_training set.csv").write_text("Name,Subject ID\na0001,3\n")
    with pytest.raises(ValueError, match="no column 'Challenge record name'"):
        load_physionet2016(physionet)


def test_the_frame_is_a_table_that_load_table_reads(physionet, tmp_path):
    assert_frame_reads_again(load_physionet2016(physionet), tmp_path)
