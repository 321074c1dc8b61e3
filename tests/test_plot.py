"""Displays draw the numbers that they are given, at the right seconds and Hz."""

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
from tests.helpers.plots import CONTRIBUTION, STATES, by_hand, seconds, table, trained
from tests.helpers.small import make, small_cnn, small_rnn


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sounds():
    return trained()[0]


@pytest.fixture(scope="module")
def pipeline():
    return trained()[1]


@pytest.fixture(scope="module")
def explanations(pipeline, sounds):
    return explain(pipeline, sounds.data[:4])


# ---------------------------------------------------------------------- what is drawn


@pytest.mark.parametrize("label", [None, "Absent", "Present", "Unknown"])
def test_the_map_is_the_contribution_of_the_class(label):
    item = by_hand()
    display = AttentionDisplay.from_explanation(item, label=label)
    number = (
        item.logits.argmax() if label is None else ["Absent", "Present", "Unknown"].index(label)
    )
    spread = np.repeat(CONTRIBUTION[number] / 2, 2, axis=1)  # of a cell, on its two mel bins
    np.testing.assert_allclose(display.im_.get_array(), spread.T, rtol=1e-6)


@pytest.mark.parametrize("scale", ["logit", "probability"])
def test_the_colour_bar_says_what_the_contributions_add_up_to(scale):
    display = AttentionDisplay.from_explanation(by_hand(scale=scale))
    assert display.colorbar_.ax.get_ylabel() == f"contribution ({scale})"


def test_the_relative_map_is_less_the_mean_over_the_classes():
    display = AttentionDisplay.from_explanation(by_hand(), label="Present", relative=True)
    relative = CONTRIBUTION[1] - CONTRIBUTION.mean(axis=0)
    drawn = display.im_.get_array()
    np.testing.assert_allclose(drawn[::2] + drawn[1::2], relative.T, atol=1e-6)
    assert display.colorbar_.ax.get_ylabel() == "relative contribution (logit)"


def test_cells_stand_at_their_seconds_and_hertz():
    for mesh in (
        AttentionDisplay.from_explanation(by_hand()).im_,
        LogMelDisplay.from_explanation(by_hand()).im_,
    ):
        corners = mesh.get_coordinates()
        np.testing.assert_allclose(corners[0, :, 0], 0.25 + 0.5 * np.arange(11))
        np.testing.assert_allclose(corners[:, 0, 1], [50, 150, 250, 350, 450])


def test_the_log_mel_is_drawn_and_shows_through(explanations):
    display = AttentionDisplay.from_explanation(explanations[:2])
    for item, mesh in zip(explanations, display.log_mels_, strict=False):
        np.testing.assert_array_equal(mesh.get_array(), item.features.T)
    opacity = display.im_.get_cmap()(np.linspace(0, 1, 101))[:, 3]
    assert opacity[50] < 0.05
    assert np.all(np.diff(opacity[50:]) >= 0)
    assert np.all(np.diff(opacity[:51]) <= 0)
    assert 0.6 < opacity[0] < 0.9


def test_the_log_mel_alone(explanations):
    display = LogMelDisplay.from_explanation(explanations[0])
    np.testing.assert_array_equal(display.im_.get_array(), explanations[0].features.T)
    assert display.im_.get_cmap().name == "magma"
    assert [text.get_text() for text in display.titles_] == ["recording 0"]
    assert display.colorbar_.ax.get_ylabel() == "log-mel"


def test_the_waveform_stands_above_on_the_same_seconds(explanations):
    display = AttentionDisplay.from_explanation(explanations[0])
    ((wave, mel),) = display.axes_
    line = wave.lines[0]
    np.testing.assert_array_equal(line.get_ydata(), explanations[0].signal)
    np.testing.assert_allclose(line.get_xdata()[[0, 4000]], [0, 1])  # 4 kHz
    assert wave.get_xlim() == mel.get_xlim() == (0, 3)
    display.figure_.canvas.draw()
    assert wave.get_window_extent().y0 > mel.get_window_extent().y1
    assert display.ax_ is mel


def test_colours_are_centred_at_zero_and_mean_the_same_in_all(explanations):
    display = AttentionDisplay.from_explanation(explanations)
    sizes = [abs(item.contribution[item.class_index()]).ravel() for item in explanations]
    limit = np.percentile(np.concatenate(sizes), 99.5)
    for mesh in display.ims_:
        np.testing.assert_allclose(mesh.get_clim(), [-limit, limit])
    bar = display.colorbar_
    assert bar.ax.get_ylabel() == "contribution (logit)"
    assert bar.extend == "both"
    # Red for, blue against.
    colours = display.im_.get_cmap()
    assert colours(1.0)[0] > colours(1.0)[2]
    assert colours(0.0)[0] < colours(0.0)[2]


def test_a_limit_can_be_given():
    display = AttentionDisplay.from_explanation(by_hand(), limit=7.5, colorbar=False)
    assert display.im_.get_clim() == (-7.5, 7.5)
    assert display.colorbar_ is None
    assert AttentionDisplay([by_hand()]).plot(limit=7.5).colorbar_.extend == "neither"


def test_a_map_without_contributions_can_be_drawn():
    item = explanation(np.zeros((2, 4, 2)))
    assert AttentionDisplay.from_explanation(item).im_.get_clim() == (-1, 1)


def test_frequencies_have_round_numbers_on_a_log_scale(explanations):
    display = AttentionDisplay.from_explanation(explanations[0])
    ax = display.ax_
    assert ax.get_yscale() == "log"
    ticks = [50, 100, 200, 500, 1000, 2000]
    np.testing.assert_array_equal(ax.get_yticks(), ticks)
    assert [text.get_text() for text in ax.get_yticklabels()] == [str(tick) for tick in ticks]
    low, high = ax.get_ylim()
    assert 0 < low < explanations[0].frequencies[0]
    assert high > explanations[0].frequencies[-1]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        f"Time (s, from {explanations[0].start:.3g} s of the recording)",
        "Frequency (Hz)",
    )


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
    np.testing.assert_allclose(
        display.im_.get_coordinates()[0, [0, -1], 0],
        pipeline[0].frame_times_[[0, -1]] + [-0.016, 0.016],
    )


# ---------------------------------------------------------------------- S1 and S2


@pytest.mark.parametrize(
    ("given", "s1", "s2"),
    [
        ({}, [0.5, 2.5], [1.2]),
        ({"start": 1.0, "duration": 7.0}, [1.5], [0.2]),
        ({"duration": 2.0}, [0.5, 2.5, 4.5], [1.2, 3.2]),
        ({"duration": 2.0, "silent": True}, [0.5], [1.2]),
    ],
    ids=["whole", "cut", "repeated", "filled with silence"],
)
def test_heart_sounds_are_marked_at_their_seconds(given, s1, s2):
    given = dict(given)
    item = by_hand()
    if given.pop("silent", False):
        given["signal"] = np.where(np.arange(500) < 200, item.signal, 0)
    states = STATES if given.get("duration") != 2.0 else STATES[:3]
    for display in (LogMelDisplay, AttentionDisplay):
        (marks,) = display.from_explanation(by_hand(**given), segmentation=states).marks_
        np.testing.assert_allclose(seconds(marks["S1"]), s1)
        np.testing.assert_allclose(seconds(marks["S2"]), s2)
        assert marks["S1"].get_linestyle() != marks["S2"].get_linestyle()


def test_a_heart_sound_is_shaded_from_its_start_to_its_end():
    display = LogMelDisplay.from_explanation(by_hand(duration=2.0), segmentation=[STATES[:3]])
    first, second = display.axes_[0, 0].collections
    ends = [path.get_extents().intervalx.tolist() for path in first.get_paths()]
    np.testing.assert_allclose(ends, [[0.5, 0.7], [2.5, 2.7], [4.5, 4.7]])
    ends = [path.get_extents().intervalx.tolist() for path in second.get_paths()]
    np.testing.assert_allclose(ends, [[1.2, 1.3], [3.2, 3.3]])
    begins = [line.get_xdata()[0] for line in display.axes_[0, 0].lines[1:]]
    assert begins == [2.0, 4.0]  # where the recording begins anew


def test_times_may_be_known_of_some_alone():
    items = [by_hand(), by_hand()]
    display = AttentionDisplay.from_explanation(items, segmentation=[None, STATES])
    assert display.marks_[0] is None
    assert seconds(display.marks_[1]["S2"]) == [1.2]
    assert AttentionDisplay.from_explanation(items).marks_ == [None, None]


def test_every_sound_is_named_or_all_of_them_once():
    few = AttentionDisplay.from_explanation(by_hand(), segmentation=STATES)
    assert [text.get_text() for text in few.axes_[0, 0].texts] == ["S1", "S2", "S1"]
    starts = np.arange(0, 5, 0.05)
    many = table(*((s, s + 0.02, ("S1", "S2")[i % 2]) for i, s in enumerate(starts)))
    wave = AttentionDisplay.from_explanation(by_hand(), segmentation=many).axes_[0, 0]
    assert not wave.texts
    assert [text.get_text() for text in wave.get_legend().get_texts()] == ["S1", "S2"]


def test_names_do_not_overlap_where_a_recording_begins_anew_or_ends():
    states = table((0.0, 0.1, "S1"), (0.9, 1.0, "S2"), (1.96, 2.0, "S1"))
    display = AttentionDisplay.from_explanation(by_hand(duration=2.0), segmentation=states)
    found = [(text.get_text(), text.get_position()[0]) for text in display.axes_[0, 0].texts]
    assert found == [("S1", 0.0), ("S2", 0.9), ("S1", 1.96), ("S2", 2.9), ("S1", 3.96)]
    states = table((0.5, 0.6, "S1"), (4.97, 5.0, "S2"))
    display = AttentionDisplay.from_explanation(by_hand(), segmentation=states)
    assert [text.get_text() for text in display.axes_[0, 0].texts] == ["S1"]
    assert seconds(display.marks_[0]["S2"]) == [4.97]


# ---------------------------------------------------------------------- from estimators


@pytest.mark.parametrize("method", ["attention", "occlusion", "integrated_gradients"])
def test_from_estimator_explains(pipeline, sounds, method):
    display = AttentionDisplay.from_estimator(
        pipeline, sounds.data[:1], method=method, segmentation=sounds.segmentation[0]
    )
    (item,) = explain(pipeline, sounds.data[:1], method=method)
    drawn = display.im_.get_array()
    np.testing.assert_allclose(drawn, item.contribution[item.class_index()].T, atol=1e-6)
    assert display.explanations[0].method == method


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_recurrent_net_has_no_frequencies(cell):
    X, y = make(n=12)
    display = AttentionDisplay.from_estimator(small_rnn(cell=cell, max_epochs=1).fit(X, y), X[:2])
    drawn = display.im_.get_array()
    assert np.ptp(drawn, axis=0).max() == 0
    assert np.ptp(drawn, axis=1).max() > 0


def test_the_log_mel_of_a_head_without_attention_comes_without_a_warning(recwarn):
    X, y = make(n=12)
    display = LogMelDisplay.from_estimator(small_cnn(head="mean", max_epochs=1).fit(X, y), X[:1])
    np.testing.assert_array_equal(display.im_.get_array(), X[0].T)
    assert not [warning for warning in recwarn if "attention" in str(warning.message)]


@pytest.mark.parametrize(
    "unfitted",
    [
        small_cnn(),
        make_heart_pipeline("gru"),
        GridSearchCV(small_cnn(), {"lr": [0.1]}),
    ],
    ids=["classifier", "pipeline", "search"],
)
def test_an_unfitted_estimator_is_refused(unfitted):
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
        ({"label": "Perhaps"}, ValueError, "'Perhaps' is no class of the model: Absent"),
        ({"limit": 0}, ValueError, "limit=0 must be a contribution above 0"),
        ({"n_cols": 0}, ValueError, "n_cols=0 must be a whole number of at least 1"),
        ({"ax": [1, 2]}, TypeError, "ax must be one matplotlib Axes.*Got list"),
        ({"segmentation": [STATES] * 2}, ValueError, "2 tables for 1 recordings"),
        (
            {"segmentation": STATES.drop(columns="end")},
            ValueError,
            r"segmentation of by hand \(table 0\) has no end",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_input_is_refused(given, error, words):
    with pytest.raises(error, match=words):
        AttentionDisplay.from_explanation(by_hand(), **given)
    assert plt.get_fignums() == []


def test_nothing_and_recordings_are_no_explanations():
    for display in (LogMelDisplay, AttentionDisplay):
        with pytest.raises(ValueError, match="There is no recording to draw"):
            display.from_explanation([])
        with pytest.raises(TypeError, match="Got ndarray; for recordings take from_estimator"):
            display.from_explanation([np.zeros(4000)])


def test_heart_sounds_need_times():
    item = explanation(CONTRIBUTION, known=False)
    with pytest.raises(ValueError, match="segmentation needs the times of the frames"):
        LogMelDisplay.from_explanation(item, segmentation=STATES)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    X, _ = make(n=2)
    calls = {
        "LogMelDisplay": lambda: LogMelDisplay.from_explanation(by_hand()),
        "AttentionDisplay": lambda: AttentionDisplay.from_estimator(small_cnn(), X),
        "HeartCycleDisplay": lambda: HeartCycleDisplay([by_hand()]).plot(),
        "HistoryDisplay": lambda: HistoryDisplay([1, 2]).plot(),
    }
    for name, call in calls.items():
        with pytest.raises(ImportError, match=rf'{name} needs matplotlib.*"skheart\[plot\]"'):
            call()


# ---------------------------------------------------------------------- the picture


def test_the_command_makes_the_picture(tmp_path, capsys):
    from benchmarks.studies.explanation_picture import PICTURE, main

    file = tmp_path / "picture.png"
    main(file, n_subjects=12, clf__max_epochs=1, clf__channels=(4, 8))
    assert plt.imread(file).shape == plt.imread(PICTURE).shape
    assert "accuracy on unheard people" in capsys.readouterr().out


def test_the_command_makes_the_picture_of_cycles(tmp_path, capsys):
    from benchmarks.studies.explanation_picture import CYCLES, cycles

    file = tmp_path / "cycles.png"
    cycles(file, n_subjects=12)
    assert plt.imread(file).shape == plt.imread(CYCLES).shape
    assert "accuracy of trees on them" in capsys.readouterr().out
