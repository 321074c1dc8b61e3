"""Generated heart sounds: the stated times and levels against measurements."""

import numpy as np
import pandas as pd
import pytest
from scipy import signal
from sklearn.utils import check_random_state

from skheart.datasets import make_heart_sounds
from tests.helpers.sounds import inside, of_state

STATES = ["S1", "systole", "S2", "diastole"]


@pytest.fixture(scope="module")
def sounds():
    return make_heart_sounds(random_state=0)


@pytest.fixture(scope="module")
def clean():
    return make_heart_sounds(
        24, recordings_per_subject=2, duration=8.0, noise=0.0, difficulty=0.0, random_state=1
    )


def power(x, sr, low, high):
    """Instantaneous power of a band."""
    sos = signal.butter(4, [low, high], "bandpass", fs=sr, output="sos")
    return signal.sosfiltfilt(sos, x.astype(float)) ** 2


def decibels(numerator, denominator):
    return 10 * np.log10(numerator / denominator)


# ---------------------------------------------------------------------- the Bunch


def test_fields_agree_with_each_other(sounds):
    frame = sounds.frame
    assert (frame["label"] == sounds.target).all()
    assert (frame["subject"] == sounds.groups).all()
    assert sounds.target_names == ["normal", "mild", "severe"]
    np.testing.assert_allclose(frame["duration"], [len(x) / sounds.sr for x in sounds.data])
    assert f"{len(frame)} recordings of 60 subjects" in sounds.DESCR


def test_length_and_gain_vary(sounds):
    lengths = np.array([len(x) / sounds.sr for x in sounds.data])
    assert 6 <= lengths.min() < 7 < 11 < lengths.max() <= 12
    peaks = np.array([np.abs(x).max() for x in sounds.data])
    assert 0.19 <= peaks.min() < 0.3 < 0.85 < peaks.max() <= 1


def test_class_proportions_are_those_of_hss(sounds):
    per_subject = sounds.frame.groupby("subject")["label"].first().value_counts()
    # 60 * 84 / 502 = 10.04, 60 * 276 / 502 = 32.99, 60 * 142 / 502 = 16.97
    assert per_subject.to_dict() == {"mild": 33, "severe": 17, "normal": 10}


@pytest.mark.parametrize(
    ("n_subjects", "weights", "counts"),
    [
        (3, (84, 276, 142), (1, 1, 1)),
        (4, (1, 1000, 1), (1, 2, 1)),
        (10, (1, 1, 1), (4, 3, 3)),
        (9, (0.5, 0, 0.5), (5, 0, 4)),
        (2, (0, 1, 0), (0, 2, 0)),
        (251, (84, 276, 142), (42, 138, 71)),
    ],
)
def test_number_of_subjects_of_each_class(n_subjects, weights, counts):
    target = make_heart_sounds(
        n_subjects,
        weights=weights,
        recordings_per_subject=1,
        duration=2.0,
        sr=1000,
        random_state=0,
        return_X_y=True,
    )[1]
    assert tuple((target == name).sum() for name in ("normal", "mild", "severe")) == counts


def test_recordings_per_subject(sounds):
    frame = sounds.frame
    sizes = frame.groupby("subject").size()
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert (frame.groupby("subject")["label"].nunique() == 1).all()
    assert (frame.groupby("subject")["site"].nunique() == sizes.clip(upper=4)).all()
    three = make_heart_sounds(4, recordings_per_subject=3, duration=2.0, random_state=0)
    assert (np.unique(three.groups, return_counts=True)[1] == 3).all()


def test_return_X_y_is_the_same_data():
    options = {"n_subjects": 4, "duration": 2.0, "random_state": 3}
    bunch = make_heart_sounds(**options)
    data, target = make_heart_sounds(**options, return_X_y=True)
    assert (target == bunch.target).all()
    assert all((a == b).all() for a, b in zip(data, bunch.data, strict=True))


# ---------------------------------------------------------------------- seeds


def are_equal(a, b):
    return (
        len(a.data) == len(b.data)
        and all(np.array_equal(x, y) for x, y in zip(a.data, b.data, strict=True))
        and a.frame.equals(b.frame)
        and all(x.equals(y) for x, y in zip(a.segmentation, b.segmentation, strict=True))
    )


def test_a_seed_reproduces_the_data():
    def make(random_state):
        return make_heart_sounds(5, duration=2.0, random_state=random_state)

    before = check_random_state(None).get_state()[1].copy()
    assert are_equal(make(5), make(5))
    assert are_equal(make(5), make(np.random.RandomState(5)))
    assert not are_equal(make(5), make(6))
    np.testing.assert_array_equal(check_random_state(None).get_state()[1], before)
    check_random_state(None).seed(5)
    assert are_equal(make(None), make(5))  # None is NumPy's global generator, as in scikit-learn


# ---------------------------------------------------------------------- times


def test_states_follow_each_other_and_cover_the_recording(sounds):
    for x, times in zip(sounds.data, sounds.segmentation, strict=True):
        start, end = times["start"].to_numpy(), times["end"].to_numpy()
        assert start[0] == 0
        assert end[-1] == len(x) / sounds.sr
        np.testing.assert_array_equal(start[1:], end[:-1])
        assert (end > start).all()
        codes = [STATES.index(s) for s in times["state"]]
        assert (np.diff(codes) % 4 == 1).all()
    assert {times["state"].iloc[0] for times in sounds.segmentation} == {*STATES}


def test_lengths_are_physiological(sounds):
    whole = pd.concat(times.iloc[1:-1] for times in sounds.segmentation)
    length = (whole["end"] - whole["start"]).groupby(whole["state"], observed=True)
    assert length.min()["S1"] >= 0.1
    assert length.max()["S1"] <= 0.14
    assert 0.075 <= length.min()["S2"] <= length.max()["S2"] <= 0.14
    assert length.mean()["S2"] < length.mean()["S1"]
    assert length.min()["systole"] > 0.08
    assert length.min()["diastole"] > 0.02


def onsets_of_s1(times):
    spans = of_state(times, "S1")
    return spans[spans[:, 0] > 0, 0]


def test_rates_vary_between_subjects_and_beats(sounds):
    frame = sounds.frame
    mean = frame.groupby("subject")["heart_rate"].mean()
    assert mean.between(45, 125).all()
    assert mean.std() > 8
    within = frame.groupby("subject")["heart_rate"].std().dropna()
    assert 0 < within.median() < mean.std() / 2  # recordings of a subject are alike
    beat_to_beat = []
    for times, rate in zip(sounds.segmentation, frame["heart_rate"], strict=True):
        intervals = np.diff(onsets_of_s1(times))
        beat_to_beat.append(intervals.std() / intervals.mean())
        assert 60 / intervals.mean() == pytest.approx(rate, rel=0.1)
    assert 0.01 < np.median(beat_to_beat) < 0.08
    assert min(beat_to_beat) > 0


def test_systole_shortens_with_the_heart_rate(sounds):
    lengths, rates = [], []
    for times, rate in zip(sounds.segmentation, sounds.frame["heart_rate"], strict=True):
        s1, s2 = onsets_of_s1(times), of_state(times, "S2")[:, 0]
        s2 = s2[s2 > s1[0]]
        n = min(len(s1), len(s2))
        lengths.append(np.median(s2[:n] - s1[:n]))
        rates.append(rate)
    slope, level = np.polyfit(rates, lengths, 1)
    # Weissler 1968: ejection time falls by 1.7 ms per beat a minute in men, 1.6 in women.
    assert slope == pytest.approx(-0.0017, abs=0.0004)
    assert 0.28 < level + 75 * slope < 0.36


def test_inspiration_splits_s2_and_raises_the_heart_rate():
    bunch = make_heart_sounds(8, recordings_per_subject=1, duration=30.0, sr=1000, random_state=0)
    correlation = []
    for times in bunch.segmentation:
        s1, s2 = onsets_of_s1(times), of_state(times, "S2")
        s2 = s2[(s2[:, 0] > s1[0]) & (s2[:, 0] < s1[-1])]
        length = s2[:, 1] - s2[:, 0]
        assert 0.005 < np.ptp(length) < 0.031
        correlation.append(np.corrcoef(length, np.diff(s1))[0, 1])
    assert max(correlation) < 0
    assert np.median(correlation) < -0.6


# ---------------------------------------------------------------------- sounds at those times


def test_normal_recordings_without_noise_are_silent_between_s1_and_s2(clean):
    for i in np.flatnonzero(clean.target == "normal"):
        x, times = clean.data[i].astype(float), clean.segmentation[i]
        n = len(x)
        sounding = inside(of_state(times, "S1"), n, clean.sr) | inside(
            of_state(times, "S2"), n, clean.sr
        )
        # 5 ms away from the sounds, because the chest filter smears both ways.
        silent = inside(of_state(times, "systole"), n, clean.sr, 0.005) | inside(
            of_state(times, "diastole"), n, clean.sr, 0.005
        )
        assert decibels(np.mean(x[sounding] ** 2), np.mean(x[silent] ** 2)) > 25
        assert np.mean(x[inside(of_state(times, "S1"), n, clean.sr)] ** 2) > 0


def test_s2_is_higher_than_s1(clean):
    higher = []
    for i in np.flatnonzero(clean.target == "normal"):
        x, times = clean.data[i], clean.segmentation[i]
        centre = {}
        for state in ("S1", "S2"):
            masked = x * inside(of_state(times, state), len(x), clean.sr)
            f, p = signal.welch(masked, clean.sr, nperseg=2048)
            centre[state] = np.sum(f * p) / np.sum(p)
        assert 30 < centre["S1"] < 100
        higher.append(centre["S2"] - centre["S1"])
    assert np.mean(higher) > 5
    assert np.mean(np.array(higher) > 0) > 0.7


def test_murmurs_lie_inside_systole(sounds):
    for label, murmurs, times in zip(
        sounds.target, sounds.murmurs, sounds.segmentation, strict=True
    ):
        assert murmurs.shape[1:] == (2,)
        assert (len(murmurs) == 0) == (label == "normal")
        systoles = of_state(times, "systole")
        for start, end in murmurs:
            assert start < end
            assert ((systoles[:, 0] <= start + 1e-9) & (end <= systoles[:, 1] + 1e-9)).sum() == 1
        if len(murmurs):
            whole = systoles[1:-1]
            assert len(murmurs) >= len(whole)  # one in every systole


def test_murmur_energy_is_within_the_stated_times(sounds, clean):
    for bunch, least in ((clean, 20), (sounds, 3)):
        excess = []
        for i in np.flatnonzero(bunch.target == "severe"):
            x = bunch.data[i]
            band = power(x, bunch.sr, 150, 400)
            within = inside(bunch.murmurs[i], len(x), bunch.sr, 0.02)
            diastole = inside(of_state(bunch.segmentation[i], "diastole"), len(x), bunch.sr, 0.02)
            excess.append(decibels(band[within].mean(), band[diastole].mean()))
        assert np.quantile(excess, 0.1) > least


def test_murmur_level_follows_the_grade(sounds):
    excess = {}
    for name in sounds.target_names:
        found = []
        for i in np.flatnonzero(sounds.target == name):
            x, times = sounds.data[i], sounds.segmentation[i]
            band = power(x, sounds.sr, 150, 400)
            systole = inside(of_state(times, "systole"), len(x), sounds.sr, 0.03)
            diastole = inside(of_state(times, "diastole"), len(x), sounds.sr, 0.03)
            found.append(decibels(band[systole].mean(), band[diastole].mean()))
        excess[name] = np.median(found)
    assert abs(excess["normal"]) < 2
    assert excess["mild"] > excess["normal"] + 2
    assert excess["severe"] > excess["mild"] + 3


def test_ejection_murmurs_are_crescendo_decrescendo(clean):
    ratio = {"ejection": [], "holosystolic": []}
    for i in np.flatnonzero(clean.target == "severe"):
        band = power(clean.data[i], clean.sr, 150, 400)
        start, length = clean.murmurs[i][1:-1, 0], np.diff(clean.murmurs[i][1:-1])[:, 0]
        thirds = []
        for k in (0.1, 0.4, 0.7):  # beginning, middle and end, each a fifth long
            spans = np.column_stack([start + k * length, start + (k + 0.2) * length])
            thirds.append(band[inside(spans, len(band), clean.sr)].mean())
        ratio[clean.frame["murmur"][i]].append(decibels(thirds[1], (thirds[0] + thirds[2]) / 2))
    assert np.median(ratio["ejection"]) > 2
    assert abs(np.median(ratio["holosystolic"])) < 1.5


def test_murmur_level_depends_on_subject_and_site(sounds):
    frame = sounds.frame
    assert frame["murmur_level"].isna().equals(frame["label"] == "normal")
    assert ((frame["murmur"] == "none") == (frame["label"] == "normal")).all()
    within = frame.groupby("subject")["murmur_level"].std()
    assert within[frame.groupby("subject").size() > 1].dropna().min() > 0  # sites differ
    level = frame.groupby("label")["murmur_level"].mean()
    assert level["severe"] > level["mild"] + 6


def test_noise_and_difficulty_lower_the_murmur_to_noise_ratio():
    def excess(**options):
        bunch = make_heart_sounds(
            8,
            recordings_per_subject=2,
            duration=4.0,
            weights=(0, 1, 0),
            random_state=0,
            **options,
        )
        found = []
        for x, murmurs, times in zip(bunch.data, bunch.murmurs, bunch.segmentation, strict=True):
            band = power(x, bunch.sr, 150, 400)
            diastole = inside(of_state(times, "diastole"), len(x), bunch.sr, 0.02)
            within = inside(murmurs, len(x), bunch.sr, 0.02)
            found.append(decibels(band[within].mean(), band[diastole].mean()))
        return np.median(found)

    assert excess(noise=0.0) > excess() + 3 > excess(noise=4.0) + 6
    assert excess(difficulty=0.0) > excess() + 2 > excess(difficulty=1.0) + 4


def test_breath_noise_has_low_frequencies(sounds):
    ratios = []
    for i in np.flatnonzero(sounds.target == "normal"):
        x = sounds.data[i]
        diastole = inside(of_state(sounds.segmentation[i], "diastole"), len(x), sounds.sr, 0.02)
        low, high = power(x, sounds.sr, 60, 280), power(x, sounds.sr, 600, 1500)
        ratios.append(decibels(low[diastole].mean(), high[diastole].mean()))
    assert np.median(ratios) > 6


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_subjects": 2}, "n_subjects must be an integer of at least 3. Got 2"),
        ({"n_subjects": 1.5}, "n_subjects must be .* Got 1.5"),
        ({"recordings_per_subject": 0}, "recordings_per_subject must be .* at least 1.* Got 0"),
        ({"recordings_per_subject": (3, 2)}, r"recordings_per_subject must be .* Got \(3, 2\)"),
        ({"recordings_per_subject": 1.5}, "recordings_per_subject must be .* Got 1.5"),
        ({"duration": 0.5}, "duration must be a number of at least 2.* Got 0.5"),
        ({"duration": (2, 3, 4)}, r"duration must be .* Got \(2, 3, 4\)"),
        ({"duration": "long"}, "duration must be .* Got 'long'"),
        ({"duration": np.inf}, "duration must be .* Got inf"),
        ({"sr": 500}, "sr must be .* at least 1000. Got 500"),
        ({"sr": 4000.5}, "sr must be .* Got 4000.5"),
        ({"weights": (1, 2)}, r"weights must be three numbers.* Got \(1, 2\)"),
        ({"weights": (1, -2, 1)}, r"weights must be finite and not negative.* Got \(1, -2, 1\)"),
        ({"weights": (0, 0, 0)}, r"one of them positive. Got \(0, 0, 0\)"),
        ({"weights": ("a", "b", "c")}, "weights must be three numbers"),
        ({"noise": -1}, "noise must be .* at least 0. Got -1"),
        ({"noise": np.nan}, "noise must be .* Got nan"),
        ({"difficulty": 2}, "difficulty must be .* at least 0 and at most 1. Got 2"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        make_heart_sounds(**options)
