"""Shared audio, and what a split has on both sides."""

import pickle

import numpy as np
import pytest
import soundfile
import soxr
from sklearn.model_selection import StratifiedGroupKFold

from skheart.audit import SplitLeakError, audit_split, find_shared_audio, merge_groups
from skheart.datasets import make_heart_sounds

SR = 4000


@pytest.fixture(scope="module")
def sounds():
    """Recordings of 12 subjects, three of each, that share nothing."""
    return make_heart_sounds(
        12, recordings_per_subject=3, duration=(6.0, 9.0), weights=(1, 1, 1), random_state=3
    )


def pairs(shared):
    return sorted(map(tuple, shared[["first", "second"]].values.tolist()))


# ---------------------------------------------------------------------- no false alarm


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.0])
def test_hearts_of_one_generator_and_of_one_subject_are_different(noise):
    data = make_heart_sounds(
        15, recordings_per_subject=4, duration=6.0, noise=noise, random_state=1
    ).data
    assert len(data) == 60
    assert find_shared_audio(data).empty


def test_what_tells_nothing_matches_nothing(sounds):
    rng = np.random.default_rng(0)
    n = 6 * SR
    t = np.arange(n) / SR
    sparse = [np.where(rng.random(n) < 1e-4, 1, 0).astype(np.int16) for _ in range(3)]
    click = np.zeros(n)
    click[n // 2] = 1.0
    nothing = [
        np.zeros(n),
        np.zeros(n, dtype=np.int16),
        np.full(n, 0.3),
        click,
        0.5 * np.roll(click, 300),
        np.sin(2 * np.pi * 50 * t),
        np.sin(2 * np.pi * 50 * t + 1),
        *sparse,
    ]
    assert find_shared_audio([*nothing, *sounds.data[:4]]).empty


def test_silence_around_different_sounds_is_not_shared(sounds):
    silence = np.zeros(5 * SR, dtype=np.float32)
    padded = [np.concatenate([silence, x[: 3 * SR], silence]) for x in sounds.data[:6]]
    assert find_shared_audio(padded).empty


def test_the_same_loud_click_does_not_make_two_recordings_one():
    rng = np.random.default_rng(0)
    a, b = rng.normal(scale=0.001, size=(2, 8 * SR))
    burst = rng.normal(size=400)
    a[10000:10400] += burst
    b[15000:15400] += burst
    assert find_shared_audio([a, b]).empty


# ---------------------------------------------------------------------- every overlap


CHANGES = {
    "as it is": lambda x: x,
    "fainter": lambda x: 0.01 * x,
    "upside down": lambda x: -x,
    "with an offset": lambda x: x + 0.5,
    "int16": lambda x: np.round(x * 3000).astype(np.int16),
    "uint8": lambda x: np.round(x / np.abs(x).max() * 127 + 128).astype(np.uint8),
    "float64": lambda x: x.astype(np.float64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_parts_are_found_with_their_times(sounds, change):
    rng = np.random.default_rng(1)
    n = len(sounds.data)
    starts = [int(rng.integers(0, len(x) - 3 * SR)) for x in sounds.data]
    parts = [
        change(x[start : start + 3 * SR]) for x, start in zip(sounds.data, starts, strict=True)
    ]
    shared = find_shared_audio([*sounds.data, *parts])
    assert pairs(shared) == [(i, n + i) for i in range(n)]
    assert set(shared["kind"]) == {"overlap"}
    first = shared["first"].to_numpy()
    at = np.array(starts)[first] / SR
    # A block of 0.2 s may be lost at either end.
    np.testing.assert_allclose(shared["first_start"] - at, shared["second_start"], atol=0.002)
    np.testing.assert_allclose(shared["second_start"], 0, atol=0.25)
    np.testing.assert_allclose(shared["second_stop"], 3, atol=0.45)
    np.testing.assert_allclose(
        shared["seconds"], shared["first_stop"] - shared["first_start"], atol=0.002
    )


def test_two_windows_that_overlap_by_half(sounds):
    x = sounds.data[0]
    a, b, apart = x[:16000], x[8000:24000], sounds.data[1][:16000]
    shared = find_shared_audio([b, apart, a])
    assert pairs(shared) == [(0, 2)]
    row = shared.iloc[0]
    np.testing.assert_allclose([row.first_start, row.first_stop], [0, 2], atol=0.25)
    np.testing.assert_allclose([row.second_start, row.second_stop], [2, 4], atol=0.25)


def test_halves_in_reversed_order_are_two_stretches(sounds):
    x = sounds.data[0][: 6 * SR]
    shared = find_shared_audio([x, np.concatenate([x[3 * SR :], x[: 3 * SR]])])
    assert pairs(shared) == [(0, 1), (0, 1)]
    found = shared.sort_values("first_start")[["first_start", "second_start"]].to_numpy()
    np.testing.assert_allclose(found, [[0, 3], [3, 0]], atol=0.25)


@pytest.mark.parametrize("rate", [1000, 2000, 8000, 44100])
def test_copies_at_other_rates_and_formats_are_identical(sounds, rate, tmp_path):
    paths = []
    for i, x in enumerate(sounds.data[:5]):
        soundfile.write(tmp_path / f"{i}.wav", x, SR)
        soundfile.write(tmp_path / f"copy{i}.flac", 0.3 * soxr.resample(x, SR, rate), rate)
        paths += [tmp_path / f"{i}.wav", tmp_path / f"copy{i}.flac"]
    shared = find_shared_audio(paths)
    assert pairs(shared) == [(2 * i, 2 * i + 1) for i in range(5)]
    assert set(shared["kind"]) == {"identical"}
    assert shared["first_path"].tolist() == [str(paths[i]) for i in shared["first"]]


def test_a_lossy_copy_is_found(sounds, tmp_path):
    x = sounds.data[0]
    soundfile.write(tmp_path / "a.wav", x, SR)
    soundfile.write(tmp_path / "b.ogg", x, SR)
    assert pairs(find_shared_audio([tmp_path / "a.wav", tmp_path / "b.ogg"])) == [(0, 1)]


def test_parts_of_less_than_min_seconds_are_not_told(sounds):
    x, y = sounds.data[:2]
    joined = np.concatenate([x[: 3 * SR], y[: 3 * SR]])
    recordings = [x[SR : 5 * SR], joined]  # 2 s in common
    assert pairs(find_shared_audio(recordings, min_seconds=2.0)) == [(0, 1)]
    assert find_shared_audio(recordings, min_seconds=3.0).empty


def test_short_copies_are_found_whole():
    rng = np.random.default_rng(0)
    short = rng.normal(size=(4, SR))
    shared = find_shared_audio([*short, 0.1 * short[2]])
    assert pairs(shared) == [(2, 4)]
    assert shared["kind"].tolist() == ["identical"]


def test_many_copies_are_all_paired(sounds):
    copies = [sounds.data[0] * (1 + i) for i in range(6)]
    shared = find_shared_audio([*sounds.data[1:5], *copies])
    assert pairs(shared) == [(i, j) for i in range(4, 10) for j in range(i + 1, 10)]


def test_the_answer_does_not_depend_on_global_generators(sounds):
    recordings = [*sounds.data[:4], sounds.data[1][4000:]]
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = find_shared_audio(recordings)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert first.equals(find_shared_audio(recordings))


# ---------------------------------------------------------------------- windows, forms, errors


def test_windows_of_files(sounds, tmp_path):
    path, other = str(tmp_path / "a.wav"), str(tmp_path / "b.wav")
    soundfile.write(path, sounds.data[0], SR)
    soundfile.write(other, sounds.data[1], SR)
    windows = [(path, 0, 3), (path, 1, 4), (other, 0, 3)]
    assert pairs(find_shared_audio(windows)) == [(0, 1)]
    # Windows of one file that do not overlap are of one recording all the same.
    windows = [(path, 0, 2.5), (path, 3, 5.5), (other, 0, 3)]
    audit = audit_split([0], [1, 2], recordings=windows, action="return")
    assert audit.frame[["kind", "train", "test", "train_path"]].values.tolist() == [
        ["recording", 0, 1, path]
    ]
    assert audit_split([0, 1], [2], recordings=windows).clean
    with pytest.raises(ValueError, match=r"window at row 1 .* from 3 to 2 s"):
        find_shared_audio([(path, 0, 1), (path, 3, 2)])
    with pytest.raises(ValueError, match=r"row 0 .*starts at 50 s, and the recording ends at"):
        find_shared_audio([(path, 50, 51)])
    with pytest.raises(TypeError, match="start and stop in seconds"):
        find_shared_audio([(path, "a", "b")])


def test_forms_of_recordings(sounds):
    rows = np.stack([x[: 5 * SR] for x in sounds.data[:4]])
    assert pairs(find_shared_audio(np.concatenate([rows, rows[:1]]))) == [(0, 4)]
    empty = find_shared_audio([sounds.data[0]])
    assert empty.empty
    assert empty["first"].dtype.kind == "i"
    assert empty["seconds"].dtype == float
    with pytest.raises(TypeError, match="recordings is of type int"):
        find_shared_audio(3)
    with pytest.raises(ValueError, match="row 1 contains NaN"):
        find_shared_audio([sounds.data[0], np.full(8000, np.nan)])
    for wrong in (0, 4000.5):
        with pytest.raises(ValueError, match="sr must be an int"):
            find_shared_audio(sounds.data[:2], sr=wrong)
    for wrong in (0.5, np.inf, "2"):
        with pytest.raises(ValueError, match="min_seconds must be a number of at least 1"):
            find_shared_audio(sounds.data[:2], min_seconds=wrong)


def test_progress_goes_to_standard_error(sounds, capsys):
    find_shared_audio(sounds.data[:2], verbose=1)
    out, err = capsys.readouterr()
    assert (out, "2/2" in err) == ("", True)
    find_shared_audio(sounds.data[:2])
    assert capsys.readouterr() == ("", "")


def test_merged_groups_keep_shared_audio_on_one_side(sounds):
    n = len(sounds.data)
    copies = [sounds.data[0] / 2, sounds.data[4][SR:], sounds.data[0][SR:]]
    recordings = [*sounds.data, *copies]
    groups = np.array([*map(str, sounds.groups), "x", "y", "x"])
    y = np.array([*sounds.target, "mild", "mild", "mild"])
    shared = find_shared_audio(recordings)
    merged = merge_groups(groups, shared)
    assert merged[n] == merged[n + 2] == groups[0]
    assert merged[n + 1] == groups[4]
    assert (merged[:n] == groups[:n]).all()
    for train, test in StratifiedGroupKFold(2).split(y, y, merged):
        assert audit_split(train, test, merged, shared).clean
    leaks = [
        audit_split(train, test, groups, shared, action="return").clean
        for train, test in StratifiedGroupKFold(12).split(y, y, groups)
    ]
    assert not all(leaks)
    with pytest.raises(ValueError, match=r"groups has 3 values, but shared names recording"):
        merge_groups(["a", "b", "c"], shared)


# ---------------------------------------------------------------------- splits


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


def test_audio_of_two_subjects_is_told_with_times(sounds):
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


def test_what_is_on_one_side_is_no_leak(sounds):
    recordings = [sounds.data[0], sounds.data[0], sounds.data[5]]
    audit = audit_split([0, 1], [2], ["a", "a", "b"], recordings)
    assert audit.clean
    assert "looked at rows, subjects and audio" in str(audit)


def test_rows_on_neither_side_are_not_read(sounds, tmp_path):
    paths = [str(tmp_path / f"{i}.wav") for i in range(3)]
    for path, x in zip(paths[:2], sounds.data, strict=False):
        soundfile.write(path, x, SR)
    assert audit_split([0], [1], recordings=paths).clean
    with pytest.raises(FileNotFoundError, match=r"2\.wav"):
        audit_split([0], [1, 2], recordings=paths)


def test_folds_share_one_search(sounds):
    recordings = [*sounds.data[:5], sounds.data[0]]
    shared = find_shared_audio(recordings)
    assert audit_split([0, 5], [1, 2], recordings=shared).clean
    audit = audit_split([1, 2, 0], [5], recordings=shared, action="return")
    assert audit.frame[["train", "test"]].values.tolist() == [[0, 5]]
    audit = audit_split([5], [1, 0], recordings=shared, action="return")
    assert audit.frame[["train", "test"]].values.tolist() == [[5, 0]]


def test_a_row_on_both_sides_is_a_leak():
    audit = audit_split([0, 1, 2], [2, 3], ["a", "b", "c", "d"], action="return")
    assert audit.frame["kind"].tolist() == ["row", "subject"]
    assert "1 rows on both sides: row 2." in str(audit)


def test_actions_and_masks():
    groups = ["a", "b", "a"]
    with pytest.warns(UserWarning, match="1 subjects on both sides: a"):
        audit_split([True, True, False], [False, False, True], groups, action="warn")
    with pytest.raises(SplitLeakError, match="1 subjects on both sides"):
        audit_split(np.array([0]), [2], groups)
    assert audit_split(iter([0]), range(1, 2), groups, action="warn").clean


def test_errors_of_audit_split():
    groups = ["a", "b", "c"]
    with pytest.raises(ValueError, match="action must be 'raise', 'warn' or 'return', got 'ask'"):
        audit_split([0], [1], groups, action="ask")
    with pytest.raises(ValueError, match="Pass groups, recordings or both"):
        audit_split([0], [1])
    with pytest.raises(ValueError, match="test holds rows 3 to 3, and there are rows 0 to 2"):
        audit_split([0], [3], groups)
    with pytest.raises(ValueError, match="train must be a list of row numbers"):
        audit_split([], [1], groups)
    with pytest.raises(ValueError, match="For several folds audit each in a loop"):
        audit_split([[0], [1]], [2], groups)
    with pytest.raises(ValueError, match="train is a mask of 2 rows, and there are 3"):
        audit_split([True, False], [1], groups)
    with pytest.raises(ValueError, match="groups has 3 values and recordings 2"):
        audit_split([0], [1], groups, [np.ones(9), np.ones(9)])
    with pytest.raises(ValueError, match="no subject for 1 recordings, the first in row 1"):
        audit_split([0], [1], ["a", None, "b"])
