"""phase_enrichment against results by hand, and its null against chance."""

import numpy as np
import pandas as pd
import pytest

from skheart.explain import phase_enrichment
from skheart.explain._phases import PHASES, phases_of_frames
from tests.helpers.handmade import explanation

STATES = ["S1", "systole", "S2", "diastole"]


def beats(n=20, lengths=(2, 3, 1, 4), hop=0.5, begin=0.25):
    """Segmentation of n heart beats; `lengths` are the frames of each phase."""
    ends = begin + hop * np.cumsum(np.tile(lengths, n))
    starts = np.r_[begin, ends[:-1]]
    return pd.DataFrame({"start": starts, "end": ends, "state": STATES * n})


def of_frames(values, **given):
    """An explanation with these contributions of frames to class 1."""
    values = np.asarray(values, float)
    return explanation(np.stack([np.zeros_like(values), values])[..., None], **given)


def table(made, segmentation, label="Present", **params):
    return phase_enrichment(made, segmentation, label=label, random_state=0, **params)


def test_frames_get_the_phase_in_which_their_middle_is():
    made = of_frames(np.ones(13))  # at 0.5, 1.0, ... s
    found = phases_of_frames(made, beats(1))
    assert found.tolist() == [0, 0, 1, 1, 1, 2, 3, 3, 3, 3, -1, -1, -1]
    assert list(PHASES) == STATES
    # A phase begins with its start and ends before its end; the order of the rows is free.
    spans = pd.DataFrame(
        {"start": [2.0, 0.0, 1.0], "end": [2.5, 1.0, 1.5], "state": ["S2", "S1", "other"]}
    )
    assert phases_of_frames(made, spans)[:6].tolist() == [0, -1, -1, 2, -1, -1]
    assert (phases_of_frames(made, spans.iloc[:0]) == -1).all()


def test_times_count_from_the_start_of_the_recording():
    made = of_frames(np.ones(4), start=1.0, duration=9.0)
    assert phases_of_frames(made, beats(1)).tolist() == [1, 1, 1, 2]


def test_a_repeated_recording_repeats_its_phases_and_padding_has_none():
    sr = 10
    signal = np.tile(np.arange(1.0, 26.0), 3)[:65]  # 2.5 s of sound
    made = of_frames(np.ones(12), duration=2.5, sr=sr, signal=signal)
    # 0.5, 1.0, ... 2.0 s; then 2.5 s is 0 s, where no phase has begun
    assert phases_of_frames(made, beats(1)).tolist() == [0, 0, 1, 1, -1] * 2 + [0, 0]
    signal = np.r_[signal[:25], np.zeros(40)]
    made = of_frames(np.ones(12), duration=2.5, sr=sr, signal=signal)
    assert phases_of_frames(made, beats(1)).tolist() == [0, 0, 1, 1] + [-1] * 8


def map_of(*cells, n_classes=2, n_frequencies=1):
    """Zeros but for cells given as (class, frame, values)."""
    values = np.zeros((n_classes, 10, n_frequencies))
    for number, frame, value in cells:
        values[number, frame] = value
    return explanation(values)


THREE = map_of((0, 0, 1), (1, 5, 3), (2, 9, 2), n_classes=3)
ALIKE = map_of((0, 0, 5), (1, 0, 5), (1, 5, 2))  # 5 for both classes alike


@pytest.mark.parametrize(
    ("made", "params", "expected"),
    [
        # One unknown frame with a large contribution.
        (of_frames([1, 2, 3, 0, 3, 6, -5, 1, 0, 0, 100]), {}, np.array([3, 6, 6, 1]) / 16),
        # Of a frame that sums to 0, the positive cell counts.
        (map_of((1, 0, [3, -3]), (1, 5, [1, 0]), n_frequencies=2), {}, [0.75, 0, 0.25, 0]),
        (THREE, {"label": None}, [0, 0, 1, 0]),  # the predicted class
        (THREE, {"label": "Absent"}, [1, 0, 0, 0]),
        (THREE, {"label": "Unknown"}, [0, 0, 0, 1]),
        (ALIKE, {}, [5 / 7, 0, 2 / 7, 0]),
        (ALIKE, {"relative": True}, [0, 0, 1, 0]),
    ],
)
def test_fractions_of_one_beat_by_hand(made, params, expected):
    found = table(made, beats(1), **params)
    assert found["phase"].tolist() == STATES
    time = np.array([0.2, 0.3, 0.1, 0.4])
    np.testing.assert_allclose(found["time"], time)
    np.testing.assert_allclose(found["contribution"], expected)
    np.testing.assert_allclose(found["enrichment"], expected / time)


def test_all_in_systole_gives_the_inverse_of_its_fraction_of_time():
    values = np.tile([0, 0, 1, 1, 1, 0, 0, 0, 0, 0], 20)
    found = table(of_frames(values), beats(), n_shifts=999).set_index("phase")
    np.testing.assert_allclose(found.loc["systole", "enrichment"], 1 / 0.3)
    np.testing.assert_array_equal(found["enrichment"].drop("systole"), 0)
    # One of 10 shifts is by whole beats and as good, because the rhythm is exact.
    assert found.loc["systole", "p"] == pytest.approx(0.1, abs=0.03)
    assert found.loc["S1", "p"] == 1
    np.testing.assert_allclose(found["null"], 1, atol=0.15)


def test_a_map_that_follows_an_uneven_rhythm_is_significant():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, size=(20, 4)).ravel()
    segmentation = beats(20, lengths=lengths[:4])
    ends = 0.25 + 0.5 * np.cumsum(lengths)
    segmentation["start"], segmentation["end"] = np.r_[0.25, ends[:-1]], ends
    made = of_frames(np.zeros(lengths.sum()))
    values = phases_of_frames(made, segmentation) == PHASES.index("systole")
    found = table(of_frames(values), segmentation).set_index("phase")
    assert found.loc["systole", "p"] == pytest.approx(1 / 200)
    assert found.loc["systole", "enrichment"] > 2


@pytest.mark.parametrize("value", [1, 0.1, 1 / 3, 7e-4])
def test_a_constant_map_gives_1(value):
    segmentation = beats(9, lengths=(3, 7, 2, 11))
    found = table(of_frames(np.full(200, value)), segmentation)
    np.testing.assert_allclose(found["enrichment"], 1, rtol=1e-6)
    np.testing.assert_allclose(found["null"], 1, rtol=1e-6)
    assert found["p"].tolist() == [1, 1, 1, 1]


def test_cells_of_many_frames_are_divided_among_the_phases():
    # Cells of 5 frames: S1 and systole, then S2 and diastole; one frame is left over.
    made = explanation([[[0.0], [0.0]], [[10.0], [5.0]]], (5, 1), left_over=(1, 0))
    found = table(made, beats(2, lengths=(2, 3, 1, 4)))
    np.testing.assert_allclose(found["time"], np.array([3, 3, 1, 4]) / 11)
    np.testing.assert_allclose(found["contribution"], np.array([4, 6, 1, 4]) / 15)


def test_p_of_random_maps_is_uniform():
    rng = np.random.default_rng(0)
    segmentation = beats(12, lengths=(3, 5, 2, 10))
    p = np.array(
        [
            table(of_frames(rng.gamma(0.5, size=240)), segmentation, n_shifts=39)["p"]
            for _ in range(300)
        ]
    )
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        # Four standard deviations of a proportion of 300.
        bound = 4 * np.sqrt(level * (1 - level) / 300)
        np.testing.assert_allclose((p <= level + 1e-9).mean(axis=0), level, atol=bound)


def test_the_null_is_the_mean_over_all_shifts_except_0():
    # One frame, moved to the nine others with equal probability: 1 of S1, 3, 1 and 4.
    found = table(of_frames([1] + [0] * 9), beats(1), n_shifts=9999)
    np.testing.assert_allclose(found["null"], np.array([1, 3, 1, 4]) / 9 / found["time"], rtol=0.1)
    np.testing.assert_allclose(found["p"], [1 / 9, 1, 1, 1], atol=0.02)


def test_unknown_phases_do_not_count():
    values = np.zeros(40)
    values[3] = 1  # in systole; most shifts move it out of the only known beat
    found = table(of_frames(values), beats(1)).set_index("phase")
    np.testing.assert_allclose(found.loc["systole", ["time", "enrichment"]], [0.3, 1 / 0.3])
    assert np.isfinite(found["null"]).all()
    np.testing.assert_allclose((found["null"] * found["time"]).sum(), 1)
    # Among the shifts that count, 3 of 10 frames are as good.
    assert found.loc["systole", "p"] == pytest.approx(0.3, abs=0.2)


def test_missing_phases_and_empty_maps_are_nan():
    one = beats(1).query("state != 'S2'")
    found = table(of_frames(np.ones(10)), one).set_index("phase")
    assert found.loc["S2", "time"] == 0
    assert found.loc["S2", ["contribution", "enrichment", "null", "p"]].isna().all()
    np.testing.assert_allclose(found["enrichment"].drop("S2"), 1)
    for made, segmentation in (
        (of_frames(-np.ones(10)), beats(1)),
        (of_frames(np.ones(10)), beats(1).assign(state="unknown")),
    ):
        assert table(made, segmentation)[["contribution", "enrichment", "p"]].isna().all(axis=None)


def test_shifts_depend_on_the_seed_only():
    made = of_frames(np.random.default_rng(0).random(50))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (table(made, beats(5)) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    other = phase_enrichment(made, beats(5), label="Present", random_state=1)
    assert (other["null"] != first["null"]).any()
    pd.testing.assert_series_equal(other["enrichment"], first["enrichment"])


def test_errors_name_the_fault():
    made = of_frames(np.ones(10))
    with pytest.raises(ValueError, match="phase_enrichment needs the times of the frames"):
        phase_enrichment(of_frames(np.ones(10), known=False), beats(1))
    with pytest.raises(ValueError, match="label='Maybe' is no class"):
        table(made, beats(1), label="Maybe")
    with pytest.raises(ValueError, match="columns start, end and state; it has no state"):
        table(made, beats(1)[["start", "end"]])
    with pytest.raises(ValueError, match="Got NoneType. Leave out recordings"):
        table(made, None)
    for n_shifts in (0, 2.5):
        with pytest.raises(ValueError, match="n_shifts=.*at least 1"):
            table(made, beats(1), n_shifts=n_shifts)
