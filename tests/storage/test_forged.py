"""load refuses a well-formed file whose document lies, and runs nothing that it names."""

import copy
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

import skheart
from skheart.features import make_plan
from skheart.storage import _values
from tests.helpers import model_files
from tests.helpers.model_files import step


def test_the_forge_changes_nothing_by_itself(forge):
    assert forge(lambda document, header, data: None)["clf"].n_iter_ == 1


@pytest.mark.parametrize(
    ("where", "name", "value", "words"),
    [
        ("logmel", "n_fft", 10**12, "n_fft . n_mels"),
        ("logmel", "n_mels", 10**12, "n_fft . n_mels"),
        ("logmel", "n_mels", 12, "mel_frequencies_ is no array"),
        ("logmel", "duration", 1e30, "frame_times_ has 61 frames"),
        ("logmel", "hop_length", 1, "frame_times_ has 61 frames"),
        ("logmel", "window", {"tuple": ["kaiser"]}, "window"),
        ("logmel", "standardize", False, "mean_ is there with standardize=False"),
        ("clf", "channels", {"tuple": [4, 10**9]}, "is torch.float32 of the shape"),
        ("clf", "channels", {"tuple": [10**24, 8]}, "no net can be made"),
        ("clf", "channels", [1] * 10**5, "more layers than there are weights"),
        ("clf", "channels", "ab", "'channels' parameter"),
        ("clf", "kernel_size", 10**9, "no net can be made"),
        ("clf", "head", "flatten", "net_: the weight"),
        ("clf", "head", "os.system", "'head' parameter"),
        ("clf", "batch_size", -3, "'batch_size' parameter"),
        ("clf", "net_class", {"numpy_class": "int8"}, "net_class is there, which is never kept"),
        ("clf", "skorch_params", {"dict": [["callbacks", ["os.system"]]]}, "never kept"),
        ("clf", "skorch_params", {"dict": [["torch_load_kwargs", {"dict": []}]]}, "never kept"),
        ("clf", "skorch_params", {"dict": [["compile", True]]}, "never kept"),
        ("clf", "skorch_params", {"dict": [["optimizer", "os.system"]]}, "must be a class"),
        ("clf", "skorch_params", {"dict": [["module__channels", 3]]}, "no net can be made"),
        ("clf", "skorch_params", {"dict": [["optimizer__hook", 1]]}, "cannot be built"),
        ("clf", "skorch_params", {"dict": [[3, 1]]}, "never kept"),
        ("clf", "skorch_params", [1], "'skorch_params' parameter"),
    ],
)
def test_parameters_out_of_all_proportion(forge, where, name, value, words):
    def change(document, header, data):
        step(document, where)["params"][name] = value

    with pytest.raises(ValueError, match=words):
        forge(change)


def test_an_enormous_batch_size_is_only_a_number(forge):
    def change(document, header, data):
        step(document, "clf")["params"]["batch_size"] = 2**50

    assert forge(change)["clf"].batch_size == 2**50


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "sklearn.pipeline.Pipeline", "skheart.storage", "joblib.Memory",
     "sklearn.FunctionTransformer", "../skheart.LogMelTransformer", "", None, 3, ["os"]],
)  # fmt: skip
def test_only_names_of_the_list_are_classes(forge, name):
    def change(document, header, data):
        step(document, "logmel")["class"] = name

    before = set(sys.modules)
    with pytest.raises(ValueError, match="which this version does not load"):
        forge(change)
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    "name",
    ["__class__", "__init__", "__dict__", "__reduce__", "__sklearn_tags__", "_plan", "_check_n_",
     "predict", "fit", "sr", "transform", "a.b_", "x" * 100 + "_", "mean_\n", ""],
)  # fmt: skip
@pytest.mark.parametrize("value", [3, {"dict": []}])
def test_only_fitted_attributes_are_set(forge, name, value):
    def change(document, header, data):
        step(document, "logmel")["fitted"][name] = value

    with pytest.raises(ValueError, match="is no fitted attribute of a LogMelTransformer"):
        forge(change)


@pytest.mark.parametrize("name", ["classes_", "named_steps", "memory", "steps", "__class__"])
def test_a_pipeline_has_no_attributes_of_a_file(forge, name):
    def change(document, header, data):
        document["model"]["estimator"]["fitted"][name] = {"dict": []}

    with pytest.raises(ValueError, match="is no fitted attribute of a Pipeline"):
        forge(change)


@pytest.mark.parametrize("name", ["memory", "self", "__class__", "steps2", "fit"])
def test_only_parameters_of_the_constructor_are_given(forge, name):
    """The memory of a pipeline is a folder of pickles."""

    def change(document, header, data):
        document["model"]["estimator"]["params"][name] = "/tmp"

    with pytest.raises(ValueError, match=f"model.{name} is no parameter of a Pipeline"):
        forge(change)


@pytest.mark.parametrize(
    "steps",
    [[], "ab", [3], [{"tuple": ["a", "os.system"]}], [{"tuple": ["a", {"dict": []}]}], None],
)
def test_steps_are_estimators(forge, steps):
    def change(document, header, data):
        document["model"]["estimator"]["params"]["steps"] = steps

    with pytest.raises(ValueError, match="step"):
        forge(change)


def test_names_of_tensors_are_names_only(forge, tmp_path):
    """A name that looks like a path opens nothing."""

    def change(document, header, data):
        header["../../../etc/passwd"] = header.pop("steps[0][1].mean_")
        step(document, "logmel")["fitted"]["mean_"]["array"]["tensor"] = "../../../etc/passwd"

    assert len(forge(change)["logmel"].mean_) == 8

    def missing(document, header, data):
        step(document, "logmel")["fitted"]["mean_"]["array"]["tensor"] = "../../../etc/passwd"

    with pytest.raises(ValueError, match="the tensor of .*mean_ is missing: '../../../etc/passwd'"):
        forge(missing)


def test_each_tensor_is_there_and_used_once(forge):
    def twice(document, header, data):
        fitted = step(document, "logmel")["fitted"]
        fitted["scale_"] = fitted["mean_"]

    with pytest.raises(ValueError, match=r"'steps\[0\]\[1\].mean_' is there once and used twice"):
        forge(twice)

    def surplus(document, header, data):
        step(document, "logmel")["fitted"]["mean_"] = [1.0] * 8

    with pytest.raises(ValueError, match="mean_ is no array"):
        forge(surplus)

    def weight(document, header, data):
        del step(document, "clf")["fitted"]["net_"]["head.class_conv.bias"]

    with pytest.raises(ValueError, match="the weight 'head.class_conv.bias' is missing"):
        forge(weight)

    def other(document, header, data):
        net = step(document, "clf")["fitted"]["net_"]
        net["__class__"] = net.pop("head.class_conv.bias")

    with pytest.raises(ValueError, match="the weight '__class__' belongs to no layer"):
        forge(other)

    def swapped(document, header, data):
        net = step(document, "clf")["fitted"]["net_"]
        names = "head.class_conv.bias", "norms.0.bias"
        net[names[0]], net[names[1]] = net[names[1]], net[names[0]]

    with pytest.raises(ValueError, match=r"is torch.float32 of the shape \((3|4),\), not"):
        forge(swapped)

    def integers(document, header, data):
        header[step(document, "clf")["fitted"]["net_"]["norms.0.bias"]]["dtype"] = "I32"

    with pytest.raises(ValueError, match="'norms.0.bias' is torch.int32 of the shape"):
        forge(integers)


@pytest.mark.parametrize(
    ("where", "name", "value", "words"),
    [
        ("clf", "classes_", "abc", "classes_ is no array of labels"),
        (
            "clf",
            "classes_",
            {"array": {"dtype": "U1", "shape": [2], "items": ["a", "b"]}},
            "weight",
        ),
        ("clf", "input_shape_", {"tuple": [61]}, "input_shape_ is no pair"),
        ("clf", "input_shape_", [61, 8], "input_shape_ is no pair"),
        ("clf", "net_", 3, "net_ is no net"),
        ("clf", "net_", {"a": ["b"]}, "the tensor of"),
        ("clf", "history_", [[]], "history_ is no list of epochs"),
        ("clf", "history_", {"dict": []}, "history_ is no list of epochs"),
    ],
)
def test_what_was_learnt_must_fit(forge, where, name, value, words):
    def change(document, header, data):
        step(document, where)["fitted"][name] = value

    with pytest.raises(ValueError, match=words):
        forge(change)


@pytest.mark.parametrize("where", ["logmel", "clf"])
def test_what_was_learnt_must_be_there(forge, where):
    def change(document, header, data):
        fitted = step(document, where)["fitted"]
        del fitted["n_frames" if where == "logmel" else "history_"]

    with pytest.raises(ValueError, match="has lost"):
        forge(change)


def test_times_of_frames_are_made_from_their_number_alone(forge):
    """Of any other number, or of one whose times would fill the memory, they are not made."""

    front_end = forge(lambda document, header, data: None)["logmel"]
    times = front_end.hop_length * np.arange(61) + front_end.n_fft / 2
    np.testing.assert_allclose(front_end.frame_times_, times / front_end.sr, rtol=1e-12)
    for n_frames in (60, 61.0, True, None, -1, "61"):

        def change(document, header, data, n_frames=n_frames):
            step(document, "logmel")["fitted"]["n_frames"] = n_frames

        with pytest.raises(
            ValueError, match="frame_times_ has 60 frames, not 61|n_frames is no number"
        ):
            forge(change)

    def longest(document, header, data):
        entry = step(document, "logmel")
        entry["params"]["duration"] = 2.0**20
        plan = make_plan({**front_end.get_params(), "duration": 2.0**20})
        entry["fitted"]["n_frames"] = plan.n_frames

    with pytest.raises(ValueError, match="more numbers than are made anew"):
        forge(longest)

    def beyond_all_numbers(document, header, data):
        entry = step(document, "logmel")
        entry["params"]["hop_length"], entry["fitted"]["n_frames"] = 2**63, 1

    with pytest.raises(ValueError, match="holds no model"):
        forge(beyond_all_numbers)


def test_front_ends_make_no_more_than_one_may(monkeypatch, tmp_path):
    ends = [(name, skheart.LogMelTransformer(duration=2.0)) for name in ("one", "two")]
    for _, end in ends:
        end.fit([np.sin(np.arange(8000.0))])
    skheart.save(Pipeline(ends), tmp_path / "both")
    monkeypatch.setattr(_values, "MAX_MADE", 100)  # and each has 61
    with pytest.raises(ValueError, match=r"steps\[1\].*more numbers than are made anew"):
        skheart.load(tmp_path / "both")
    skheart.save(Pipeline(ends), tmp_path / "one")
    assert (tmp_path / "one").stat().st_size > (tmp_path / "both").stat().st_size
    for name, end in skheart.load(tmp_path / "one").steps:
        np.testing.assert_array_equal(end.frame_times_, dict(ends)[name].frame_times_)


def test_times_of_very_many_frames_are_kept_as_they_are(monkeypatch, tmp_path):
    front_end = skheart.LogMelTransformer(duration=2.0, hop_length=np.int64(128))
    front_end.fit([np.sin(np.arange(8000.0))])
    skheart.save(front_end, tmp_path / "few")
    monkeypatch.setattr(_values, "MAX_MADE", 10)
    skheart.save(front_end, tmp_path / "many")
    assert (tmp_path / "many").stat().st_size > (tmp_path / "few").stat().st_size
    with pytest.raises(ValueError, match="more numbers than are made anew"):
        skheart.load(tmp_path / "few")
    again = skheart.load(tmp_path / "many")
    np.testing.assert_array_equal(again.frame_times_, front_end.frame_times_)


def test_a_model_that_is_not_fitted(tmp_path):
    scaler = {"class": "sklearn.StandardScaler", "params": {}, "fitted": {}}
    document = {"format": 1, "versions": {}, "model": {"estimator": scaler}}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match="m holds a StandardScaler that is not fitted"):
        skheart.load(tmp_path / "m")


# ---------------------------------------------------------------------- at random


def test_any_change_of_the_document_is_loaded_or_refused(model_file, tmp_path):
    """Signed files, in which one place holds something else: no error but ValueError."""
    document, header, data = model_files.read(model_file)
    rng = np.random.default_rng(0)
    junk = [None, True, 0, -1, 2.5, "", "os.system", [], {}, [[]], {"tuple": []}, {"dict": []}]
    junk += [{"array": {"tensor": "x", "order": "C"}}, {"torch_class": "Adam"}, 10**18, "nan"]
    junk += [{"scalar": ["float32", 1.0]}, {"estimator": {"class": "sklearn.StandardScaler"}}]
    outcomes = {True: 0, False: 0}
    for _ in range(250):
        changed = copy.deepcopy(document)
        spot, key = changed, "model"
        while isinstance(spot[key], (dict, list)) and spot[key] and rng.random() < 0.93:
            spot = spot[key]
            key = list(spot)[rng.integers(len(spot))] if isinstance(spot, dict) else None
            key = int(rng.integers(len(spot))) if key is None else key
        spot[key] = copy.deepcopy(junk[rng.integers(len(junk))])
        model_files.write(tmp_path / "m", changed, header, data)
        try:
            skheart.load(tmp_path / "m")
        except ValueError:
            outcomes[False] += 1
        else:
            outcomes[True] += 1
    assert min(outcomes.values()) > 5


def test_nothing_is_unpickled_or_evaluated(model_file):
    """In a process of its own, where whoever tries ends it."""
    code = f"""
import sys, skheart
skheart.load({str(model_file)!r})  # imports are code, of installed files
def hook(event, args):
    if event in ("pickle.find_class", "os.system", "subprocess.Popen", "marshal.loads"):
        raise SystemExit(f"{{event}} {{args}}")
    if event == "exec" and args[0].co_filename == "<string>":
        raise SystemExit("eval")
sys.addaudithook(hook)
print(type(skheart.load({str(model_file)!r})).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Pipeline\n"), done.stderr
