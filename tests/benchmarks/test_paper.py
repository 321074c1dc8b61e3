"""The paper's ablation: runs, scores, stored results and tables."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.utils import Bunch

from benchmarks.studies import _paper_runs as runs
from benchmarks.studies import _paper_scores as scores
from benchmarks.studies import paper
from benchmarks.studies._paper_runs import Run
from benchmarks.studies._paper_table import draw, markdown
from benchmarks.studies._store import open_store
from skheart import datasets
from skheart.datasets import make_heart_sounds
from tests.helpers.stores import resampling_less

QUICK = ["--small", "--epochs", "1", "--jobs", "1"]
RECIPE = {"duration": 4, "epochs": 1, "compact": True, "seed": 0}


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "parse", resampling_less(paper.parse, 50))
        yield


def probabilities(rng, n, n_classes=3):
    p = rng.dirichlet(np.ones(n_classes), n).round(1)  # rounded, so that there are ties
    return p / p.sum(axis=1, keepdims=True)


def cells_of(heads, n=40, trainings=runs.TRAINING_SETS):
    rng = np.random.default_rng(0)
    return {
        (model, head, training): probabilities(rng, n)
        for model in runs.MODELS
        for head in heads[model]
        for training in trainings
    }


@pytest.fixture
def part():
    rng = np.random.default_rng(1)
    heads = {model: ("sigmoid", *runs.PLAIN[model][:2]) for model in runs.MODELS}
    cells = cells_of(heads)
    cells |= scores.fusions(cells)
    return scores.Part("all", np.arange(40) % 3, rng.permutation(40) // 2, cells)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_equal_those_of_scikit_learn(n_classes):
    rng = np.random.default_rng(0)
    code = rng.integers(0, n_classes, 50)
    stack = np.stack([rng.dirichlet(np.ones(n_classes), 50) for _ in range(3)], axis=-1)
    stack[:20] = stack[:1]  # ties
    for i, auc in enumerate(scores.roc_aucs(code, stack)):
        ours = stack[:, 1, i] if n_classes == 2 else stack[..., i]
        assert auc == pytest.approx(roc_auc_score(code, ours, multi_class="ovr"))
    predicted = stack.argmax(axis=1)
    for i, uar in enumerate(scores.recall_means(code, predicted == code[:, None])):
        assert uar == pytest.approx(balanced_accuracy_score(code, predicted[:, i]))


def test_auc_ignores_classes_without_recordings():
    code, p = np.array([0, 0, 1, 1]), np.array([[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0.1, 0.9, 0]] * 2)
    p = p[:4]
    one = [roc_auc_score(code == k, p[:, k]) for k in (0, 1)]
    assert scores.roc_aucs(code, p) == pytest.approx(np.mean(one))


def test_the_fusion_is_the_mean_of_the_probabilities():
    heads = {"cnn": ("flatten", "max"), "lstm": ("last", "max"), "gru": ("last",)}
    cells = cells_of(heads, trainings=("original",))
    (fused,) = scores.fusions(cells)
    assert fused == ("fusion", "flatten/last", "original")
    a, b, c = (cells[m, h, "original"] for m, h in [("cnn", "flatten"), ("lstm", "last"),
                                                    ("gru", "last")])  # fmt: skip
    np.testing.assert_allclose(scores.fusions(cells)[fused], (a + b + c) / 3)


def test_differences_equal_differences_of_scikit_learn_scores(part):
    y = part.code

    def both(cell):
        p = part.cells[cell]
        return balanced_accuracy_score(y, p.argmax(1)), roc_auc_score(y, p, multi_class="ovr")

    summary, single = scores.contrasts_of(part.cells)
    weights = {(question, where): w for question, where, w in summary}
    line = scores.score_contrast(
        part, ("?", "gru", weights["sigmoid - without attention", "gru"]), 20
    )
    expected = np.mean(
        [
            np.array(both(("gru", "sigmoid", training)))
            - np.mean([both(("gru", head, training)) for head in ("last", "max")], axis=0)
            for training in runs.TRAINING_SETS
        ],
        axis=0,
    )
    assert [line["uar"], line["auc"]] == pytest.approx(expected.tolist())
    named = {question: w for question, where, w in single if where == "pair"}
    pair = named["cnn max upsampled - cnn max original"]
    assert pair == {("cnn", "max", "upsampled"): 1.0, ("cnn", "max", "original"): -1.0}
    fused = weights["fusion - its models", "all"]
    assert sum(fused.values()) == pytest.approx(0)
    assert fused["fusion", "sigmoid", "original"] == pytest.approx(1 / 6)  # 3 heads, 2 sets
    assert fused["lstm", "sigmoid", "original"] == pytest.approx(-1 / 18)
    everything = weights["upsampled - original", "all"]
    assert sorted({*everything.values()}) == pytest.approx([-1 / 9, 1 / 9])
    assert not any(cell[0] == "fusion" for cell in everything)


def test_differences_are_paired(part):
    same = part.cells["cnn", "sigmoid", "original"]
    cells = {**part.cells, ("cnn", "sigmoid", "upsampled"): same}
    weights = {("cnn", "sigmoid", "upsampled"): 1.0, ("cnn", "sigmoid", "original"): -1.0}
    line = scores.score_contrast(part._replace(cells=cells), ("?", "cnn", weights), 50)
    ends = [line[f"{score}{end}"] for score in ("uar", "auc") for end in ("", "_low", "_high")]
    assert ends == [0] * 6
    assert line["uar_p"] == 1


def test_a_run_sets_head_and_training_set_of_the_recipe():
    for run, head, rectifier in [
        (Run("cnn", "softmax", "original", 0), "attention", "softmax"),
        (Run("gru", "last", "upsampled", 0), "last", "sigmoid"),
    ]:
        pipeline = runs.pipeline_of(run, **RECIPE)
        clf = pipeline["clf"]
        assert (clf.head, clf.rectifier, clf.n_threads) == (head, rectifier, 1)
        assert (pipeline["ros"] == "passthrough") == (run.training == "original")
    assert runs.pipeline_of(run, **RECIPE)["clf"].cell == "gru"
    large = runs.pipeline_of(run, **{**RECIPE, "compact": False})["clf"]
    assert tuple(large.units) == (256, 1024, 256)


def test_the_upsampled_set_is_trained_on_as_many_batches():
    y = np.repeat(["a", "b", "c"], [60, 30, 10])  # 180 when upsampled
    assert runs.epochs_of("original", y, 9, False) == (9, 100)
    assert runs.epochs_of("upsampled", y, 9, False) == (5, 180)
    assert runs.epochs_of("upsampled", y, 9, True) == (9, 180)
    assert runs.epochs_of("upsampled", y, 1, False) == (1, 180)


def test_every_cell_of_the_ablation_is_a_run():
    sounds = runs.load_sounds("generated", n_subjects=12, folds=2)
    found = runs.runs_of(sounds)
    assert len(found) == len(set(found)) == 3 * 5 * 2 * 2
    assert len({run.stem for run in found}) == len(found)
    assert {run.model for run in found[:40]} == {"lstm", "gru"}  # the long ones first
    both = [set(sounds.groups[rows]) for rows in sounds.folds[0]]
    assert not both[0] & both[1]
    assert sounds.scored.tolist() == list(range(24))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("paper")
    return store, paper.run(True, ["--store", str(store), *QUICK])


def test_the_command_writes_tables_and_a_picture(store):
    folder, rows = store
    assert [row.bar for row in rows] == [1 / 3] * 3
    files = sorted(path.name for path in folder.iterdir())
    assert files == [
        "differences.csv", "paper.png", "predictions", "settings.json", "table.csv", "table.md",
    ]  # fmt: skip
    assert len(list((folder / "predictions").iterdir())) == 3 * 2 * 2
    table = pd.read_csv(folder / "table.csv")
    assert len(table) == 16  # 12 and 4 fusions
    line = table[(table.model == "gru") & (table["head"] == "mean")].iloc[1]
    assert line.training == "upsampled"
    seen = pd.read_csv(folder / "predictions" / "gru-mean-upsampled-0.csv")
    p = seen[["p_mild", "p_normal", "p_severe"]]
    auc = roc_auc_score(seen.label, p, multi_class="ovr")
    assert line.uar == pytest.approx(balanced_accuracy_score(seen.label, seen.predicted), abs=1e-5)
    assert line.auc == pytest.approx(auc, abs=1e-5)
    assert (line.recordings, line.subjects) == (len(seen), seen.subject.nunique()) == (30, 15)
    assert line.uar_low <= line.uar <= line.uar_high
    text = (folder / "table.md").read_text(encoding="utf-8")
    assert "## held out: 30 recordings of 15 subjects" in text
    assert f"| GRU | mean | {table.uar[(table.model == 'gru')].iloc[2]:.3f} [" in text
    assert "published" not in text
    assert (folder / "paper.png").read_bytes().startswith(b"\x89PNG")


def test_only_missing_runs_are_repeated(store, monkeypatch):
    folder, _ = store
    one = folder / "predictions" / "cnn-mean-original-0.csv"
    before, table = one.read_bytes(), (folder / "table.md").read_bytes()
    one.unlink()
    done = []
    train = runs.train_and_predict
    monkeypatch.setattr(
        runs, "train_and_predict", lambda run, *a, **kw: done.append(run) or train(run, *a, **kw)
    )
    paper.run(True, ["--store", str(folder), *QUICK, "--models", "cnn"])
    assert done == [Run("cnn", "mean", "original", 0)]
    assert one.read_bytes() == before
    assert (folder / "table.md").read_bytes() == table  # includes the other models


def test_a_store_of_other_settings_is_refused(store):
    folder, _ = store
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    for option, message in [
        (["--seed", "1"], "seed: 0, now 1"),
        (["--duration", "3"], r"logmel__duration: 4\.0, now 3\.0"),
        (["--folds", "3"], "folds: hold-out, now 3"),
    ]:
        with pytest.raises(ValueError, match=f"other settings .*{message}.*another folder"):
            paper.run(True, ["--store", str(folder), *QUICK, *option])
    assert {path: path.read_bytes() for path in before} == before


def test_predictions_of_unknown_settings_are_refused(tmp_path):
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "cnn-mean-original-0.csv").write_text("recording\n")
    with pytest.raises(ValueError, match=r"no settings\.json"):
        open_store(tmp_path, {"seed": 0})
    assert not (tmp_path / "settings.json").exists()


def small_store(tmp_path):
    sounds = runs.load_sounds("generated", n_subjects=12)
    open_store(tmp_path, {})
    recipe = {**RECIPE, "equal_epochs": False, "verbose": 0}
    return sounds, [Run("cnn", "mean", "original", 0), Run("cnn", "max", "original", 0)], recipe


def test_finished_runs_are_kept_after_an_interrupt(tmp_path, monkeypatch):
    sounds, asked, recipe = small_store(tmp_path)
    write = runs.write_atomic

    def write_until_max(path, content):
        if "max" in path.name:
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_atomic", write_until_max)
        with pytest.raises(KeyboardInterrupt):
            runs.do_runs(asked, sounds, tmp_path, **recipe)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == [f"{asked[0].stem}.csv"]
    runs.do_runs(asked, sounds, tmp_path, **recipe)
    assert all(runs.read_probabilities(run, sounds, tmp_path) is not None for run in asked)


def test_a_damaged_file_is_refused(tmp_path):
    sounds, asked, recipe = small_store(tmp_path)
    runs.do_runs(asked[:1], sounds, tmp_path, **recipe)
    file = tmp_path / "predictions" / f"{asked[0].stem}.csv"
    whole = pd.read_csv(file)
    np.testing.assert_allclose(
        runs.read_probabilities(asked[0], sounds, tmp_path),
        whole[["p_mild", "p_normal", "p_severe"]],
    )
    whole[:-1].to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"cnn-mean-original-0\.csv.*Delete it"):
        runs.read_probabilities(asked[0], sounds, tmp_path)


@pytest.fixture
def hss(tmp_path):
    sounds = make_heart_sounds(18, recordings_per_subject=1, duration=4, random_state=0)
    lines = ["file_name\tlabel"]
    for folder in ("wav", "lab"):
        (tmp_path / "hss" / folder).mkdir(parents=True)
    for i, (sound, label) in enumerate(zip(sounds.data, sounds.target, strict=True)):
        part = ("train", "devel", "test")[i // 3 % 3]
        name = f"{part}_{i:04d}.wav"
        soundfile.write(tmp_path / "hss" / "wav" / name, sound, 4000)
        label = ["normal", "mild", "severe"].index(label) if i % 3 < 1 else i % 3
        lines.append(f"{name}\t{'?' if part == 'test' else label}")
    table = tmp_path / "hss" / "lab" / "ComParE2018_Heartbeat.tsv"
    table.write_text("\n".join(lines) + "\n")
    return tmp_path


def test_hss_is_scored_by_partition_next_to_published_scores(hss, tmp_path):
    store = tmp_path / "out"
    arguments = ["--data-home", str(hss), "--dataset", "hss", "--store", str(store), *QUICK]
    arguments += ["--models", "cnn", "--heads", "sigmoid", "--duration", "4"]
    assert paper.run(True, arguments) == []
    seen = pd.read_csv(store / "predictions" / "cnn-sigmoid-original-0.csv")
    assert seen.part.tolist() == ["devel"] * 6 + ["test"] * 6
    assert seen.label.isna().tolist() == [False] * 6 + [True] * 6
    assert set(pd.read_csv(store / "table.csv").part) == {"devel"}
    text = (store / "table.md").read_text(encoding="utf-8")
    assert "## devel: 6 recordings (subjects not published)" in text
    assert "labels of the test partition are withheld" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| CNN | sigmoid")]
    assert line.endswith("| 0.512 |")
    assert "| GRU | best (published) |  |  |  |  | 0.468 |" in text
    with pytest.raises(ValueError, match="--folds 3 with hss.*Omit --folds"):
        paper.run(True, [*arguments, "--folds", "3"])


@pytest.mark.filterwarnings("ignore:Only one subject")
def test_parts_are_scored_and_drawn_separately(tmp_path):
    sounds = runs.load_sounds("generated", n_subjects=30)
    rows = sounds.scored
    alone = np.where(np.arange(len(sounds.parts)) % 2, "training-a", "training-b")
    alone[rows[-1]] = "training-c"  # has one class only
    sounds = sounds._replace(dataset="physionet2016", parts=alone)
    (tmp_path / "predictions").mkdir()
    frame = pd.DataFrame({"recording": np.array(sounds.names)[rows], "label": sounds.target[rows]})
    p = probabilities(np.random.default_rng(0), len(rows))
    frame[["p_mild", "p_normal", "p_severe"]] = p
    frame.to_csv(tmp_path / "predictions" / "cnn-max-original-0.csv", index=False)
    table, differences = scores.score(sounds, tmp_path, n_resamples=10, verbose=0)
    assert differences.empty
    names = ["training-a", "training-b"]
    assert sorted(table.part) == names
    for _, line in table.iterrows():
        own = alone[rows] == line.part
        labels = np.array(["mild", "normal", "severe"])[p[own].argmax(1)]
        expected = np.mean([np.mean(labels[sounds.target[rows][own] == label] == label)
                            for label in np.unique(sounds.target[rows][own])])  # fmt: skip
        assert line.uar == pytest.approx(expected)
        assert line.recordings == own.sum()
    shown = {"duration": 4, "epochs": 8, "equal_epochs": True, "compact": True}
    assert markdown(sounds, table, differences, **shown).count("## training-") == len(names)
    draw(sounds, table, tmp_path / "paper.png")
    assert (tmp_path / "paper.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "hss"], "needs --data-home"),
        (["--data-home", "x"], "needs --store"),
        (["--data-home", "x", "--dataset", "generated"], "takes no --data-home"),
        (["--folds", "1"], "must be hold-out or at least 2"),
        (["--epochs", "0"], "--epochs must be above 0. Got 0."),
    ],
)
def test_invalid_options_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        paper.parse(arguments)
    assert message in capsys.readouterr().err


def test_settings_include_recordings_and_all_parameters():
    sounds = runs.load_sounds("generated", n_subjects=12)
    recipe = {**RECIPE, "folds": "hold-out", "equal_epochs": False}
    settings = runs.settings_of(sounds, **recipe)
    assert json.loads(json.dumps(settings)) == settings
    other = sounds._replace(target=sounds.target[::-1])
    assert runs.settings_of(other, **recipe)["recordings"] != settings["recordings"]
    louder = sounds._replace(data=[sounds.data[0] * 2, *sounds.data[1:]])
    assert runs.settings_of(louder, **recipe)["recordings"] != settings["recordings"]
    assert settings["lstm clf__cell"] == "lstm"
    assert settings["cnn clf__channels"] == [16, 32, 32, 32]


@pytest.mark.parametrize("known", [True, False])
def test_the_table_says_if_subjects_are_partly_unknown(monkeypatch, tmp_path, known):
    n = 24
    frame = pd.DataFrame({"subject_known": [True] * (n - 1) + [known]})
    bunch = {"paths": [f"{i}.wav" for i in range(n)], "frame": frame}
    bunch["target"] = np.resize(["normal", "abnormal"], n)
    bunch["groups"] = np.repeat(np.arange(n // 2), 2).astype(str)
    monkeypatch.setattr(datasets, "load_physionet2016", lambda home: Bunch(**bunch))
    sounds = runs.load_sounds("physionet2016", tmp_path)
    assert sounds.groups.tolist() == bunch["groups"].tolist()
    assert sounds.subjects is known
    text = markdown(sounds, pd.DataFrame({"part": []}), pd.DataFrame(), duration=4, epochs=8,
                    equal_epochs=True, compact=True)  # fmt: skip
    assert ("subjects partly unknown" in text) is not known
    assert ("they are too narrow" in text) is not known
