"""Text in figures is readable, and nothing overlaps."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skheart.plot import AttentionDisplay, HistoryDisplay, LogMelDisplay, SiteAuditDisplay
from tests.helpers.plots import STATES, by_hand, overlaps


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b/50782_MV.wav", "50782_MV.wav"),
        ("C:\\sounds\\x.wav", "x.wav"),
        ("recording 3", "recording 3"),
        ("a/two\nlines\t.wav", "two lines .wav"),
    ],
)
def test_the_title_is_the_file_name_on_one_line(path, name):
    display = LogMelDisplay.from_explanation(by_hand(recording=path))
    assert display.titles_[0].get_text() == name


@pytest.mark.parametrize(
    ("label", "title"),
    [(None, "a.wav: Present (72%)"), ("Unknown", "a.wav: Unknown (3%), predicted Present")],
)
def test_the_title_has_label_and_probability(label, title):
    item = by_hand(recording="a.wav", label="Present", probabilities=np.array([0.25, 0.721, 0.029]))
    display = AttentionDisplay.from_explanation(item, label=label)
    assert display.titles_[0].get_text() == title


def test_a_long_name_is_shortened_in_the_middle_and_is_not_mathematics():
    item = by_hand(recording="start_" + "$x^2$" * 60 + "_end.wav")
    (title,) = AttentionDisplay.from_explanation(item).titles_
    name = title.get_text().partition(": ")[0]
    assert name.startswith("start_")
    assert name.endswith("_end.wav")
    assert "…" in name
    assert title.get_parse_math() is False


def test_a_long_label_does_not_overlap_the_next_panel():
    items = [by_hand(classes=np.array([letter * 80 for letter in "abc"]), label="a" * 80)] * 2
    display = AttentionDisplay.from_explanation(items, segmentation=[STATES] * 2)
    assert display.titles_[0].get_text().endswith("%)")
    assert list(overlaps(display.figure_)) == []


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.parametrize("size", [None, (3.4, 2.6), (16, 9)], ids=str)
@pytest.mark.parametrize("n", [1, 4])
def test_nothing_overlaps_in_recordings(explanations, sounds, n, size, layout):
    ax = None if size is None else plt.subplots(figsize=size, layout=layout)[1]
    display = AttentionDisplay.from_explanation(
        explanations[:n], segmentation=sounds.segmentation[:n], ax=ax
    )
    assert list(overlaps(display.figure_)) == []


def test_the_check_finds_an_overlap():
    figure, ax = plt.subplots()
    ax.text(0.5, 0.5, "one")
    ax.text(0.51, 0.5, "two")
    assert ("two", "one") in overlaps(figure)


def test_a_given_axes_is_divided_and_stays_divided(explanations):
    figure, axes = plt.subplots(1, 2, figsize=(14, 5))
    display = AttentionDisplay.from_explanation(explanations, ax=axes[1])
    assert display.figure_ is figure
    assert display.bounding_ax_ is axes[1]
    assert not axes[1].axison
    assert axes[0].axison
    assert plt.get_fignums() == [figure.number]
    for width in (14, 24):
        figure.set_size_inches(width, 5)
        figure.canvas.draw()
        outer = axes[1].get_window_extent()
        boxes = [ax.get_window_extent() for ax in [*display.axes_.ravel(), display.colorbar_.ax]]
        for i, box in enumerate(boxes):
            assert outer.x0 < box.x0 < box.x1 < outer.x1
            assert outer.y0 < box.y0 < box.y1 < outer.y1
            assert not any(box.overlaps(other) for other in boxes[:i])
    left = [ax.get_window_extent().x0 for ax in display.axes_[:, 1]]
    assert left[0] == left[2] < left[1] == left[3]


def test_tiny_axes_can_be_divided(explanations):
    _, ax = plt.subplots(figsize=(0.5, 0.4))
    display = AttentionDisplay.from_explanation(explanations, ax=ax)
    display.figure_.canvas.draw()
    sizes = [panel.get_window_extent().size for panel in display.axes_.ravel()]
    assert np.min(sizes) > 0


def test_n_cols_sets_the_recordings_per_row(explanations):
    display = LogMelDisplay.from_explanation(explanations, n_cols=4)
    display.figure_.canvas.draw()
    boxes = [ax.get_window_extent() for ax in display.axes_[:, 1]]
    assert len({round(box.y0) for box in boxes}) == 1
    assert np.all(np.diff([box.x0 for box in boxes]) > 0)


@pytest.mark.parametrize("size", [(3.2, 2.4), (6.4, 4.8), (12, 4)], ids=str)
def test_nothing_overlaps_in_a_history(size):
    _, ax = plt.subplots(figsize=size, layout="constrained")
    curves = {"valid_loss": [1.1, 0.9, 1.2], "valid_uar": [0.3, 0.9, 0.7]}
    display = HistoryDisplay([1.1, 0.7, 0.2], **curves).plot(ax)
    assert list(overlaps(display.figure_)) == []


@pytest.mark.parametrize("n_sites", [2, 4, 8])
def test_nothing_overlaps_in_a_site_audit(n_sites):
    scores = {"": 0.6, "_low": 0.5, "_high": 0.7}
    frame = pd.DataFrame(
        {
            "site": [f"training-{i}" for i in range(n_sites)],
            "subjects": 40,
            **{f"pooled{end}": value for end, value in scores.items()},
            **{f"unseen{end}": value for end, value in scores.items()},
        }
    )
    display = SiteAuditDisplay(frame, chance=0.5, site_uar=0.9, site_chance=1 / n_sites).plot()
    assert list(overlaps(display.figure_)) == []
