"""Explanation: its grids, time intervals and tables, computed by hand."""

import dataclasses
import pickle

import numpy as np
import pytest

from skheart.explain import Maps, explain
from tests.helpers.handmade import explanation
from tests.helpers.small import make, small_cnn

# Two classes, 6 cells in time, 2 in frequency. Over frequency, Present has 1, 4, 3, -2, 0, 2.
ABSENT = [[0.5, 0.5]] * 6
PRESENT = [[0, 1], [3, 1], [4, -1], [-1, -1], [0, 0], [1, 1]]
CURVE = [1, 4, 3, -2, 0, 2]


def by_hand(**given):
    return explanation([ABSENT, PRESENT], (2, 3), left_over=(1, 2), **given)


def test_the_predicted_class_is_the_default():
    made = by_hand()
    assert made.label == "Present"
    np.testing.assert_array_equal(made.curve(), made.curve("Present"))
    np.testing.assert_allclose(made.curve("Absent")[:12], 0.5)
    assert made.class_index() == made.class_index("Present") == 1
    numbers = by_hand(classes=np.array([1, 11]), label=np.int64(11))
    assert numbers.class_index() == numbers.class_index("11") == numbers.class_index(11) == 1
    assert numbers.class_index(1) == 0
    for call in (made.class_index, made.curve, made.moments, made.to_frame):
        with pytest.raises(ValueError, match="label='Maybe' is no class of the model: Absent, Pre"):
            call("Maybe")


def test_a_cell_is_divided_evenly_and_the_remainder_is_0():
    made = by_hand()
    contribution = made.contribution
    assert contribution.shape == (2, 13, 8)
    np.testing.assert_allclose(contribution[1, 2:4, 0:3], 3 / 6)
    np.testing.assert_allclose(contribution[1, 4:6, 3:6], -1 / 6)
    np.testing.assert_array_equal(contribution[:, 12], 0)
    np.testing.assert_array_equal(contribution[:, :, 6:], 0)
    np.testing.assert_allclose(contribution.sum((1, 2)), [6, 8], atol=1e-5)
    assert made.attention is None
    assert made.class_map is None
    full = made.head.contribution
    with_maps = by_hand(head=Maps(full, full, full, *made.head[3:]))
    np.testing.assert_allclose(with_maps.attention, contribution)
    np.testing.assert_allclose(with_maps.class_map, contribution * 6, rtol=1e-6)


def test_a_curve_sums_over_mel_bins_and_relative_subtracts_the_class_mean():
    made = by_hand()
    np.testing.assert_allclose(made.curve(), [*np.repeat(CURVE, 2) / 2, 0], atol=1e-6)
    np.testing.assert_array_equal(made.of_class("Absent"), ABSENT)
    np.testing.assert_array_equal(made.of_class(), PRESENT)
    half = (np.array(PRESENT) - np.array(ABSENT)) / 2
    np.testing.assert_allclose(made.of_class(relative=True), half)
    np.testing.assert_allclose(made.of_class("Absent", relative=True), -half)
    assert half.sum() == made.logits[1] - made.logits.mean()
    curve = made.curve(relative=True)
    np.testing.assert_allclose(curve, [*np.repeat(half.sum(axis=1), 2) / 2, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("share", "cells"),
    [
        (0.1, [(1, 2)]),  # 4 of 10
        (0.4, [(1, 2)]),
        (0.41, [(1, 3)]),  # 4 + 3
        (0.7, [(1, 3)]),
        (0.71, [(1, 3), (5, 6)]),  # 4 + 3 + 2
        (1, [(0, 3), (5, 6)]),
    ],
)
def test_moments_are_the_largest_cells_until_they_hold_the_share(share, cells):
    moments = by_hand().moments(share=share)
    # Frames of 0.5 s from 0.25 s, two per cell.
    assert moments["start"].tolist() == [0.25 + a for a, _ in cells]
    assert moments["end"].tolist() == [0.25 + b for _, b in cells]
    assert moments["contribution"].tolist() == [sum(CURVE[a:b]) for a, b in cells]
    assert list(moments) == ["start", "end", "contribution"]


def test_moments_begin_no_earlier_than_the_sound():
    times = 0.1 + 0.5 * np.arange(13)  # frames of 0.2 s, one each half second
    assert by_hand(times=times).moments(share=1)["start"].tolist() == pytest.approx([0, 4.85])


@pytest.mark.parametrize("seed", range(5))
def test_all_moments_together_hold_the_positive_contribution(seed):
    """Although sums in float32 depend on their order."""
    values = np.random.default_rng(seed).normal(size=936).astype(np.float32)
    moments = explanation(values[None, :, None], hop=0.032).moments(share=1)
    total = np.maximum(values.astype(float), 0).sum()
    assert moments["contribution"].sum() == pytest.approx(total)
    assert (moments["end"] - moments["start"]).sum() == pytest.approx(0.032 * (values > 0).sum())
    assert (moments["start"].to_numpy()[1:] > moments["end"].to_numpy()[:-1]).all()


def test_nothing_positive_gives_no_moment(tmp_path):
    made = explanation(-np.ones((2, 5, 1)))
    moments = made.moments()
    assert list(moments) == ["start", "end", "contribution"]
    assert len(moments) == 0
    assert {str(kind) for kind in moments.dtypes} == {"float64"}
    made.to_audacity(tmp_path / "labels.txt")
    assert (tmp_path / "labels.txt").read_text() == ""
    assert len(explanation(np.zeros((1, 3, 1))).moments(share=1)) == 0


def test_equal_cells_are_one_moment_and_so_is_a_single_frame():
    assert len(explanation(np.ones((1, 7, 1))).moments(share=1)) == 1
    moments = explanation(np.ones((1, 1, 1)), hop=0.032).moments()
    assert moments.to_numpy().tolist() == [[0, 0.064, 1]]


@pytest.mark.parametrize("share", [0, -0.5, 1.1, "half", None, float("nan")])
def test_a_share_is_above_0_and_up_to_1(share):
    with pytest.raises(ValueError, match="share=.*must be a number above 0 and up to 1"):
        by_hand().moments(share=share)


def test_moments_need_the_times(tmp_path):
    unknown = by_hand(known=False)
    for call in (unknown.moments, lambda: unknown.to_audacity(tmp_path / "x.txt")):
        with pytest.raises(
            ValueError, match="times of the frames.*whole pipeline, or pass front_end="
        ):
            call()
    assert not (tmp_path / "x.txt").exists()
    np.testing.assert_allclose(unknown.curve(), by_hand().curve())


def test_to_frame_has_a_row_for_each_cell():
    made = by_hand()
    table = made.to_frame()
    assert list(table) == ["time", "frequency", "contribution"]
    np.testing.assert_array_equal(table["contribution"], np.ravel(PRESENT))
    # Frames 1 and 2 are centred at 0.5 and 1.0 s, bins 1 to 3 at 100, 200 and 300 Hz.
    assert table["time"].tolist() == [t for t in (0.75, 1.75, 2.75, 3.75, 4.75, 5.75) for _ in "ab"]
    assert table["frequency"].tolist() == [200, 500] * 6
    numbered = by_hand(known=False).to_frame("Absent")
    assert numbered["time"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert numbered["frequency"].tolist() == [0, 1] * 6
    assert set(numbered["contribution"]) == {0.5}


def test_to_frame_of_a_classifier_has_all_three_maps():
    X, y = make(12)
    made = explain(small_cnn(max_epochs=1).fit(X, y), X[:1])[0]
    table = made.to_frame(made.classes[2])
    assert list(table) == ["time", "frequency", "contribution", "attention", "class_map"]
    np.testing.assert_allclose(table["attention"] * table["class_map"], table["contribution"])
    np.testing.assert_allclose(table["contribution"].sum(), made.logits[2], atol=1e-4)


def test_to_audacity_writes_a_label_track(tmp_path):
    path = tmp_path / "labels.txt"
    by_hand().to_audacity(path, share=0.71)
    assert path.read_bytes() == (
        b"1.250000\t3.250000\tPresent +7.000\n5.250000\t6.250000\tPresent +2.000\n"
    )
    by_hand().to_audacity(str(path), label="Absent", share=1)
    assert path.read_text() == "0.250000\t6.250000\tAbsent +6.000\n"


def test_it_is_frozen_and_can_be_pickled_and_hashed():
    X, y = make(12)
    made = explain(small_cnn(max_epochs=1).fit(X, y), X[:1])[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.label = "other"
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.contribution, made.contribution)
    np.testing.assert_array_equal(again.times, made.times)
    assert len({made, made, again}) == 2
    text = repr(made)
    assert len(text) < 500
    for part in ("method='attention'", "recording='recording 0'", "label=", "cell=(4, 4)"):
        assert part in text
