"""Search for recordings that share audio."""

import numpy as np
import pytest
import soundfile
import soxr
from sklearn.model_selection import StratifiedGroupKFold

from skheart.audit import audit_split, find_shared_audio, merge_groups
from skheart.datasets import make_heart_sounds

SR = 4000


def pairs(shared):
    return sorted(map(tuple, shared[["first", "second"]].values.tolist()))


# ---------------------------------------------------------------------- recordings that differ


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.0])
def test_recordings_of_one_subject_do_not_match(noise):
    data = make_heart_sounds(
        15, recordings_per_subject=4, duration=6.0, noise=noise, random_state=1
    ).data
    assert find_shared_audio(data).empty


def test_silence_tones_and_clicks_match_nothing(sounds):
    rng = np.random.default_rng(0)
    n = 6 * SR
    t = np.arange(n) / SR
    sparse = [np.where(rng.random(n) < 1e-4, 1, 0).astype(np.int16) for _ in range(3)]
    click = np.zeros(n)
    click[n // 2] = 1.0
    uninformative = [
        np.zeros(n),
        np.zeros(n, dtype=np.int16),
        np.full(n, 0.3),
        click,
        0.5 * np.roll(click, 300),
        np.sin(2 * np.pi * 50 * t),
        np.sin(2 * np.pi * 50 * t + 1),
        *sparse,
    ]
    assert find_shared_audio([*uninformative, *sounds.data[:4]]).empty


def test_silence_around_different_sounds_is_not_shared(sounds):
    silence = np.zeros(5 * SR, dtype=np.float32)
    padded = [np.concatenate([silence, x[: 3 * SR], silence]) for x in sounds.data[:6]]
    assert find_shared_audio(padded).empty


def test_a_shared_click_is_no_match():
    rng = np.random.default_rng(0)
    a, b = rng.normal(scale=0.001, size=(2, 8 * SR))
    burst = rng.normal(size=400)
    a[10000:10400] += burst
    b[15000:15400] += burst
    assert find_shared_audio([a, b]).empty


# ---------------------------------------------------------------------- recordings that share audio


CHANGES = {
    "unchanged": lambda x: x,
    "fainter": lambda x: 0.01 * x,
    "inverted": lambda x: -x,
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


def test_halves_in_reversed_order_are_two_stretches(sounds):
    x = sounds.data[0][: 6 * SR]
    shared = find_shared_audio([x, np.concatenate([x[3 * SR :], x[: 3 * SR]])])
    assert pairs(shared) == [(0, 1), (0, 1)]
    found = shared.sort_values("first_start")[["first_start", "second_start"]].to_numpy()
    np.testing.assert_allclose(found, [[0, 3], [3, 0]], atol=0.25)


@pytest.mark.parametrize(
    ("rate", "format"), [(1000, "flac"), (2000, "flac"), (4000, "ogg"), (44100, "flac")]
)
def test_copies_at_other_rates_and_formats_are_identical(sounds, rate, format, tmp_path):
    paths = []
    for i, x in enumerate(sounds.data[:5]):
        paths += [tmp_path / f"{i}.wav", tmp_path / f"copy{i}.{format}"]
        soundfile.write(paths[-2], x, SR)
        soundfile.write(paths[-1], 0.3 * soxr.resample(x, SR, rate), rate)
    shared = find_shared_audio(paths)
    assert pairs(shared) == [(2 * i, 2 * i + 1) for i in range(5)]
    assert set(shared["kind"]) == {"identical"}
    assert shared["first_path"].tolist() == [str(paths[i]) for i in shared["first"]]


def test_parts_shorter_than_min_seconds_are_not_reported(sounds):
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


def test_all_pairs_of_many_copies_are_found(sounds):
    copies = [sounds.data[0] * (1 + i) for i in range(6)]
    shared = find_shared_audio([*sounds.data[1:5], *copies])
    assert pairs(shared) == [(i, j) for i in range(4, 10) for j in range(i + 1, 10)]


# ---------------------------------------------------------------------- input


@pytest.fixture(scope="module")
def files(sounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, x in zip("ab", sounds.data, strict=False):
        soundfile.write(folder / f"{name}.wav", x, SR)
    return str(folder / "a.wav"), str(folder / "b.wav")


def test_windows_that_overlap_share_audio(files):
    a, b = files
    shared = find_shared_audio([(a, 0, 3), (a, 1, 4), (b, 0, 3)])
    assert pairs(shared) == [(0, 1)]
    assert shared[["first_path", "second_path"]].values.tolist() == [[a, a]]


@pytest.mark.parametrize(
    ("window", "error", "words"),
    [
        ((3, 2), ValueError, r"window at row 1 .* from 3 to 2 s"),
        ((50, 51), ValueError, r"window at row 1 .* from 50 to 51 s is empty: .* lasts"),
        ((1, 1.00001), ValueError, r"window at row 1 .* is empty"),
        (("a", "b"), TypeError, "start and stop in seconds"),
    ],
)
def test_bad_windows_are_rejected(files, window, error, words):
    with pytest.raises(error, match=words):
        find_shared_audio([(files[1], 0, 3), (files[0], *window)])


def test_an_empty_result_has_the_dtypes_of_a_filled_one(sounds):
    x = sounds.data[0]
    empty, filled = find_shared_audio([x]), find_shared_audio([x, x])
    assert empty.empty
    assert empty.dtypes.equals(filled.dtypes)


@pytest.mark.parametrize(
    ("recordings", "options", "error", "words"),
    [
        (3, {}, TypeError, "recordings must be a list of paths.*Got int"),
        ([np.ones(8000), np.full(8000, np.nan)], {}, ValueError, "row 1 contains NaN"),
        ([np.ones(8000)], {"sr": 0}, ValueError, "sr == 0, must be >= 1"),
        ([np.ones(8000)], {"sr": 4000.5}, TypeError, "sr must be an instance of"),
        ([np.ones(8000)], {"min_seconds": 0.5}, ValueError, "min_seconds must be a number of at"),
        ([np.ones(8000)], {"min_seconds": np.nan}, ValueError, "min_seconds must be a number of"),
    ],
)
def test_bad_input_is_rejected(recordings, options, error, words):
    with pytest.raises(error, match=words):
        find_shared_audio(recordings, **options)


def test_progress_goes_to_standard_error(sounds, capsys):
    find_shared_audio(sounds.data[:2], verbose=1)
    out, err = capsys.readouterr()
    assert (out, "2/2" in err) == ("", True)


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
