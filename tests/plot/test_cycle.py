"""Display of the average heart cycle."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skheart.plot import HeartCycleDisplay
from tests.helpers.explained import make_cycle, make_explanation


def made(factor=1.0, **changes):
    cycle = make_cycle()
    cycle = cycle._replace(
        contribution=np.float32(factor) * cycle.contribution, edges=factor * cycle.edges
    )
    return make_explanation(cycle=cycle, scale="probability", method="decision_path", **changes)


def other_cells():
    item = made(recording="other.wav")
    cycle = item.cycle._replace(phases=np.roll(item.cycle.phases, 1))
    return dataclasses.replace(item, cycle=cycle)


def test_cells_lie_at_their_seconds_and_hertz():
    item = made()
    display = HeartCycleDisplay.from_explanation(item)
    ax = display.ax_
    np.testing.assert_allclose(display.im_.get_array(), item.cycle.contribution[1].T)
    np.testing.assert_allclose(display.log_mel_.get_array(), item.cycle.features.T)
    corners = display.im_.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], item.cycle.edges)
    np.testing.assert_allclose(corners[:, 0, 1], np.arange(19) - 0.5)
    hertz = [float(text.get_text()) for text in ax.get_yticklabels()]
    assert hertz == [50, 100, 200, 500, 1000]
    step = (1900 - 50) / 17  # from bin to bin
    np.testing.assert_allclose(ax.get_yticks(), (np.array(hertz) - 50) / step)
    assert [text.get_text() for text in ax.texts] == ["S1", "systole", "S2", "diastole"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in ax.lines], [0.1, 0.4, 0.5, 0.8])
    low, high = display.im_.get_clim()
    assert low == -high < 0
    assert ax.get_title(loc="left") == "present"
    assert display.colorbar_.ax.get_ylabel() == "contribution (probability)"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (None, {"S1": 0, "systole": 0.3, "S2": 0, "diastole": -0.018}),
        ("absent", {"S1": 0, "systole": -0.3, "S2": 0, "diastole": 0}),
    ],
)
def test_contributions_of_phases_are_summed(label, expected):
    display = HeartCycleDisplay.from_explanation(made(), label=label)
    assert display.contribution_ == pytest.approx(expected)


def test_the_mean_over_recordings_is_drawn():
    _, axes = plt.subplots(1, 2)
    options = {"ax": axes[1], "limit": 0.2, "colorbar": False}
    display = HeartCycleDisplay.from_explanation([made(), made(2)], **options)
    expected = 1.5 * made().cycle.contribution[1].T
    np.testing.assert_allclose(display.im_.get_array(), expected, atol=1e-7)
    assert display.ax_ is axes[1]
    assert display.ax_.get_xlim() == pytest.approx((0, 1.2))
    assert display.ax_.get_title(loc="left") == "present, mean of 2 recordings"
    assert display.im_.get_clim() == (-0.2, 0.2)
    assert display.colorbar_ is None


@pytest.mark.parametrize(
    ("items", "options", "error", "words"),
    [
        ([], {}, ValueError, "no recording to draw"),
        ([make_explanation()], {}, ValueError, "is by attention, which has no heart cycle"),
        ([made(), made(label="absent")], {}, ValueError, "as absent, present: pass the label"),
        (
            [made(), other_cells()],
            {},
            ValueError,
            "of other.wav has other cells than that of heart",
        ),
        ([made()], {"label": "loud"}, ValueError, "'loud'"),
        ([made()], {"limit": -1}, ValueError, "limit must be a positive number.*Got -1"),
        ([made()], {"ax": 3}, TypeError, "ax must be one matplotlib Axes"),
    ],
)
def test_bad_input_is_rejected(items, options, error, words):
    with pytest.raises(error, match=words):
        HeartCycleDisplay.from_explanation(items, **options)
    assert plt.get_fignums() == []
