"""Leakage between the two sides of a split."""

import pickle

import numpy as np
import pytest
import soundfile

from skheart.audit import SplitLeakError, audit_split, find_shared_audio

SR = 4000


def test_shared_subjects_are_named():
    groups = ["anna", "bert", "anna", "carl", "anna", "bert"]
    audit = audit_split([0, 1, 2], [3, 4, 5], groups, action="return")
    assert not audit.clean
    assert audit.subjects.tolist() == ["anna", "bert"]
    columns = ["kind", "train", "test", "n_train", "n_test", "train_subject"]
    assert audit.frame[columns].values.tolist() == [
        ["subject", 0, 4, 2, 1, "anna"],
        ["subject", 1, 5, 1, 1, "bert"],
    ]
    text = str(audit)
    assert "2 subjects on both sides: anna (2 training, 1 test); bert" in text
    assert "StratifiedGroupKFold" in text
    assert "merge_groups" not in text


def test_the_text_names_the_first_few_and_says_how_many():
    groups = np.tile(np.arange(20), 2)
    text = str(audit_split(np.arange(20), np.arange(20, 40), groups, action="return"))
    assert "20 subjects on both sides: 0 (1 training, 1 test); 1 (" in text
    assert "; and 17 more." in text
    assert " 3 (1 training" not in text


def test_audio_shared_by_subjects_is_reported_with_times(sounds):
    recordings = [*sounds.data[:6], sounds.data[1][SR : 4 * SR], sounds.data[2]]
    groups = ["a", "b", "c", "d", "e", "f", "g", "h"]
    with pytest.raises(SplitLeakError) as error:
        audit_split([7, 6, 5, 4, 3], [2, 1, 0], groups, recordings)
    audit = error.value.audit
    assert audit.frame[["kind", "train", "test"]].values.tolist() == [
        ["identical", 7, 2],
        ["overlap", 6, 1],
    ]
    row = audit.frame.iloc[1]
    assert (row.train_subject, row.test_subject, row.train_path) == ("g", "b", None)
    times = [row.train_start, row.train_stop, row.test_start, row.test_stop]
    np.testing.assert_allclose(times, [0, 3, 1, 4], atol=0.25)
    assert "1 pairs of overlapping audio: train row 6 of g from 0.0 to" in str(error.value)
    assert "merge_groups" in str(error.value)
    assert isinstance(error.value, ValueError)
    again = pickle.loads(pickle.dumps(error.value))
    assert again.audit.frame.equals(audit.frame)


def test_shared_audio_on_one_side_is_no_leak(sounds):
    recordings = [sounds.data[0], sounds.data[0], sounds.data[5]]
    audit = audit_split([0, 1], [2], ["a", "a", "b"], recordings)
    assert audit.clean
    assert "compared rows, subjects and audio" in str(audit)


def test_rows_on_neither_side_are_not_read(sounds, tmp_path):
    paths = [str(tmp_path / f"{i}.wav") for i in range(3)]
    for path, x in zip(paths[:2], sounds.data, strict=False):
        soundfile.write(path, x, SR)
    assert audit_split([0], [1], recordings=paths).clean
    with pytest.raises(FileNotFoundError, match=r"2\.wav"):
        audit_split([0], [1, 2], recordings=paths)


def test_folds_can_share_one_search(sounds):
    shared = find_shared_audio([*sounds.data[:5], sounds.data[0]])
    assert audit_split([0, 5], [1, 2], recordings=shared).clean
    for train, test in (([1, 2, 0], [5]), ([5], [1, 0])):
        audit = audit_split(train, test, recordings=shared, action="return")
        assert audit.frame[["kind", "train", "test"]].values.tolist() == [
            ["identical", train[-1], test[-1]]
        ]
        assert audit.frame["seconds"].tolist() == shared["seconds"].tolist()


def test_a_row_on_both_sides_is_a_leak():
    audit = audit_split([0, 1, 2], [2, 3], ["a", "b", "c", "d"], action="return")
    assert audit.frame["kind"].tolist() == ["row", "subject"]
    assert "1 rows on both sides: row 2." in str(audit)


def test_windows_of_one_file_on_both_sides_are_a_leak(sounds, tmp_path):
    paths = [str(tmp_path / f"{i}.wav") for i in range(2)]
    for path, x in zip(paths, sounds.data, strict=False):
        soundfile.write(path, x, SR)
    windows = [(paths[0], 0, 2.5), (paths[0], 3, 5.5), (paths[1], 0, 3)]
    audit = audit_split([0], [1, 2], recordings=windows, action="return")
    assert audit.frame[["kind", "train", "test", "train_path"]].values.tolist() == [
        ["recording", 0, 1, paths[0]]
    ]
    assert f"1 recordings with windows on both sides: {paths[0]}" in str(audit)
    assert audit_split([0, 1], [2], recordings=windows).clean


def test_a_leak_can_warn():
    groups = ["a", "b", "a"]
    with pytest.warns(UserWarning, match="1 subjects on both sides: a"):
        audit_split([True, True, False], [False, False, True], groups, action="warn")
    assert audit_split(iter([0]), range(1, 2), groups, action="warn").clean


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (([0], [1]), "Pass groups, recordings or both"),
        (([0], [3], "abc"), "test holds rows 3 to 3, but there are rows 0 to 2"),
        (([], [1], "abc"), "train must be a mask, or a list of at least one row number"),
        (([[0], [1]], [2], "abc"), "Audit several folds one by one"),
        (([True, False], [1], "abc"), "train is a mask of 2 rows, but there are 3"),
        (([0], [1], "abc", [np.ones(9)] * 2), "inconsistent numbers of samples: \\[3, 2\\]"),
        (([0], [1], ["a", None, "b"]), "first in row 1"),
    ],
)
def test_bad_input_is_rejected(args, words):
    train, test, *rest = args
    rest = [list(value) for value in rest]
    with pytest.raises(ValueError, match=words):
        audit_split(train, test, *rest)


def test_an_unknown_action_is_rejected():
    with pytest.raises(ValueError, match="action must be 'raise', 'warn' or 'return'. Got 'ask'"):
        audit_split([0], [1], ["a", "b"], action="ask")
