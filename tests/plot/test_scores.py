"""Display of scores by subgroup."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skheart.evaluation import report
from skheart.plot import ScoreDisplay


@pytest.fixture(scope="module")
def scores():
    y_true = np.repeat([0, 1], 30)
    y_pred = np.where(np.arange(60) % 7 == 0, 1, y_true)
    by = {
        "site": np.tile(["x", "y", "z"], 20),
        "kind": np.where(np.arange(60) < 10, "one class", "others"),
    }
    options = {"metrics": ["uar", "specificity"], "n_resamples": 50, "random_state": 0}
    return report(y_true, y_pred, groups=np.arange(60) // 2, by=by, **options)


@pytest.mark.parametrize("metric", [None, "specificity", "recall"])
def test_dots_and_intervals_are_those_of_the_report(scores, metric):
    display = ScoreDisplay.from_report(scores, metric=metric)
    rows = scores.frame[scores.frame["metric"] == (metric or "uar")]
    np.testing.assert_array_equal(display.dots_.get_xdata(), rows["score"])
    np.testing.assert_array_equal(display.dots_.get_ydata(), np.arange(len(rows)))
    segments = np.array(display.intervals_.get_segments())
    np.testing.assert_allclose(segments[:, :, 0], rows[["low", "high"]].dropna())
    np.testing.assert_allclose(segments[:, 0, 1], np.flatnonzero(rows["low"].notna()))
    texts = [label.get_text() for label in display.ax_.get_yticklabels()]
    for text, row in zip(texts, rows.itertuples(), strict=True):
        assert row.value in text
        assert text.endswith(f"({row.n_subjects} subjects)")
    assert display.ax_.yaxis_inverted()  # the first row is at the top
    assert display.ax_.get_xlabel() == f"{metric or 'uar'} (95% interval)"


def test_the_overall_score_is_a_line_and_a_missing_score_is_explained(scores):
    display = ScoreDisplay.from_report(scores)
    line = display.ax_.get_lines()[0]
    assert set(line.get_xdata()) == {scores.frame["score"][0]}
    (text,) = display.ax_.texts
    note = scores.frame.loc[
        scores.frame["score"].isna() & (scores.frame["metric"] == "uar"), "note"
    ]
    assert text.get_text() == note.item()
    assert text.get_position()[1] == display.names.index("kind: one class")
    assert len(ScoreDisplay.from_report(scores, metric="recall").ax_.get_lines()) == 1


def test_plain_numbers_are_drawn_on_the_given_axes():
    _, ax = plt.subplots()
    display = ScoreDisplay(["a", "b"], [0.5, np.nan], [0.4, np.nan], [0.6, np.nan])
    assert display.plot(ax) is display
    assert display.ax_ is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [text.get_text() for text in ax.texts] == ["no score"]


def test_bad_input_is_rejected(scores):
    with pytest.raises(TypeError, match="a result of skheart.evaluation.report. Got DataFrame"):
        ScoreDisplay.from_report(scores.frame)
    with pytest.raises(ValueError, match=r"metric must be one of \['uar'.* Got 'f1'"):
        ScoreDisplay.from_report(scores, metric="f1")
    with pytest.raises(TypeError, match="ax must be one matplotlib Axes"):
        ScoreDisplay(["a"], [1], [1], [1]).plot(ax=3)
