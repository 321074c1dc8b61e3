"""load refuses what is not a model, says why, and runs nothing, whatever the file holds."""

import copy
import json
import os
import pickle
import subprocess
import sys
import tracemalloc

import joblib
import model_files
import numpy as np
import pytest
import safetensors.numpy
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skheart
from skheart.augmentation import Augmentation
from skheart.datasets import make_heart_sounds


class Trap:
    """What a pickle runs: it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A file of a small pipeline, with all that the format has."""
    sounds = make_heart_sounds(12, duration=2, random_state=0)
    pipeline = skheart.make_heart_pipeline(random_state=0, device="cpu").set_params(
        logmel__duration=2,
        logmel__n_mels=8,
        clf__channels=(4, 8),
        clf__max_epochs=1,
        clf__class_weight={"normal": 1.0, "mild": 2, "severe": 3},
        clf__augment=Augmentation(gain=0.1),
        clf__optimizer__weight_decay=1e-4,
    )
    path = tmp_path_factory.mktemp("good") / "m"
    skheart.save(pipeline.fit(sounds.data, sounds.target), path)
    return path


@pytest.fixture
def forge(good, tmp_path):
    """Change the document of the good file, sign it, and load it."""

    def load(change):
        document, header, data = model_files.read(good)
        data = bytearray(data)
        model_files.write(tmp_path / "m", change(document, header, data) or document, header, data)
        return skheart.load(tmp_path / "m")

    return load


def step(document, name):
    """The entry of a step's estimator."""
    for pair in document["model"]["estimator"]["params"]["steps"]:
        if pair["tuple"][0] == name:
            return pair["tuple"][1]["estimator"]
    raise LookupError(name)


def test_the_forge_changes_nothing_by_itself(forge):
    assert forge(lambda document, header, data: None)["clf"].n_iter_ == 1


# ---------------------------------------------------------------------- other files


def files(folder, trap):
    """Name, content and what is to be said of it."""
    joblib.dump(trap, folder / "gz", compress=("gzip", 3))
    joblib.dump(trap, folder / "zlib", compress=("zlib", 3))
    torch.save({"a": trap}, folder / "torch")
    np.save(folder / "npy.npy", np.array([trap], dtype=object), allow_pickle=True)
    protocols = {f"pickle{p}": pickle.dumps(trap, protocol=p) for p in range(2, 6)}
    tensors = {"mean": np.ones(3)}
    yield from ((name, content, "is a pickle, as joblib") for name, content in protocols.items())
    yield "torch", (folder / "torch").read_bytes(), "is a zip archive, as torch.save writes it"
    yield "gz", (folder / "gz").read_bytes(), "is compressed, as joblib.dump may write"
    yield "zlib", (folder / "zlib").read_bytes(), "is compressed, as joblib.dump may write"
    yield "npy", (folder / "npy.npy").read_bytes(), "is not a safetensors file"
    yield "pickle0", pickle.dumps(trap, protocol=0), "is not a safetensors file"
    yield "text", b"path,label\n", "is not a safetensors file"
    yield "short", b"ab", "is not a safetensors file"
    yield "empty", b"", "is empty"
    yield "foreign", safetensors.numpy.save(tensors), "safetensors file of something else"
    other = safetensors.numpy.save(tensors, metadata={"by": "others"})
    yield "metadata", other, "safetensors file of something else"


def test_other_files_are_named_and_not_run(tmp_path):
    trap = Trap(tmp_path / "trapped")
    seen = 0
    for name, content, words in files(tmp_path, trap):
        path = tmp_path / f"m_{name}"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words) as caught:
            skheart.load(path)
        assert str(caught.value).startswith(f"{path} is ")
        seen += 1
    assert seen == 14
    assert not (tmp_path / "trapped").exists()
    pickle.loads(pickle.dumps(trap))
    assert (tmp_path / "trapped").exists()  # the trap works


def test_the_remedy_for_a_pickle_works(tmp_path):
    X, y = np.eye(4), [0, 1, 0, 1]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    joblib.dump(model, tmp_path / "old")
    remedy = r"load it in Python with joblib.load .* write it anew with skheart.save\(model, path\)"
    with pytest.raises(ValueError, match=remedy):
        skheart.load(tmp_path / "old")
    skheart.save(joblib.load(tmp_path / "old"), tmp_path / "new")
    again = skheart.load(tmp_path / "new")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no model .*nowhere"):
        skheart.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is no file"):
        skheart.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no file"):
        skheart.load(tmp_path / "pipe")


# ---------------------------------------------------------------------- damage


def test_a_file_that_is_cut_off(good, tmp_path):
    content = good.read_bytes()
    length = int.from_bytes(content[:8], "little")
    ends = [9, 8 + length // 2, 8 + length - 1, 8 + length, 8 + length + 1, len(content) - 1]
    for end in ends:
        (tmp_path / "m").write_bytes(content[:end])
        with pytest.raises(ValueError, match="is damaged"):
            skheart.load(tmp_path / "m")
    (tmp_path / "m").write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="is damaged"):
        skheart.load(tmp_path / "m")


def test_a_flipped_bit_is_found_wherever_it_is(good, tmp_path):
    content = good.read_bytes()
    length = int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    places = [*range(12), *rng.integers(8, 8 + length, 60), *rng.integers(length, len(content), 60)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "m").write_bytes(damaged)
        with pytest.raises(ValueError, match="m (is|has) "):
            skheart.load(tmp_path / "m")


def test_a_newer_format_is_named(forge, tmp_path):
    def newer(document, header, data):
        document["format"] = 2
        document["versions"]["skheart"] = "7.1"
        document["novelty"] = {"model": None}

    words = r"m was written by a newer skheart \(7.1, format 2\); this one, .* update skheart"
    with pytest.raises(ValueError, match=words):
        forge(newer)


# ---------------------------------------------------------------------- absurd sizes


def raw(header, data=b"", length=None):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(head) if length is None else length).to_bytes(8, "little") + head + data


def with_document(text, **header):
    return raw({"__metadata__": {"skheart": text}, **header})


ZEROS = "0" * 64
BOMBS = {
    "header beyond the file": raw(b"{}", length=2**63),
    "header of a terabyte": raw(b"{}", length=2**40 - 1),
    "header of nothing": raw(b"{", length=0),
    "header too long": raw(b"{" + b" " * 2**23 + b"}"),
    "nested header": raw(b'{"a":' * 10**5 + b"}" * 10**5),
    "nested list": raw(b'{"a":' + b"[" * 10**6 + b"]" * 10**6 + b"}"),
    "giant number in the header": raw(b'{"a":' + b"9" * 10**6 + b"}"),
    "header of names that repeat": raw(b'{"a":1,"a":2}'),
    "header that is a list": raw(b"{}]"),
    "header of bytes": raw(b"{\xff\xfe}"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_the_header(name, tmp_path):
    path = tmp_path / "m"
    path.write_bytes(BOMBS[name])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="m (is|has) "):
            skheart.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "model",
    [
        "[" * 10**5 + "]" * 10**5,
        "[" * 200 + "]" * 200,
        '{"tuple":[' * 200 + "]}" * 200,
        "9" * 10**6,
        "-1e999",
        "NaN",
        '{"array":{"dtype":"U9999999","shape":[1],"items":["a"]}}',
        '{"array":{"dtype":"object","shape":[99999999999,99999999999],"items":[]}}',
        '{"array":{"dtype":"object","shape":[0,99999999999999999999],"items":[]}}',
        '{"array":{"dtype":"object","shape":[-1,-1],"items":[1]}}',
        '{"array":{"dtype":"object","shape":[true],"items":[1]}}',
        '{"array":{"dtype":"O8","shape":[1],"items":["gASVAA=="]}}',
        '{"dict":[[[],1]]}',
        '{"dict":[["a",1],["a",2]]}',
        '{"dict":[["a"]]}',
        '{"scalar":["int8",300]}',
        '{"scalar":["object",1]}',
        '{"scalar":["int8","1"]}',
        '{"scalar":["float64","1e5"]}',
        '{"dtype":"object"}',
        '{"numpy_class":"void"}',
        '{"torch_class":"load"}',
        '{"torch_class":"LBFGS"}',
        '{"torch_device":"nowhere"}',
        '{"named_tuple":["Plan",[]]}',
        '{"named_tuple":["PatientPredictions",[1]]}',
        '{"class":"os.system"}',
        '{"float":"1"}',
        "{}",
        '{"tuple":[],"dict":[]}',
        '{"tuple":"ab"}',
        "3",
        "null",
        "[]",
    ],
    ids=lambda text: text[:30],
)
def test_a_bomb_in_the_document(model, tmp_path):
    text = f'{{"format":1,"sha256":"{ZEROS}","versions":{{}},"model":{model}}}'
    model_files.write(tmp_path / "m", text, {})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="m (is|has|holds) ") as caught:
            skheart.load(tmp_path / "m")
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()
    assert "checksum" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}, "damaged"),
        ({"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 8]}, "damaged"),
        ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, "damaged"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}, "damaged"),
        ({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}, "damaged"),
        ({"dtype": "OBJ", "shape": [1], "data_offsets": [0, 8]}, "damaged"),
        (
            {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]},
            "(damaged|which no model has)",
        ),
        ({"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}, "1 tensors belong to nothing"),
    ],
)
def test_a_tensor_that_lies(entry, words, tmp_path):
    document = {"format": 1, "versions": {}, "model": [1]}
    model_files.write(tmp_path / "m", document, {"x": entry}, bytes(8))
    with pytest.raises(ValueError, match=words):
        skheart.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("where", "name", "value", "words"),
    [
        ("logmel", "n_fft", 10**12, "n_fft . n_mels"),
        ("logmel", "n_mels", 10**12, "mel_frequencies_ is no array"),
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
        del fitted["frame_times_" if where == "logmel" else "history_"]

    with pytest.raises(ValueError, match="has lost"):
        forge(change)


def test_a_model_that_is_not_fitted(tmp_path):
    scaler = {"class": "sklearn.StandardScaler", "params": {}, "fitted": {}}
    document = {"format": 1, "versions": {}, "model": {"estimator": scaler}}
    model_files.write(tmp_path / "m", document, {})
    with pytest.raises(ValueError, match="m holds a StandardScaler that is not fitted"):
        skheart.load(tmp_path / "m")


# ---------------------------------------------------------------------- at random


def test_any_change_of_the_document_is_loaded_or_refused(good, tmp_path):
    """Signed files, in which one place holds something else: no error but ValueError."""
    document, header, data = model_files.read(good)
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


def test_nothing_is_unpickled_or_evaluated(good):
    """In a process of its own, where whoever tries ends it."""
    code = f"""
import sys, skheart
skheart.load({str(good)!r})  # imports are code, of installed files
def hook(event, args):
    if event in ("pickle.find_class", "os.system", "subprocess.Popen", "marshal.loads"):
        raise SystemExit(f"{{event}} {{args}}")
    if event == "exec" and args[0].co_filename == "<string>":
        raise SystemExit("eval")
sys.addaudithook(hook)
print(type(skheart.load({str(good)!r})).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Pipeline\n"), done.stderr
