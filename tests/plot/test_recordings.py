"""Displays of recordings draw the given numbers at the right seconds and Hz."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skheart import make_heart_pipeline
from skheart.explain import explain
from skheart.plot import AttentionDisplay, HeartCycleDisplay, HistoryDisplay, LogMelDisplay
from tests.helpers.handmade import explanation
from tests.helpers.plots import CONTRIBUTION, STATES, by_hand, seconds, table
from tests.helpers.small import make, small_cnn

CLASSES = ["Absent", "Present", "Unknown"]


def tick_labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


# ---------------------------------------------------------------------- maps


@pytest.mark.parametrize("scale", ["logit", "probability"])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("label", [None, *CLASSES])
def test_the_map_is_the_contribution_of_the_class(label, relative, scale):
    item = by_hand(scale=scale)
    display = AttentionDisplay.from_explanation(item, label=label, relative=relative)
    expected = CONTRIBUTION - relative * CONTRIBUTION.mean(axis=0)
    expected = expected[item.logits.argmax() if label is None else CLASSES.index(label)]
    drawn = display.im_.get_array()
    # A cell has two mel bins, which share its contribution.
    np.testing.assert_allclose(drawn, np.repeat(expected.T / 2, 2, axis=0), atol=1e-6)
    unit = f"{'relative ' * relative}contribution ({scale})"
    assert display.colorbar_.ax.get_ylabel() == unit


@pytest.mark.parametrize("cls", [AttentionDisplay, LogMelDisplay])
def test_cells_lie_at_their_seconds_and_hertz(cls):
    corners = cls.from_explanation(by_hand()).im_.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], 0.25 + 0.5 * np.arange(11))
    np.testing.assert_allclose(corners[:, 0, 1], [50, 150, 250, 350, 450])


@pytest.mark.parametrize("shape", [(10, 1), (1, 2), (1, 1)])
def test_a_single_frame_or_bin_is_visible(shape):
    for known in (False, True):
        item = explanation(np.ones((2, *shape)), known=known)
        corners = AttentionDisplay.from_explanation(item).im_.get_coordinates()
        assert np.all(np.diff(corners[0, :, 0]) > 0)
        assert np.all(np.diff(corners[:, 0, 1]) > 0)


def test_the_log_mel_shows_through_the_map(explanations):
    display = AttentionDisplay.from_explanation(explanations[:2])
    for item, mesh in zip(explanations, display.log_mels_, strict=False):
        np.testing.assert_array_equal(mesh.get_array(), item.features.T)
    opacity = display.im_.get_cmap()(np.linspace(0, 1, 101))[:, 3]
    assert opacity[50] < 0.05
    assert np.all(np.diff(opacity[50:]) >= 0)
    assert np.all(np.diff(opacity[:51]) <= 0)
    assert 0.6 < opacity[0] < 0.9


def test_the_log_mel_alone_needs_no_attention(recwarn):
    X, y = make(n=12)
    display = LogMelDisplay.from_estimator(small_cnn(head="mean", max_epochs=1).fit(X, y), X[:1])
    assert not [warning for warning in recwarn if "attention" in str(warning.message)]
    np.testing.assert_array_equal(display.im_.get_array(), X[0].T)
    assert display.im_.get_cmap().name == "magma"
    assert display.colorbar_.ax.get_ylabel() == "log-mel"


def test_the_waveform_is_above_on_the_same_time_axis(explanations):
    display = AttentionDisplay.from_explanation(explanations[0])
    ((wave, mel),) = display.axes_
    (line,) = wave.lines
    np.testing.assert_array_equal(line.get_ydata(), explanations[0].signal)
    np.testing.assert_allclose(line.get_xdata()[[0, 4000]], [0, 1])  # 4 kHz
    assert wave.get_xlim() == mel.get_xlim() == (0, 3)
    display.figure_.canvas.draw()
    assert wave.get_window_extent().y0 > mel.get_window_extent().y1
    assert display.ax_ is mel


def test_colours_are_centred_at_zero_and_the_same_in_all_panels(explanations):
    display = AttentionDisplay.from_explanation(explanations)
    sizes = [abs(item.contribution[item.class_index()]).ravel() for item in explanations]
    limit = np.percentile(np.concatenate(sizes), 99.5)
    for mesh in display.ims_:
        np.testing.assert_allclose(mesh.get_clim(), [-limit, limit])
    assert display.colorbar_.extend == "both"
    against, for_it = display.im_.get_cmap()([0.0, 1.0])
    assert for_it[0] > for_it[2]  # red
    assert against[0] < against[2]  # blue


def test_a_limit_can_be_given():
    display = AttentionDisplay.from_explanation(by_hand(), limit=7.5, colorbar=False)
    assert display.im_.get_clim() == (-7.5, 7.5)
    assert display.colorbar_ is None
    assert AttentionDisplay([by_hand()]).plot(limit=7.5).colorbar_.extend == "neither"
    empty = explanation(np.zeros((2, 4, 2)))
    assert AttentionDisplay.from_explanation(empty).im_.get_clim() == (-1, 1)


# ---------------------------------------------------------------------- axes


def test_frequencies_have_round_numbers_on_a_log_scale(explanations):
    ax = AttentionDisplay.from_explanation(explanations[0]).ax_
    assert ax.get_yscale() == "log"
    assert tick_labels(ax.yaxis) == ["50", "100", "200", "500", "1000", "2000"]
    np.testing.assert_array_equal(ax.get_yticks(), [50, 100, 200, 500, 1000, 2000])
    low, high = ax.get_ylim()
    assert 0 < low < explanations[0].frequencies[0] < explanations[0].frequencies[-1] < high
    start = f"{explanations[0].start:.3g}"
    assert ax.get_xlabel() == f"Time (s, from {start} s of the recording)"
    assert ax.get_ylabel() == "Frequency (Hz)"


def test_low_panels_have_fewer_frequencies(explanations):
    ax = plt.figure(figsize=(3.4, 2)).subplots()
    display = AttentionDisplay.from_explanation(explanations, ax=ax)
    assert tick_labels(display.ax_.yaxis) == ["100", "500", "2000"]


def test_without_times_and_frequencies_the_axes_count():
    item = explanation(CONTRIBUTION, (1, 2), known=False)
    display = AttentionDisplay.from_explanation(item)
    assert display.axes_[0, 0] is None
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Frame", "Mel bin")
    corners = display.im_.get_coordinates()
    np.testing.assert_array_equal(corners[0, :, 0], np.arange(11) - 0.5)
    np.testing.assert_array_equal(corners[:, 0, 1], np.arange(5) - 0.5)


def test_features_with_their_front_end_have_seconds_and_no_waveform(pipeline, sounds):
    features = pipeline[0].transform(sounds.data[:1])
    display = AttentionDisplay.from_estimator(pipeline[-1], features, front_end=pipeline[0])
    assert display.axes_[0, 0] is None
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Time (s)", "Frequency (Hz)")
    ends = pipeline[0].frame_times_[[0, -1]] + [-0.016, 0.016]
    np.testing.assert_allclose(display.im_.get_coordinates()[0, [0, -1], 0], ends)
    np.testing.assert_allclose(display.ax_.get_xlim(), [0, ends[1]])


# ---------------------------------------------------------------------- S1 and S2


@pytest.mark.parametrize("cls", [LogMelDisplay, AttentionDisplay])
@pytest.mark.parametrize(
    ("given", "s1", "s2"),
    [
        ({}, [0.5, 2.5], [1.2]),
        ({"signal": None, "sr": None}, [0.5, 2.5], [1.2]),
        ({"start": 1.0, "duration": 7.0}, [1.5], [0.2]),
        ({"duration": 2.0}, [0.5, 2.5, 4.5], [1.2, 3.2]),
        ({"duration": 2.0, "signal": np.arange(500.0) * (np.arange(500) < 200)}, [0.5], [1.2]),
    ],
    ids=["whole", "without a signal", "cut", "repeated", "padded with silence"],
)
def test_heart_sounds_are_marked_at_their_seconds(cls, given, s1, s2):
    states = STATES[:3] if given.get("duration") == 2.0 else STATES
    (marks,) = cls.from_explanation(by_hand(**given), segmentation=states).marks_
    np.testing.assert_allclose(seconds(marks["S1"]), s1)
    np.testing.assert_allclose(seconds(marks["S2"]), s2)
    assert marks["S1"].get_linestyle() != marks["S2"].get_linestyle()


def test_a_heart_sound_is_shaded_from_its_start_to_its_end():
    display = LogMelDisplay.from_explanation(by_hand(duration=2.0), segmentation=[STATES[:3]])
    wave = display.axes_[0, 0]
    expected = [[0.5, 0.7], [2.5, 2.7], [4.5, 4.7]], [[1.2, 1.3], [3.2, 3.3]]
    for bars, spans in zip(wave.collections, expected, strict=True):
        drawn = [path.get_extents().intervalx for path in bars.get_paths()]
        np.testing.assert_allclose(drawn, spans)
    repeats = [line.get_xdata()[0] for line in wave.lines[1:]]
    assert repeats == [2.0, 4.0]


def test_only_some_recordings_may_have_a_segmentation():
    items = [by_hand(), by_hand()]
    display = AttentionDisplay.from_explanation(items, segmentation=[None, STATES])
    assert display.marks_[0] is None
    assert seconds(display.marks_[1]["S2"]) == [1.2]
    assert AttentionDisplay.from_explanation(items).marks_ == [None, None]


REPEATED = table((0.0, 0.1, "S1"), (0.9, 1.0, "S2"), (1.96, 2.0, "S1"))
AT_THE_END = table((0.5, 0.6, "S1"), (4.97, 5.0, "S2"))


@pytest.mark.parametrize(
    ("states", "duration", "names"),
    [
        (STATES, 5.0, [("S1", 0.5), ("S2", 1.2), ("S1", 2.5)]),
        (REPEATED, 2.0, [("S1", 0.0), ("S2", 0.9), ("S1", 1.96), ("S2", 2.9), ("S1", 3.96)]),
        (AT_THE_END, 5.0, [("S1", 0.5)]),
    ],
    ids=["all", "overlap at a repeat", "overlap with the edge"],
)
def test_heart_sounds_are_named_where_there_is_room(states, duration, names):
    item = by_hand(duration=duration)
    wave = AttentionDisplay.from_explanation(item, segmentation=states).axes_[0, 0]
    assert [(text.get_text(), text.get_position()[0]) for text in wave.texts] == names


def test_dense_heart_sounds_are_named_in_a_legend():
    starts = np.arange(0, 5, 0.05)
    states = table(*((s, s + 0.02, ("S1", "S2")[i % 2]) for i, s in enumerate(starts)))
    wave = AttentionDisplay.from_explanation(by_hand(), segmentation=states).axes_[0, 0]
    assert not wave.texts
    assert [text.get_text() for text in wave.get_legend().get_texts()] == ["S1", "S2"]


# ---------------------------------------------------------------------- from estimators


def test_from_estimator_explains_by_the_method_asked_for(pipeline, sounds):
    X, states = sounds.data[:1], sounds.segmentation[0]
    options = {"method": "occlusion", "segmentation": states}
    display = AttentionDisplay.from_estimator(pipeline, X, **options)
    (item,) = explain(pipeline, X, method="occlusion")
    expected = item.contribution[item.class_index()].T
    np.testing.assert_allclose(display.im_.get_array(), expected, atol=1e-6)


@pytest.mark.parametrize(
    "unfitted",
    [small_cnn(), make_heart_pipeline("gru"), GridSearchCV(small_cnn(), {"lr": [0.1]})],
    ids=["classifier", "pipeline", "search"],
)
def test_an_unfitted_estimator_is_rejected(unfitted):
    X, _ = make(n=2)
    for display in (LogMelDisplay, AttentionDisplay):
        with pytest.raises(NotFittedError):
            display.from_estimator(unfitted, X)
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(unfitted)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"label": "Perhaps"}, ValueError, "'Perhaps'"),
        ({"limit": 0}, ValueError, "limit must be a positive number.*Got 0"),
        ({"n_cols": 0}, ValueError, "n_cols == 0, must be >= 1"),
        ({"ax": [1, 2]}, TypeError, "ax must be one matplotlib Axes.*Got list"),
        ({"segmentation": [STATES] * 2}, ValueError, "2 tables for 1 recordings"),
        (
            {"segmentation": STATES.drop(columns="end")},
            ValueError,
            r"segmentation of by hand \(table 0\) has no column end",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_input_is_rejected(given, error, words):
    with pytest.raises(error, match=words):
        AttentionDisplay.from_explanation(by_hand(), **given)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("cls", [LogMelDisplay, AttentionDisplay])
def test_anything_but_explanations_is_rejected(cls):
    with pytest.raises(ValueError, match="There is no recording to draw"):
        cls.from_explanation([])
    with pytest.raises(TypeError, match="Got ndarray; for recordings use from_estimator"):
        cls.from_explanation([np.zeros(4000)])


def test_a_segmentation_needs_times():
    item = explanation(CONTRIBUTION, known=False)
    with pytest.raises(ValueError, match="segmentation needs the times of the frames"):
        LogMelDisplay.from_explanation(item, segmentation=STATES)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("LogMelDisplay", lambda: LogMelDisplay.from_explanation(by_hand())),
        ("AttentionDisplay", lambda: AttentionDisplay.from_estimator(small_cnn(), [])),
        ("HeartCycleDisplay", lambda: HeartCycleDisplay.from_estimator(small_cnn(), [])),
        ("HistoryDisplay", lambda: HistoryDisplay([1, 2]).plot()),
    ],
)
def test_without_matplotlib_the_error_names_the_extra(monkeypatch, name, draw):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf'{name} needs matplotlib.*"skheart\[plot\]"'):
        draw()


# ---------------------------------------------------------------------- pictures of the README


def test_the_command_draws_the_pictures(tmp_path, capsys, monkeypatch, request):
    from benchmarks.studies import explanation_picture as command

    command.main(tmp_path / "map.png", n_subjects=12, clf__max_epochs=1, clf__channels=(4, 8))
    assert plt.imread(tmp_path / "map.png").shape == plt.imread(command.PICTURE).shape
    assert "accuracy on held-out subjects" in capsys.readouterr().out
    forest = request.getfixturevalue("forest")
    monkeypatch.setattr(command, "fitted_trees", lambda *args: forest)
    command.cycles(tmp_path / "cycles.png", n_subjects=12)
    assert plt.imread(tmp_path / "cycles.png").shape == plt.imread(command.CYCLES).shape
