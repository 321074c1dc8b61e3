"""Phases told from the sound, and the average heart cycle; on generated sounds, whose are known."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from sklearn.base import clone

from skheart.audio import RecordingWarning
from skheart.datasets import make_heart_sounds
from skheart.segmentation import PHASES, HeartPhaseSegmenter, phases_at
from skheart.segmentation._phase_net import PhaseNet
from skheart.segmentation._phases import decode_phases, find_best_path
from skheart.segmentation._training import PADDING, PhaseLoss, RandomCrops
from tests.helpers.phases import fitted_segmenter


@pytest.fixture(scope="module")
def learnt():
    """Sounds of 12 subjects, the segmenter of 9 of them, and the rows of the others."""
    sounds = make_heart_sounds(n_subjects=12, duration=6, random_state=0)
    new = np.isin(sounds.groups, np.unique(sounds.groups)[:3])
    segmenter = HeartPhaseSegmenter(width=16, max_epochs=60, batch_size=8, crop=4.0, random_state=0)
    train = np.flatnonzero(~new)
    segmenter.fit([sounds.data[i] for i in train], [sounds.segmentation[i] for i in train])
    return sounds, segmenter, np.flatnonzero(new)


def test_phases_of_people_who_were_not_trained_on_are_found(learnt):
    sounds, segmenter, new = learnt
    recordings = [sounds.data[i] for i in new]
    tables = [sounds.segmentation[i] for i in new]
    assert segmenter.score(recordings, tables) > 0.9
    assert segmenter.n_recordings_ == len(sounds.data) - len(new)


def test_the_tables_cover_the_recording_in_the_order_of_the_heart(learnt):
    sounds, segmenter, new = learnt
    for i, table in zip(new, segmenter.predict([sounds.data[i] for i in new]), strict=True):
        assert table["start"].iloc[0] == 0
        assert table["end"].iloc[-1] == len(sounds.data[i]) / 4000
        np.testing.assert_array_equal(table["start"].iloc[1:], table["end"].iloc[:-1])
        codes = table["state"].cat.codes.to_numpy()
        assert list(table["state"].cat.categories) == list(PHASES)
        assert ((np.diff(codes) % 4) == 1).all()
        lengths = (table["end"] - table["start"]).iloc[1:-1]
        assert lengths.min() > 0.04


def test_the_score_is_the_share_of_annotated_frames(learnt):
    """By hand, from the tables: frame by frame, unknown ones left out."""
    sounds, segmenter, new = learnt
    table = sounds.segmentation[new[0]].copy()
    table["state"] = table["state"].astype(str)
    table.loc[table["start"] < 2, "state"] = "unknown"
    found = segmenter.predict([sounds.data[new[0]]])[0]
    right = []
    times = segmenter.front_end_.frame_times_  # of the longest recording, 900 s
    for time in times[times < table["end"].max()]:
        true = table[(table["start"] <= time) & (time < table["end"])]
        if len(true) and true["state"].iloc[0] in PHASES:
            own = found[(found["start"] <= time) & (time < found["end"])]
            right.append(own["state"].iloc[0] == true["state"].iloc[0])
    score = segmenter.score([sounds.data[new[0]]], [table])
    assert score == pytest.approx(np.mean(right), abs=2 / len(right))  # ends of phases may round


def test_probabilities_are_those_of_a_plain_forward_pass(learnt):
    sounds, segmenter, new = learnt
    log_mel = segmenter.front_end_.transform([sounds.data[new[0]]])[0]
    log_mel = log_mel[np.isfinite(log_mel).all(axis=1)]
    x = torch.from_numpy(log_mel.T.copy())[None]
    net = segmenter.module_
    with torch.no_grad():
        x = torch.conv1d(x, net.enter.weight, net.enter.bias, padding=2)
        for layer, block in enumerate(net.layers):
            wide = torch.conv1d(
                x, block.wide.weight, block.wide.bias, padding=2 * 2**layer, dilation=2**layer
            )
            x = x + block.narrow(torch.relu(block.norm(wide)))
        logits = net.leave(x)[0].numpy()
    expected = np.exp(logits[:4]) / np.exp(logits[:4]).sum(axis=0)
    found = segmenter.predict_proba([sounds.data[new[0]]])[0]
    assert found.shape == (len(log_mel), 4)
    np.testing.assert_allclose(found, expected.T, atol=1e-5)


def test_files_and_arrays_give_the_same(learnt, tmp_path):
    sounds, segmenter, new = learnt
    samples = sounds.data[new[0]]
    soundfile.write(tmp_path / "a.wav", samples, 4000, subtype="FLOAT")
    (from_file,), (from_array,) = (
        segmenter.predict_proba(X) for X in ([tmp_path / "a.wav"], [samples])
    )
    np.testing.assert_allclose(from_file, from_array, atol=1e-4)


def test_the_seed_decides_and_global_generators_are_unchanged():
    before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    sounds, segmenter = fitted_segmenter(max_epochs=1)
    other = fitted_segmenter(max_epochs=1, random_state=1)[1]
    # A Series of segmentations is taken by position, not by its index.
    series = pd.Series(sounds.segmentation, index=np.arange(len(sounds.data))[::-1] + 7)
    again = clone(segmenter).fit(sounds.data, series)
    a, b, c = (s.predict_proba(sounds.data[:1])[0] for s in (segmenter, again, other))
    assert (a == b).all()
    assert (a != c).any()
    assert segmenter.score(sounds.data, series) == segmenter.score(sounds.data, list(series))
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert (torch.random.get_rng_state() == before[1]).all()


def test_progress_is_shown_when_asked_for(capsys):
    fitted_segmenter(max_epochs=1)
    assert capsys.readouterr() == ("", "")
    fitted_segmenter(max_epochs=1, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "phases: 100%" in err


def test_probabilities_do_not_depend_on_the_number_of_threads(learnt):
    sounds, segmenter, _ = learnt
    before = torch.get_num_threads()
    found = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            found.append(segmenter.predict_proba(sounds.data[:1])[0])
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert all((one == found[0]).all() for one in found)


# ------------------------------------------------------------------ no heartbeat


def sounds_without_heartbeat():
    """Ten seconds each."""
    noise = np.random.default_rng(0).normal(0, 0.1, 40000)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(40000) / 4000)
    return {"silence": np.zeros(40000), "noise": noise, "tone": tone, "short": noise[:2000]}


@pytest.mark.filterwarnings("error")
def test_a_heartbeat_that_is_there_needs_no_warning(learnt):
    sounds, segmenter, _ = learnt
    assert all(len(table) for table in segmenter.predict(sounds.data))


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "short"])
def test_without_a_heartbeat_the_table_is_empty(learnt, tmp_path, kind):
    sounds, segmenter, new = learnt
    samples = sounds_without_heartbeat()[kind]
    with pytest.warns(RecordingWarning, match="in 1 of 2 recordings: row 1. Their tables are empt"):
        known, empty = segmenter.predict([sounds.data[new[0]], samples])
    assert len(known) > 4
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, known.dtypes)
    assert (phases_at(empty, np.arange(10.0)) == -1).all()
    soundfile.write(tmp_path / "a.wav", samples, 4000)
    with pytest.warns(RecordingWarning, match=r"in 1 of 1 recordings: '.*a\.wav'\."):
        segmenter.predict([tmp_path / "a.wav"])


def test_the_most_probable_phases_are_known_without_a_heartbeat(learnt):
    _, segmenter, _ = learnt
    (probabilities,) = segmenter.predict_proba([sounds_without_heartbeat()["noise"]])
    phases = segmenter.decode(probabilities.T)
    assert phases.shape == (len(probabilities),)
    table = pd.DataFrame({"start": [0.0], "end": [10.0], "state": ["S1"]})
    score = segmenter.score([sounds_without_heartbeat()["noise"]], [table])
    assert score == pytest.approx((phases == 0).mean())


# ------------------------------------------------------------------ parts


def test_the_likeliest_course_is_that_of_all_courses():
    """Every course of phases of 7 frames tried, where a phase lasts a frame at least."""
    rng = np.random.default_rng(0)
    leave = 0.1
    for _ in range(20):
        probabilities = rng.dirichlet(np.ones(4) / 3, size=7).T
        best, best_value = None, -np.inf
        for first in range(4):
            for moves in np.ndindex(*[2] * 6):
                course = (first + np.concatenate([[0], np.cumsum(moves)])) % 4
                value = np.log(np.clip(probabilities[course, range(7)], 1e-6, 1)).sum()
                value += sum(np.log(leave if move else 1 - leave) for move in moves)
                if value > best_value:
                    best, best_value = course, value
        assert decode_phases(probabilities, step=1.0).tolist() == best.tolist()


def test_a_phase_lasts():
    """One frame of S2 amid a systole is no S2: it would have to last three."""
    phases = np.repeat([0, 1, 2, 3, 0], [6, 10, 6, 20, 6])
    probabilities = np.full((4, len(phases)), 0.05)
    probabilities[phases, range(len(phases))] = 0.85
    probabilities[:, 10] = [0.05, 0.05, 0.85, 0.05]
    assert decode_phases(probabilities, step=0.016).tolist() == phases.tolist()


def test_the_loss_is_phase_cross_entropy_plus_annotation_quality():
    """Of five frames two are annotated and one is padding; by hand."""
    logits = torch.randn(1, 5, 5, generator=torch.Generator().manual_seed(0))
    p = np.exp(logits[0, :4].numpy())
    p /= p.sum(axis=0)
    q = 1 / (1 + np.exp(-logits[0, 4].numpy()))
    expected = -(np.log(p[0, 0]) + np.log(p[3, 1])) / 2
    expected -= 0.3 * (np.log(q[0]) + np.log(q[1]) + np.log(1 - q[2]) + np.log(1 - q[3])) / 4
    loss = PhaseLoss()(logits, torch.tensor([[0, 3, -1, -1, PADDING]]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_crops_are_parts_of_the_recording_and_short_recordings_are_padded():
    x, phases = np.arange(30, dtype=np.float32).reshape(10, 3), np.arange(10)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        crops = [RandomCrops([x], [phases], 4)[0] for _ in range(60)]
    assert {own[0] for _, own in crops} == set(range(7))
    for crop, own in crops:
        np.testing.assert_array_equal(crop, x[own[0] : own[0] + 4])
        assert (np.diff(own) == 1).all()
    crop, own = RandomCrops([x], [phases], 12)[0]
    np.testing.assert_array_equal(crop, np.pad(x, ((0, 2), (0, 0)), constant_values=np.nan))
    assert own.tolist() == [*range(10), PADDING, PADDING]


def test_padding_is_the_edge_of_a_recording_to_the_network():
    net, x = PhaseNet(n_mels=2, width=4, n_layers=2).eval(), torch.rand(1, 30, 2)
    padded = torch.cat([x, torch.full((1, 5, 2), torch.nan)], dim=1)
    zeros = torch.cat([x, torch.zeros(1, 5, 2)], dim=1)
    assert torch.equal(net(padded), net(zeros))


def test_the_net_looks_about_2_s_around_a_frame():
    """1 + 2 * 2 * (1 + 1 + 2 + 4 + 8 + 16) frames of 16 ms, by the gradient of one frame."""
    net = PhaseNet(n_mels=2, width=4, n_layers=5).eval()
    with torch.no_grad():  # so that no ReLU hides what is seen
        for weights in net.parameters():
            weights.abs_()
    x = torch.rand(1, 301, 2, requires_grad=True)
    net(x)[0, 0, 150].backward()
    seen = np.flatnonzero(x.grad[0].abs().sum(dim=1).numpy())
    assert (seen[0], seen[-1]) == (150 - 64, 150 + 64)


# ------------------------------------------------------------------ what is refused


def table(*states):
    n = len(states)
    start = np.arange(n) / 4
    return pd.DataFrame({"start": start, "end": start + 0.25, "state": states})


def test_unusable_annotations_are_refused():
    X = [np.random.default_rng(0).normal(size=4000)] * 2
    fit = HeartPhaseSegmenter(max_epochs=1).fit
    whole = table(*PHASES)
    with pytest.raises(ValueError, match="X has 2 recordings and y 1 entries"):
        fit(X, [whole])
    with pytest.raises(ValueError, match="no known phase in any recording"):
        fit(X, [None, None])
    with pytest.raises(ValueError, match="no known phase in any recording"):
        fit(X, [table("?"), None])
    with pytest.raises(TypeError, match="y must be a list with a segmentation"):
        fit(X, None)
    with pytest.raises(ValueError, match="y at row 1: .* Got float"):
        fit(X, [whole, 0.5])
    with pytest.raises(ValueError, match="The recording at row 2 .*NaN"):
        fit([*X, np.full(4000, np.nan)], [None, whole, whole])
    with pytest.raises(ValueError, match="The recording at row 1 lasts"):
        fit([X[0], X[0][:100]], [None, whole])
    with pytest.raises(ValueError, match=r"crop=0\.01 is 1 frames of 0\.016 s"):
        HeartPhaseSegmenter(crop=0.01).fit(X, [whole] * 2)
    with pytest.raises(ValueError, match="annotates no S2 in any"):
        fit(X, [table("S1", "systole", "?", "diastole"), None])
    with pytest.raises(ValueError, match="it has no end, start"):
        fit(X, [whole.drop(columns=["start", "end"]), None])
    with pytest.raises(ValueError, match="'max_epochs' parameter"):
        HeartPhaseSegmenter(max_epochs=0).fit(X, [whole] * 2)


def test_recordings_that_are_too_short_or_too_long_are_named(learnt, tmp_path):
    _, segmenter, _ = learnt
    with pytest.raises(ValueError, match=r"row 1 lasts 0\.05 s\. .*from 0\.064 s to 900 s"):
        segmenter.predict([np.ones(4000), np.ones(200)])
    soundfile.write(tmp_path / "long.wav", np.zeros(901 * 100, np.int16), 100)
    with pytest.raises(ValueError, match=r"long\.wav' lasts 901 s"):
        segmenter.predict([tmp_path / "long.wav"])
    with pytest.raises(ValueError, match="row 1 .*NaN"):
        segmenter.predict([np.ones(4000), np.full(4000, np.nan)])
    with pytest.raises(ValueError, match="row 1 has samples so large"):
        segmenter.predict([np.ones(4000), np.full(4000, 1e300)])
    with pytest.raises(ValueError, match="nothing to score"):
        segmenter.score([np.ones(4000)], [None])


def test_unknown_states_and_gaps_are_minus_one():
    known = table("S1", "noise", "S2")
    for rows in (known, known.iloc[::-1]):
        found = phases_at(rows, [0, 0.1, 0.25, 0.5, 0.74, 0.75, -1])
        assert found.tolist() == [0, 0, -1, 2, 2, -1, -1]
    assert phases_at(known.iloc[:0], [0.1]).tolist() == [-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_best_path_is_that_of_librosa(dtype):
    from librosa.sequence import viterbi

    rng = np.random.default_rng(0)
    for n_frames in (1, 2, 300):
        likelihood = rng.dirichlet(np.ones(6), n_frames).T.astype(dtype)
        transition = rng.dirichlet(np.ones(6), 6)
        transition[rng.random((6, 6)) < 0.3] = 0
        transition[:, 0] = 1 - transition[:, 1:].sum(1)
        expected = viterbi(likelihood, transition)
        assert find_best_path(likelihood, transition).tolist() == expected.tolist()
