"""load refuses a well-formed file with invalid content, and runs nothing that it names."""

import copy
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder

import skheart
from skheart.features import make_plan
from skheart.storage import _values
from tests.helpers import model_files
from tests.helpers.model_files import step


def unchanged(document, header, data):
    pass


def put(where, section, name, value):
    """Return a change of one parameter ("params") or fitted attribute ("fitted") of a step."""

    def change(document, header, data):
        step(document, where)[section][name] = value

    return change


def test_the_forge_changes_nothing_by_itself(forge):
    assert forge(unchanged)["clf"].n_iter_ == 1


@pytest.mark.parametrize(
    ("where", "name", "value", "words"),
    [
        ("logmel", "n_fft", 10**12, "n_fft . n_mels"),
        ("logmel", "n_mels", 10**12, "n_fft . n_mels"),
        ("logmel", "n_mels", 12, "mel_frequencies_ must be a float64 array"),
        ("logmel", "duration", 1e30, "frame_times_ has 61 frames"),
        ("logmel", "hop_length", 1, "frame_times_ has 61 frames"),
        ("logmel", "window", {"tuple": ["kaiser"]}, "window"),
        ("logmel", "standardize", False, "mean_ must be None with standardize=False"),
        ("clf", "channels", {"tuple": [4, 10**9]}, "is torch.float32 of the shape"),
        ("clf", "channels", {"tuple": [10**24, 8]}, "no network can be built"),
        ("clf", "channels", [1] * 10**5, "more layers than there are weights"),
        ("clf", "channels", "ab", "'channels' parameter"),
        ("clf", "kernel_size", 10**9, "no network can be built"),
        ("clf", "head", "flatten", "net_: the weight"),
        ("clf", "head", "os.system", "'head' parameter"),
        ("clf", "batch_size", -3, "'batch_size' parameter"),
        ("clf", "net_class", {"numpy_class": "int8"}, "net_class is there, which is never kept"),
        ("clf", "skorch_params", {"dict": [["callbacks", ["os.system"]]]}, "never kept"),
        ("clf", "skorch_params", {"dict": [["torch_load_kwargs", {"dict": []}]]}, "never kept"),
        ("clf", "skorch_params", {"dict": [["compile", True]]}, "never kept"),
        ("clf", "skorch_params", {"dict": [["optimizer", "os.system"]]}, "must be a class"),
        ("clf", "skorch_params", {"dict": [["module__channels", 3]]}, "no network can be built"),
        ("clf", "skorch_params", {"dict": [["optimizer__hook", 1]]}, "cannot be built"),
        ("clf", "skorch_params", {"dict": [[3, 1]]}, "never kept"),
        ("clf", "skorch_params", [1], "'skorch_params' parameter"),
    ],
)
def test_invalid_parameters(forge, where, name, value, words):
    with pytest.raises(ValueError, match=words):
        forge(put(where, "params", name, value))


def test_a_dict_of_many_keys_is_refused(forge):
    """Keys can be chosen so that each insertion visits all others."""
    pairs = [[k, 1] for k in range(1001)]
    with pytest.raises(ValueError, match="skorch_params has 1001 keys, and at most 1000"):
        forge(put("clf", "params", "skorch_params", {"dict": pairs}))


@pytest.mark.parametrize("kind", ["sklearn", "imblearn"])
def test_pipelines_in_pipelines_are_bounded(kind, tmp_path):
    """scikit-learn's check of a fitted pipeline visits the last step six times."""

    def nested(n):
        model = {"class": "sklearn.LabelEncoder", "params": {}, "fitted": {"classes_": [1]}}
        for _ in range(n):
            steps = [{"tuple": ["a", {"estimator": model}]}]
            model = {"class": f"{kind}.Pipeline", "params": {"steps": steps}, "fitted": {}}
        return model

    model_files.write_model(tmp_path / "m", nested(4))
    assert type(skheart.load(tmp_path / "m")).__name__ == "Pipeline"
    model_files.write_model(tmp_path / "m", nested(14))
    with pytest.raises(ValueError, match="is a pipeline inside of 4 others"):
        skheart.load(tmp_path / "m")
    pipeline = Pipeline([("a", LabelEncoder().fit([1]))])
    for _ in range(4):
        pipeline = Pipeline([("a", pipeline)])
    with pytest.raises(ValueError, match="is a pipeline inside of 4 others"):
        skheart.save(pipeline, tmp_path / "new")


def test_an_enormous_batch_size_is_only_a_number(forge):
    assert forge(put("clf", "params", "batch_size", 2**50))["clf"].batch_size == 2**50


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "sklearn.pipeline.Pipeline", "skheart.storage", "joblib.Memory",
     "sklearn.FunctionTransformer", "../skheart.LogMelTransformer", "", None, 3, ["os"]],
)  # fmt: skip
def test_only_listed_names_are_classes(forge, name):
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
    with pytest.raises(ValueError, match="is not a fitted attribute of a LogMelTransformer"):
        forge(put("logmel", "fitted", name, value))


@pytest.mark.parametrize(
    ("section", "names", "words"),
    [
        ("fitted", ["classes_", "named_steps", "memory", "steps", "__class__"], "fitted attribute"),
        # The memory of a pipeline is a folder of pickles.
        ("params", ["memory", "self", "__class__", "steps2", "fit"], "parameter"),
    ],
)
def test_only_steps_of_a_pipeline_are_set(forge, section, names, words):
    for name in names:

        def change(document, header, data, name=name):
            document["model"]["estimator"][section][name] = {"dict": []}

        with pytest.raises(ValueError, match=f"model.{name} is not a {words} of a Pipeline"):
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


def test_names_of_tensors_are_not_paths(forge):
    name = "../../../etc/passwd"
    named = put("logmel", "fitted", "mean_", {"array": {"tensor": name, "order": "C"}})

    def renamed(document, header, data):
        header[name] = header.pop("steps[0][1].mean_")
        named(document, header, data)

    assert len(forge(renamed)["logmel"].mean_) == 8
    with pytest.raises(ValueError, match=f"the tensor of .*mean_ is missing: '{name}'"):
        forge(named)


def used_twice(logmel, net, header):
    logmel["scale_"] = logmel["mean_"]


def not_an_array(logmel, net, header):
    logmel["mean_"] = [1.0] * 8


def missing(logmel, net, header):
    del net["head.class_conv.bias"]


def renamed(logmel, net, header):
    net["__class__"] = net.pop("head.class_conv.bias")


def swapped(logmel, net, header):
    one, two = "head.class_conv.bias", "norms.0.bias"
    net[one], net[two] = net[two], net[one]


def integers(logmel, net, header):
    header[net["norms.0.bias"]]["dtype"] = "I32"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (used_twice, r"the tensor 'steps\[0\]\[1\].mean_' is used twice"),
        (not_an_array, "mean_ must be a float64 array"),
        (missing, "the weight 'head.class_conv.bias' is missing"),
        (renamed, "the weight '__class__' belongs to no layer"),
        (swapped, r"is torch.float32 of the shape \((3|4),\), not"),
        (integers, "'norms.0.bias' is torch.int32 of the shape"),
    ],
)
def test_tensors_are_those_of_the_parameters(forge, change, words):
    def change_document(document, header, data):
        clf = step(document, "clf")["fitted"]
        change(step(document, "logmel")["fitted"], clf["net_"], header)

    with pytest.raises(ValueError, match=words):
        forge(change_document)


TWO_LABELS = {"array": {"dtype": "U1", "shape": [2], "items": ["a", "b"]}}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("classes_", "abc", "classes_ is no array of labels"),
        ("classes_", TWO_LABELS, "weight"),
        ("input_shape_", {"tuple": [61]}, "input_shape_ is no pair"),
        ("input_shape_", [61, 8], "input_shape_ is no pair"),
        ("net_", 3, "net_ is no net"),
        ("net_", {"a": ["b"]}, "the tensor of"),
        ("history_", [[]], "history_ is no list of epochs"),
        ("history_", {"dict": []}, "history_ is no list of epochs"),
    ],
)
def test_fitted_attributes_must_be_consistent(forge, name, value, words):
    with pytest.raises(ValueError, match=words):
        forge(put("clf", "fitted", name, value))


@pytest.mark.parametrize(("where", "name"), [("logmel", "n_frames"), ("clf", "history_")])
def test_fitted_attributes_must_be_complete(forge, where, name):
    def change(document, header, data):
        del step(document, where)["fitted"][name]

    with pytest.raises(ValueError, match="has lost|lacks"):
        forge(change)


def test_frame_times_are_computed_from_their_number(forge):
    """A wrong number, or one whose times would fill the memory, is refused."""
    front_end = forge(unchanged)["logmel"]
    times = front_end.hop_length * np.arange(61) + front_end.n_fft / 2
    np.testing.assert_allclose(front_end.frame_times_, times / front_end.sr, rtol=1e-12)
    words = "frame_times_ has 60 frames, not 61|n_frames is not a number"
    for n_frames in (60, 61.0, True, None, -1, "61"):
        with pytest.raises(ValueError, match=words):
            forge(put("logmel", "fitted", "n_frames", n_frames))
    longest = make_plan({**front_end.get_params(), "duration": 2.0**20}).n_frames
    for name, value, n_frames, words in (
        ("duration", 2.0**20, longest, "computed numbers"),
        ("hop_length", 2**64, 1, "cannot be loaded"),
    ):

        def change(document, header, data, name=name, value=value, n_frames=n_frames):
            put("logmel", "params", name, value)(document, header, data)
            put("logmel", "fitted", "n_frames", n_frames)(document, header, data)

        with pytest.raises(ValueError, match=words):
            forge(change)


@pytest.fixture
def front_end():
    return skheart.LogMelTransformer(duration=2.0, hop_length=np.int64(128)).fit(
        [np.sin(np.arange(8000.0))]
    )


@pytest.mark.parametrize(("n_front_ends", "limit"), [(2, 100), (1, 10)])
def test_more_frame_times_than_may_be_computed_are_stored(
    n_front_ends, limit, front_end, monkeypatch, tmp_path
):
    """Each of the front ends has 61."""
    pipeline = Pipeline([(f"step{i}", front_end) for i in range(n_front_ends)])
    skheart.save(pipeline, tmp_path / "few")
    monkeypatch.setattr(_values, "MAX_MADE", limit)
    with pytest.raises(ValueError, match=rf"steps\[{n_front_ends - 1}\].*more than {limit} comp"):
        skheart.load(tmp_path / "few")
    skheart.save(pipeline, tmp_path / "many")
    assert (tmp_path / "many").stat().st_size > (tmp_path / "few").stat().st_size
    for _, loaded in skheart.load(tmp_path / "many").steps:
        np.testing.assert_array_equal(loaded.frame_times_, front_end.frame_times_)


def test_an_unfitted_model(tmp_path):
    scaler = {"class": "sklearn.StandardScaler", "params": {}, "fitted": {}}
    model_files.write_model(tmp_path / "m", scaler)
    with pytest.raises(ValueError, match="it contains a StandardScaler that is not fitted"):
        skheart.load(tmp_path / "m")


def test_any_change_of_the_document_is_loaded_or_refused(model_file, tmp_path):
    """Files with a valid checksum and one changed place raise no error but ValueError."""
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
    """In a process of its own, which an attempt would end."""
    code = f"""
import sys, skheart
skheart.load({str(model_file)!r})  # before the hook, because imports execute code
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
