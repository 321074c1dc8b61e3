"""Missing values, contradictions, encodings and units in the tables of all loaders."""

import numpy as np
import pytest

from skheart.datasets import (
    LeakageWarning,
    list_recordings,
    load_circor,
    load_hss,
    load_physionet2016,
    load_table,
)
from tests.helpers.sounds import sound

MISSING = ["NA", "N/A", "#N/A", "<NA>", "nan", "NaN", "NULL", "None", "?", "", " NA "]
HEADING = "Patient ID,Age,Height,Murmur,Outcome,Additional ID\n"


@pytest.fixture
def table(tmp_path):
    for name in ("a", "b", "c"):
        sound(tmp_path / f"{name}.wav")

    def write(text, **how):
        path = tmp_path / "t.csv"
        path.write_bytes(text.encode(**how))
        return path

    return write


@pytest.fixture
def circor(tmp_path):
    """Write rows of CirCor's table for the recordings of patients 101 and 102."""
    for name in ("101_AV", "102_AV"):
        sound(tmp_path / "circor" / "training_data" / f"{name}.wav")

    def write(rows, heading=HEADING, **how):
        (tmp_path / "circor" / "training_data.csv").write_bytes((heading + rows).encode(**how))
        return tmp_path / "circor"

    return write


@pytest.fixture
def physionet(tmp_path):
    for name in ("a0001", "a0002"):
        sound(tmp_path / "training-a" / f"{name}.wav")
    (tmp_path / "subjects.csv").write_text("path,group\na0001.wav,p\na0002.wav,q\n")

    def write(text):
        (tmp_path / "training-a" / "REFERENCE.csv").write_text(text)
        return tmp_path

    return write


# ---------------------------------------------------------------------- missing values


@pytest.mark.parametrize("word", MISSING)
@pytest.mark.parametrize("role", ["path", "label", "subject", "patient"])
def test_a_missing_value_is_no_label_and_no_subject(table, role, word):
    rows = [{"path": f"{c}.wav", "label": c, "subject": c, "patient": c} for c in "ab"]
    rows[1][role] = word
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path = table("\n".join(lines))
    with pytest.raises(ValueError, match=rf"t\.csv, line 3: the {role} \(column '{role}'\)") as e:
        load_table(path)
    if word:
        assert repr(word.strip()) in str(e.value) or word.strip() == ""


def test_a_class_may_be_called_none(table):
    path = table("path,label,subject,note\na.wav,None,1,None\nb.wav,NA,2,5\n")
    with pytest.raises(ValueError, match=r"or pass na_values=\(\) if 'None' is a real label"):
        load_table(path)
    bunch = load_table(path, na_values=())
    assert bunch.target.tolist() == ["None", "NA"]
    assert bunch.frame.note.tolist() == ["None", "5"]
    assert load_table(path, na_values=["-"]).target.tolist() == ["None", "NA"]
    with pytest.raises(ValueError, match="na_values must be a list of strings. Got 'NA'"):
        load_table(path, na_values="NA")


def test_missing_values_in_other_columns_are_nan(table):
    """As R and pandas write them; identifiers stay text."""
    bunch = load_table(table("path,label,subject,patient,visit,site,age\n"
                             "a.wav,x,01,007,1,AV,NA\nb.wav,y,01,008,NA,?,31\n"))  # fmt: skip
    names = ["path", "label", "subject", "patient", "visit", "site", "age"]
    assert bunch.frame.columns.tolist() == names
    assert bunch.groups.tolist() == ["01", "01"]
    assert bunch.frame.patient.tolist() == ["007", "008"]
    assert bunch.frame.visit.fillna("-").tolist() == ["1", "-"]
    assert bunch.frame.site.fillna("-").tolist() == ["AV", "-"]
    np.testing.assert_array_equal(bunch.frame.age, [np.nan, 31])


@pytest.mark.parametrize("word", ["", "?"])
def test_a_row_without_a_path_is_not_lost(table, word):
    with pytest.raises(ValueError, match=r"line 3: the path .column 'path'."):
        list_recordings(table(f"path,label\na.wav,x\n{word},y\n"))


def test_missing_values_of_circor(circor):
    bunch = load_circor(circor("101,NA,nan,Present,Abnormal,?\n102,Child,98.5,Absent,Normal,NA\n"))
    assert bunch.groups.tolist() == ["101", "102"]  # not one person called NA
    assert bunch.frame[["age", "height", "additional_id"]].isna().sum().tolist() == [1, 1, 2]
    with pytest.raises(ValueError, match=r"training_data\.csv, line 2: the patient .*'Patient ID'"):
        load_circor(circor("nan,Child,98,Present,Abnormal,nan\n"))
    with pytest.raises(ValueError, match="line 2: patient 101 has murmur nan; it must be one of"):
        load_circor(circor("101,Child,98,NA,Abnormal,nan\n"))


def test_missing_subjects_of_physionet_are_unknown(physionet, tmp_path):
    (tmp_path / "subjects.csv").write_text("path,group\na0001.wav,NA\na0002.wav,?\n")
    with pytest.warns(LeakageWarning, match="subjects of 2 of 2 recordings are unknown"):
        bunch = load_physionet2016(physionet("a0001,1\na0002,-1\n"))
    assert bunch.groups.tolist() == ["a0001", "a0002"]


# ---------------------------------------------------------------------- contradictions


def test_a_record_with_two_labels(physionet):
    with pytest.raises(ValueError, match=r"REFERENCE\.csv, lines 1 and 3: a0001 is .*'1' and '-1'"):
        load_physionet2016(physionet("a0001,1\na0002,-1\na0001,-1\n"))
    root = physionet("a0001,1\na0002,-1\na0001,1\n")
    with pytest.warns(UserWarning, match=r"1 line\(s\) repeat another one \(first: line 3, a0001"):
        bunch = load_physionet2016(root)
    assert bunch.target.tolist() == [1, -1]
    assert len(bunch.paths) == 2


def test_a_record_with_two_groups(physionet, tmp_path):
    root = physionet("a0001,1\na0002,-1\n")
    (tmp_path / "subjects.csv").write_text("path,group\na0001.wav,p\nx/a0001.wav,q\n")
    with pytest.raises(ValueError, match=r"subjects\.csv, lines 2 and 3: a0001 .*than one group"):
        load_physionet2016(root)
    (tmp_path / "training-a" / "REFERENCE-SQI.csv").write_text("a0001,1,good\n")
    with pytest.raises(ValueError, match=r"REFERENCE-SQI\.csv, line 1: 'good' .*not a number"):
        load_physionet2016(root)


def test_a_patient_of_circor_in_two_rows(circor):
    rows = "101,Child,98,Present,Abnormal,nan\n102,Child,98,Absent,Normal,nan\n"
    with pytest.raises(ValueError, match=r"lines 2 and 4: 101 .*than one murmur, 'Present' and 'A"):
        load_circor(circor(rows + "101,Child,98,Absent,Abnormal,nan\n"))
    with pytest.raises(ValueError, match="more than one additional_id, nan and '7'"):
        load_circor(circor(rows + "101,Child,98,Present,Abnormal,7\n"))
    with pytest.warns(UserWarning, match=r"line 4, 101\)\. They are read once"):
        bunch = load_circor(circor(rows + "101.0,Child,98,Present,Abnormal,nan\n"))
    assert bunch.target.tolist() == ["Present", "Absent"]


def test_a_recording_of_hss_with_two_labels(tmp_path):
    sound(tmp_path / "wav" / "train_0001.wav")
    (tmp_path / "lab").mkdir()
    table = tmp_path / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text("file_name\tlabel\ntrain_0001.wav\t1\ntrain_0001.wav\t2\n")
    with pytest.raises(ValueError, match="lines 2 and 3: train_0001 is .*'1' and '2'"):
        load_hss(tmp_path, partition="train")


@pytest.mark.parametrize("role", ["subject", "patient", "site"])
def test_a_recording_with_two_values(table, role):
    with pytest.raises(ValueError, match=rf"lines 2 and 3: .*a\.wav .*one {role}, 'x' and 'y'"):
        load_table(table(f"path,label,{role}\na.wav,1,x\n./a.wav,1,y\n"))


# ---------------------------------------------------------------------- spreadsheets


def test_rows_of_commas_are_ignored(circor, table, physionet):
    row = "101,Child,98,Present,Abnormal,nan\n"
    assert load_circor(circor(f",,,,,\n{row},,,,,\n,,\n")).target.tolist() == ["Present"]
    assert len(load_table(table("path,label\na.wav,x\n,\n,\n")).paths) == 1
    assert load_physionet2016(physionet("a0001,1\n,\na0002,-1\n,,,\n")).target.tolist() == [1, -1]


def test_a_table_of_circor_with_semicolons(circor):
    rows = "101,Child,98,Present,Abnormal,nan\n102,Child,98,Absent,Normal,nan\n"
    semicolons = (rows.replace(",", ";"), HEADING.replace(",", ";"))
    assert load_circor(circor(*semicolons)).target.tolist() == ["Present", "Absent"]


def test_a_table_in_latin_1(circor, table):
    message = r"training_data\.csv, line 3, column 'Age': 'Bébé' .*not in UTF-8. Save the file as"
    rows = "101,Child,98,Present,Abnormal,nan\n102,Bébé,98,Absent,Normal,nan\n"
    with pytest.raises(ValueError, match=message):
        load_circor(circor(rows, encoding="latin-1"))
    with pytest.raises(ValueError, match=r"t\.csv, line 2, column 'label': 'né'"):
        load_table(table("path,label\na.wav,né\n", encoding="latin-1"))
    with pytest.raises(ValueError, match=r"t\.csv, line 1: 'é' .*not in UTF-8"):
        list_recordings(table("path,é\na.wav,x\n", encoding="latin-1"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_in_utf_16(circor, table, encoding):
    with pytest.raises(ValueError, match=r"t\.csv is in UTF-16 or not a text file. Save it as"):
        load_table(table("path,label\na.wav,x\n", encoding=encoding))
    with pytest.raises(ValueError, match="is in UTF-16"):
        load_circor(circor("101,Child,98,Present,Abnormal,nan\n", encoding=encoding))


def test_a_number_with_a_unit(circor):
    with pytest.raises(
        ValueError, match=r"training_data\.csv, line 2: '98 cm' in the column 'Height' .*no.* unit"
    ):
        load_circor(circor("101,Child,98 cm,Present,Abnormal,nan\n"))


# ---------------------------------------------------------------------- segmentations


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0.5\t0.25\t1", "must not end before it starts"),
        ("-1\t0.25\t1", "finite and not negative"),
        ("0.1\tnan\t1", "finite and not negative"),
        ("0.1\tinf\t1", "finite and not negative"),
        ("0.1\t0.2\t7", "state must be 0, 1, 2, 3 or 4"),
        ("0.1\tx\t1", "must be numbers"),
        ("0.1\t0.2", "a start, an end and a state"),
    ],
)
def test_an_impossible_segment_is_named_with_its_line(circor, line, rule):
    root = circor("101,Child,98,Present,Abnormal,nan\n")
    segments = root / "training_data" / "101_AV.tsv"
    segments.write_text(f"0\t0.1\t0\n\n{line}\n0.5\t0.6\t1\n")
    with pytest.raises(ValueError, match=rf"101_AV\.tsv, line 3: .*{rule}"):
        load_circor(root)
