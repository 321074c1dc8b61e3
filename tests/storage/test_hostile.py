"""load refuses files that are not models, says why, and runs nothing in them."""

import json
import os
import pickle
import tracemalloc

import joblib
import numpy as np
import pytest
import safetensors.numpy
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skheart
from tests.helpers import model_files


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def other_files(folder, trap):
    """Yield name, content and the expected message."""
    joblib.dump(trap, folder / "gz", compress=("gzip", 3))
    joblib.dump(trap, folder / "zlib", compress=("zlib", 3))
    torch.save({"a": trap}, folder / "torch")
    np.save(folder / "npy.npy", np.array([trap], dtype=object), allow_pickle=True)
    protocols = {f"pickle{p}": pickle.dumps(trap, protocol=p) for p in range(2, 6)}
    tensors = {"mean": np.ones(3)}
    yield from (
        (name, content, "it is a pickle, as written by joblib")
        for name, content in protocols.items()
    )
    yield "torch", (folder / "torch").read_bytes(), "it is a zip archive, as written by torch.save"
    yield "gz", (folder / "gz").read_bytes(), "it is compressed, probably a pickle"
    yield "zlib", (folder / "zlib").read_bytes(), "it is compressed, probably a pickle"
    yield "npy", (folder / "npy.npy").read_bytes(), "is not a safetensors file"
    yield "pickle0", pickle.dumps(trap, protocol=0), "is not a safetensors file"
    yield "text", b"path,label\n", "is not a safetensors file"
    yield "short", b"ab", "is not a safetensors file"
    yield "empty", b"", "is empty"
    yield (
        "foreign",
        safetensors.numpy.save(tensors),
        "a safetensors file that skheart did not write",
    )
    other = safetensors.numpy.save(tensors, metadata={"by": "others"})
    yield "metadata", other, "a safetensors file that skheart did not write"


def test_other_files_are_named_and_not_run(tmp_path):
    trap = Trap(tmp_path / "trapped")
    seen = 0
    for name, content, words in other_files(tmp_path, trap):
        path = tmp_path / f"m_{name}"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words) as caught:
            skheart.load(path)
        assert str(caught.value).startswith(f"{path} cannot be loaded: it is ")
        seen += 1
    assert seen == 14
    assert not (tmp_path / "trapped").exists()
    pickle.loads(pickle.dumps(trap))
    assert (tmp_path / "trapped").exists()  # the trap works


def test_the_remedy_for_a_pickle_works(tmp_path):
    X, y = np.eye(4), [0, 1, 0, 1]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    joblib.dump(model, tmp_path / "old")
    remedy = (
        r"load it in Python with joblib.load .* write it again with skheart.save\(model, path\)"
    )
    with pytest.raises(ValueError, match=remedy):
        skheart.load(tmp_path / "old")
    skheart.save(joblib.load(tmp_path / "old"), tmp_path / "new")
    again = skheart.load(tmp_path / "new")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        skheart.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="it is not a file"):
        skheart.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="it is not a file"):
        skheart.load(tmp_path / "pipe")


def test_a_file_that_is_cut_off(model_file, tmp_path):
    content = model_file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    ends = [9, 8 + length // 2, 8 + length - 1, 8 + length, 8 + length + 1, len(content) - 1]
    for end in ends:
        (tmp_path / "m").write_bytes(content[:end])
        with pytest.raises(ValueError, match="it is damaged"):
            skheart.load(tmp_path / "m")
    (tmp_path / "m").write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="it is damaged"):
        skheart.load(tmp_path / "m")


def test_a_flipped_bit_is_found(model_file, tmp_path):
    content = model_file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    rng = np.random.default_rng(0)
    places = [*range(12), *rng.integers(8, 8 + length, 60), *rng.integers(length, len(content), 60)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "m").write_bytes(damaged)
        with pytest.raises(ValueError, match="m cannot be loaded: "):
            skheart.load(tmp_path / "m")


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
        with pytest.raises(ValueError, match="m cannot be loaded: "):
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
        with pytest.raises(ValueError, match="m cannot be loaded: ") as caught:
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
        ({"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}, "damaged|which no model has"),
        ({"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}, "1 tensors are not used"),
    ],
)
def test_a_tensor_that_lies(entry, words, tmp_path):
    document = {"format": 1, "versions": {}, "model": [1]}
    model_files.write(tmp_path / "m", document, {"x": entry}, bytes(8))
    with pytest.raises(ValueError, match=words):
        skheart.load(tmp_path / "m")
