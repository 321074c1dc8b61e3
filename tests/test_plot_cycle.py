"""The picture of the average heart cycle: the numbers of the explanations, at the right place."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skheart.plot import HeartCycleDisplay
from tests.helpers.explained import make_cycle, make_explanation


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def made(factor=1.0, **changes):
    cycle = make_cycle()
    cycle = cycle._replace(
        contribution=np.float32(factor) * cycle.contribution, edges=factor * cycle.edges
    )
    return make_explanation(cycle=cycle, scale="probability", method="decision_path", **changes)


def test_cells_are_drawn_where_they_are():
    item = made()
    display = HeartCycleDisplay.from_explanation(item)
    np.testing.assert_allclose(display.im_.get_array(), item.cycle.contribution[1].T)
    np.testing.assert_allclose(display.log_mel_.get_array(), item.cycle.features.T)
    corners = display.im_.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], item.cycle.edges)
    middles = (corners[1:, 0, 1] + corners[:-1, 0, 1]) / 2
    np.testing.assert_allclose(middles, np.arange(18))
    ticks = display.ax_.get_yticks()
    hertz = [float(text.get_text()) for text in display.ax_.get_yticklabels()]
    assert hertz == [50, 100, 200, 500, 1000]
    step = (1900 - 50) / 17  # from bin to bin
    np.testing.assert_allclose(ticks, (np.array(hertz) - 50) / step)
    assert display.contribution_ == pytest.approx(
        {"S1": 0, "systole": 0.3, "S2": 0, "diastole": -0.018}
    )
    assert [text.get_text() for text in display.ax_.texts] == ["S1", "systole", "S2", "diastole"]
    lines = [line.get_xdata()[0] for line in display.ax_.lines]
    np.testing.assert_allclose(lines, [0.1, 0.4, 0.5, 0.8])
    low, high = display.im_.get_clim()
    assert low == -high < 0
    assert display.ax_.get_title(loc="left") == "present"
    assert display.colorbar_.ax.get_ylabel() == "contribution (probability)"


def test_the_mean_over_recordings():
    display = HeartCycleDisplay.from_explanation([made(), made(2)], limit=0.2, colorbar=False)
    expected = 1.5 * made().cycle.contribution[1].T
    np.testing.assert_allclose(display.im_.get_array(), expected, atol=1e-7)
    assert display.ax_.get_xlim() == pytest.approx((0, 1.2))
    assert display.ax_.get_title(loc="left") == "present, mean of 2 recordings"
    assert display.im_.get_clim() == (-0.2, 0.2)
    assert display.colorbar_ is None
    other = HeartCycleDisplay.from_explanation(made(), label="absent")
    assert other.contribution_["systole"] == pytest.approx(-0.3)


def test_an_ax_of_ones_own():
    figure, axes = plt.subplots(1, 2)
    display = HeartCycleDisplay([made()]).plot(axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"is by attention, which has no heart cycle"):
        HeartCycleDisplay.from_explanation(make_explanation())
    with pytest.raises(ValueError, match="predicted as absent, present: give the label"):
        HeartCycleDisplay.from_explanation([made(), made(label="absent")])
    other = made(recording="other.wav")
    phases = np.roll(other.cycle.phases, 1)
    other = dataclasses.replace(other, cycle=other.cycle._replace(phases=phases))
    with pytest.raises(ValueError, match="of other.wav has other cells than that of heart.wav"):
        HeartCycleDisplay.from_explanation([made(), other])
    with pytest.raises(ValueError, match="no class of the model"):
        HeartCycleDisplay.from_explanation(made(), label="loud")
    with pytest.raises(ValueError, match="limit=-1 must be"):
        HeartCycleDisplay.from_explanation(made(), limit=-1)
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        HeartCycleDisplay.from_explanation(made(), ax=3)
    with pytest.raises(ValueError, match="no recording to draw"):
        HeartCycleDisplay([]).plot()
