"""How the pretrained models are cross-validated, scored and described."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.stats import binom
from sklearn.calibration import calibration_curve
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

import skheart
from benchmarks.studies import _card, pretrained
from benchmarks.studies import _pretrained_runs as runs
from benchmarks.studies import _pretrained_scores as scores
from skheart.metrics import expected_calibration_error
from tests.helpers.model_files import missing_in_card
from tests.helpers.stores import CLASSES, P, options_of, read, resampling_less, tiny


@pytest.fixture(scope="module")
def data():
    return runs.generate_recordings(24, 0)


@pytest.fixture(scope="module")
def store(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained")
    return folder, pretrained.make(data, folder, options_of(), tiny)


def test_each_repeat_predicts_every_patient_without_the_subject(data, store):
    folder, folds = store
    frame = read(folder)
    assert [fold.file(folder).name for fold in folds] == [
        "0-0.csv", "0-1.csv", "1-0.csv", "1-1.csv",
    ]  # fmt: skip
    for _, own in frame.groupby("repeat"):
        assert sorted(own["patient"]) == sorted(data.patients.index)
    assert set(folds[0].test) != set(folds[2].test)  # other folds
    for fold in folds:
        who = [set(data.X["subject"].iloc[rows]) for rows in (fold.train, fold.test)]
        assert not who[0] & who[1]
    merged = frame.merge(data.patients, left_on="patient", right_index=True)
    assert (merged["label_x"] == merged["label_y"]).all()
    assert (frame["n_recordings"] == 2).all()
    np.testing.assert_allclose(frame[P].sum(axis=1), 1)


def test_stored_predictions_come_from_a_model_trained_without_the_fold(data, store):
    folder, folds = store
    fold = folds[3]
    model = tiny(random_state=1)  # the seed of the second repeat
    model.fit(data.X.iloc[fold.train], data.y[fold.train])
    found = model.predict_patients(data.X.iloc[fold.test])
    stored = runs.read_fold(fold, data, folder)
    assert stored["patient"].tolist() == found.patients.tolist()
    assert (stored[P].to_numpy() == found.probabilities).all()


def test_the_table_agrees_with_scikit_learn(store):
    folder, _ = store
    frame, table = read(folder), pd.read_csv(folder / "table.csv")
    table = table.set_index(["by", "value", "metric"]).sort_index()
    whole = table.loc["all", "all"]
    uar = balanced_accuracy_score(frame["label"], frame["predicted"])
    assert whole.loc["uar", "score"] == pytest.approx(uar, abs=1e-5)
    for label in CLASSES:
        auc = roc_auc_score(frame["label"] == label, frame[f"p_{label}"])
        assert whole.loc[f"roc_auc of {label}", "score"] == pytest.approx(auc, abs=1e-5)
        line = table.loc["class", label, "recall"]
        assert line["n_patients"] == (frame["label"] == label).sum() / 2
    assert (whole["n_patients"] == 24).all()
    assert (whole["n_subjects"] == 24).all()
    assert sorted(table.loc["published"]["score"]) == [0.713, 0.832]
    own = frame[frame["sex"] == "Male"]
    line = table.loc["sex", "Male", "roc_auc"]
    auc = roc_auc_score(own["label"], own[P], multi_class="ovr")
    assert (line["score"], line["n_patients"]) == (pytest.approx(auc, abs=1e-5), len(own) / 2)


def test_the_card_agrees_with_file_and_table(store):
    folder, _ = store
    text = (folder / "circor-murmur.md").read_text(encoding="utf-8")
    file = folder / "circor-murmur.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in text
    model = skheart.load(file)
    (member,) = model.estimators_
    size = sum(weights.numel() for weights in member["clf"].net_.module_.parameters())
    assert f"1 network with {size:,} parameters;" in text
    frame = pd.read_csv(folder / "table.csv").query("by == 'all'").set_index("metric")
    line = frame.loc["uar"]
    assert f"| UAR | {line['score']:.3f} [{line['low']:.3f}, {line['high']:.3f}] | 24 |" in text
    ece = frame.loc["expected_calibration_error", "score"]
    assert f"of the most probable class: {ece:.3f}. Perfectly" in text.replace("\n", " ")
    assert "The label is the most probable class." in text
    assert "logmel__" not in text
    assert "LogMelTransformer(duration=2.0)" in text
    assert "not a medical device" in text
    assert missing_in_card(text) == []
    assert "published" not in text  # nothing is published about generated sounds
    for name in ("reliability.png", "scores.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_model_is_trained_on_everything(data, store):
    folder, _ = store
    model = tiny(random_state=0).fit(data.X, data.y)
    saved = skheart.load(folder / "circor-murmur.safetensors")
    a, b = (m.predict_patients(data.X).probabilities for m in (model, saved))
    assert (a == b).all()


def test_the_check_finds_changed_predictions(data, store, capsys):
    folder, folds = store
    pretrained.check_store(data, folder, options_of(), tiny)
    assert "the same predictions for" in capsys.readouterr().out
    file = folds[0].file(folder)
    before = file.read_bytes()
    try:
        frame = pd.read_csv(file, dtype={"patient": str, "subject": str})
        frame.loc[0, "p_Absent"] += 1e-9
        frame.to_csv(file, index=False)
        with pytest.raises(ValueError, match="trained again, differs from"):
            pretrained.check_store(data, folder, options_of(), tiny)
        frame[1:].to_csv(file, index=False)
        with pytest.raises(ValueError, match=r"0-0\.csv is damaged.*Delete it"):
            runs.read_fold(folds[0], data, folder)
        file.unlink()
        with pytest.raises(ValueError, match="does not hold the first fold"):
            pretrained.check_store(data, folder, options_of(), tiny)
        with pytest.raises(ValueError, match="none has no settings.json"):
            pretrained.check_store(data, folder / "none", options_of(), tiny)
        assert not (folder / "none").exists()
    finally:
        file.write_bytes(before)


def made_frame(n=120):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([1, 1, 1], n)
    label = CLASSES[[rng.choice(3, p=p) for p in proba]]
    frame = pd.DataFrame(proba, columns=P)
    return frame.assign(
        patient=np.arange(n).astype(str), subject=(np.arange(n) // 2).astype(str), label=label,
        predicted=CLASSES[proba.argmax(1)], n_recordings=1 + np.arange(n) % 6, age="Child",
        sex="Male", campaign="", repeat=0,
        systolic_murmur_grading=np.where(label == "Present", rng.choice(["I/VI", ""], n), ""),
    )  # fmt: skip


def test_bins_agree_with_scikit_learn_and_the_calibration_error():
    frame = made_frame()
    bins = scores.reliability(frame, CLASSES)
    for name, column in zip(CLASSES, P, strict=True):
        own = bins[bins["class"] == name]
        share, mean = calibration_curve(frame["label"] == name, frame[column], n_bins=10)
        np.testing.assert_allclose(own["share"], share)
        np.testing.assert_allclose(own["probability"], mean)
        assert own["n"].sum() == len(frame)
    own = bins[bins["class"] == "most probable"]
    error = (own["n"] * abs(own["share"] - own["probability"])).sum() / len(frame)
    assert error == pytest.approx(expected_calibration_error(frame["label"], frame[P]))


def test_the_ece_of_calibrated_probabilities():
    """With one bin, it is the mean absolute deviation of a binomial proportion."""
    frame = pd.DataFrame(np.tile([0.6, 0.4, 0.0], (100, 1)), columns=P)
    mean, high = scores.error_if_calibrated(frame, CLASSES)
    k = np.arange(101)
    deviation, p = abs(k / 100 - 0.6), binom.pmf(k, 100, 0.6)
    assert mean == pytest.approx(deviation @ p, rel=0.1)
    assert high == pytest.approx(0.095, abs=0.011)  # 1.96 standard deviations of 0.049


def test_the_card_describes_how_a_label_is_chosen():
    assert _card.describe_decision({"a": 2.0, "b": 2.0}) == "The label is the most probable class."
    assert "times weight (a 1, b 3)" in _card.describe_decision({"a": 0.5, "b": 1.5})
    assert "(Absent 1, Present 3, Unknown 4)" in _card.describe_decision(pretrained.WEIGHTS)


def test_decision_weights_are_gains_of_one_more_correct_patient():
    """Gains in the sum of UAR and weighted accuracy."""
    worth, n = np.array([1, 5, 3]), np.array([223, 124, 48])
    added = np.zeros(3)
    for k in range(3):
        for more, sign in ((1, 1), (0, -1)):
            hits = np.full(3, 10.0)
            hits[k] += more
            added[k] += sign * ((hits / n).mean() + (worth * hits).sum() / (worth * n).sum())
    np.testing.assert_allclose([*pretrained.WEIGHTS.values()], added / added[0], rtol=0.04)


def test_recall_by_grade_and_counts_of_recordings():
    frame = made_frame()
    table = scores.score(frame, CLASSES, n_resamples=20).frame
    for value, text in (("I/VI", "I/VI"), (scores.NOT_GRADED, "")):
        own = frame[(frame["label"] == "Present") & (frame["systolic_murmur_grading"] == text)]
        (line,) = table[(table["by"] == scores.GRADED) & (table["value"] == value)].itertuples()
        expected = recall_score(own["label"], own["predicted"], labels=["Present"], average=None)
        assert line.score == pytest.approx(expected[0])
        assert (line.n_patients, line.n_subjects) == (len(own), own["subject"].nunique())
        assert line.low < line.score < line.high
    counts = table[(table["by"] == "recordings of the patient") & (table["metric"] == "uar")]
    assert counts["value"].tolist() == ["1", "2", "3", "4", "5 or more"]
    assert counts["n_patients"].tolist() == [20, 20, 20, 20, 40]
    campaign = table[(table["by"] == "campaign") & (table["metric"] == "uar")]
    assert campaign["value"].tolist() == ["(missing)"]


@pytest.fixture
def circor(tmp_path):
    lines = ["Patient ID,Age,Sex,Murmur,Outcome,Campaign,Additional ID,Systolic murmur grading"]
    (tmp_path / "circor" / "training_data").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(12):
        other = "100" if i == 11 else "nan"
        label = CLASSES[i % 3]
        lines.append(f"{100 + i},Child,Male,{label},Normal,CC2014,{other},nan")
        for site in ("AV", "MV"):
            file = tmp_path / "circor" / "training_data" / f"{100 + i}_{site}.wav"
            soundfile.write(file, rng.normal(0, 0.1, 8000), 4000)
    (tmp_path / "circor" / "training_data.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_a_subject_with_two_patient_ids_stays_on_one_side(circor, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrained, "parse", resampling_less(pretrained.parse, 20))
    data = runs.load_recordings(circor)
    assert (len(data.X), len(data.patients), data.patients["subject"].nunique()) == (24, 12, 11)
    assert data.patients.loc["111", ["subject", "label", "sex"]].tolist() == [
        "100", "Unknown", "Male",
    ]  # fmt: skip
    assert {*data.X.columns} == {"path", "patient", "subject", "site"}
    for fold in runs.folds_of(data, folds=2, repeats=3, seed=0):
        here = {*data.X["patient"].iloc[fold.test]} & {"100", "111"}
        assert len(here) in (0, 2)
    store, out = tmp_path / "out", tmp_path / "copied"
    arguments = ["--data-home", str(circor), "--store", str(store), "--folds", "2"]
    assert pretrained.run(False, [*arguments, "--write", str(out)], make_model=tiny) == []
    assert {path.name for path in out.iterdir()} == {
        "circor-murmur.md", "circor-murmur.safetensors",
    }  # fmt: skip
    for path in out.iterdir():
        assert path.read_bytes() == (store / path.name).read_bytes()
    card = (out / "circor-murmur.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in card
    plain = " ".join(card.split())
    assert "24 recordings of 12 patient IDs from 11 subjects (1 with more" in plain
    assert "24 of 3163 recordings, 12 of 942 patients (1% of Absent, 2% of Present, 6%" in plain
    assert "Absent is the class with most patients missing" in plain
    assert "| Absent | 4 | 33.3% | 695 | 73.8% |" in card
    assert "| 0.832 |" in card
    assert "another split of the whole data set" in plain
    assert "was chosen on these patients" in plain
    assert "Open Data Commons Attribution License 1.0" in plain
    assert pretrained.run(False, [*arguments, "--check"], make_model=tiny) == []
    assert "| UAR |" in capsys.readouterr().out


def test_changed_samples_change_the_digest(circor):
    before = runs.load_recordings(circor).digest
    assert runs.load_recordings(circor / "circor").digest == before
    soundfile.write(circor / "circor" / "training_data" / "103_AV.wav", np.zeros(8000), 4000)
    assert runs.load_recordings(circor).digest != before


def test_only_prose_is_wrapped():
    code = "```text\n" + "x " * 80 + "\n\n" + "y " * 80 + "\n```"
    table = "| " + "cell | " * 30
    prose = "word " * 60
    bullets = "- " + "one " * 40 + "\n- " + "two " * 40
    text = _card.wrap_prose("\n\n".join([code, table, prose, bullets]))
    assert code in text
    assert table.strip() in text
    lines = text.split("\n\n", 3)[3].splitlines()
    assert max(map(len, lines)) <= 100
    assert [line[:2] for line in lines if line.startswith("- ")] == ["- ", "- "]
    assert text.split() == "\n".join([code, table, prose, bullets]).split()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check"], "need --data-home"),
        (["--data-home", "x"], "needs --store"),
        (["--data-home", "x", "--store", "y", "--small"], "generated sounds"),
        (["--jobs", "0"], "--jobs must be at least 1. Got 0."),
    ],
)
def test_invalid_options_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        pretrained.parse(arguments)
    assert message in capsys.readouterr().err
