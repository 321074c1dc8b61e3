"""Claim: predict_proba of the default CNN is at least 4 times as fast as plain skorch's in float32.

    python -m benchmarks.claims.prediction [--small]

The same weights stand in a skorch net (`benchmarks/_plain.py`), and exported to ONNX in ONNX
Runtime and OpenVINO, each as fast as it goes on this machine. Claims, on the CPU: in float32 at
least 4 times plain skorch and at least 90 % of the better of the two runtimes, with probabilities
within 1e-5 of plain skorch's, and at least 1.25 times the best plain form, which is the same
prediction without compiled loops: torch with folded batch norm, channels last and a pooling
without indices; with ``precision="bfloat16"``, where the processor has it, at least
7 times plain skorch, within 1e-2. Needs the extra "bench". In turns; the median of the ratios
counts. The model is trained on a few recordings first. The limit is OpenVINO in bfloat16, where
that is compared.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from benchmarks._measure import Row, in_turns, main, ratio
from benchmarks.claims._plain import plain_skorch, spectrograms


def fitted(n_frames):
    """The default CNN after a few steps, and the same weights in a plain skorch net."""
    from skheart import AttentionCNNClassifier

    X, y = spectrograms(64, n_frames, seed=1)
    clf = AttentionCNNClassifier(max_epochs=2, random_state=0, precision="float32").fit(X, y)
    module, plain = clf.net_.module_, plain_skorch("cnn").initialize()
    ours = [*module.convs, *module.norms]
    theirs = [m for m in plain.module_.layers if hasattr(m, "weight")]
    theirs = theirs[::2] + theirs[1::2]
    for to, source in zip(theirs, ours, strict=True):
        to.load_state_dict(source.state_dict())
    plain.module_.head.load_state_dict(module.head.state_dict())
    return clf, plain


def onnx_file(plain, X, folder):
    """The plain net as an ONNX file for any number of recordings."""
    path = str(Path(folder) / "cnn.onnx")
    names = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = plain.module_.eval()
        torch.onnx.export(module, (torch.from_numpy(X[:1]),), path, dynamo=False, **names)
    return path


def onnxruntime_case(path, X):
    """Logits by ONNX Runtime, a recording at a time, which was its best."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: np.concatenate([session.run(None, {"x": x[None]})[0] for x in X])


def openvino_case(path, X, precision):
    """Logits by OpenVINO with its setting for throughput, two recordings at a time."""
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    model = openvino.Core().compile_model(path, "CPU", hints)

    def predict():
        queue, logits = openvino.AsyncInferQueue(model), [None] * (len(X) // 2)
        queue.set_callback(
            lambda request, i: logits.__setitem__(i, request.get_output_tensor(0).data.copy())
        )
        for i in range(len(logits)):
            queue.start_async({0: X[2 * i : 2 * i + 2]}, i)
        queue.wait_all()
        return np.concatenate(logits)

    return predict


def with_loops(predict, compiled):
    """A function that predicts with compiled loops, or in the best plain form that we know."""
    from skheart._cpu import work

    def run():
        with mock.patch.object(work, "COMPILE_WORK", 0 if compiled else float("inf")):
            return predict()

    return run


def run(small=False):
    """The rows of the table."""
    from skheart._cpu.hardware import multiplies_bfloat16

    n_frames, n = 936, 32 if small else 96
    clf, plain = fitted(n_frames)
    X, _ = spectrograms(n, n_frames, seed=2)
    reduced = clf.__class__(**clf.get_params(deep=False)).set_params(precision="bfloat16")
    reduced.__dict__.update({k: v for k, v in vars(clf).items() if k.endswith("_")})
    with tempfile.TemporaryDirectory() as folder:
        path = onnx_file(plain, X, folder)
        cases = {
            "plain skorch": lambda: plain.predict_proba(X),
            "float32": with_loops(lambda: clf.predict_proba(X), compiled=True),
            "best plain form": with_loops(lambda: clf.predict_proba(X), compiled=False),
            "ONNX Runtime": onnxruntime_case(path, X),
            "OpenVINO": openvino_case(path, X, "f32"),
        }
        if multiplies_bfloat16():
            cases["bfloat16"] = lambda: reduced.predict_proba(X)
            cases["OpenVINO bfloat16"] = openvino_case(path, X, "bf16")
        exact = plain.predict_proba(X)
        errors = {name: np.abs(cases[name]() - exact).max() for name in cases if "float" in name}
        times = in_turns(cases, rounds=3 if small else 5)
    speed = {name: n / np.median(values) for name, values in times.items()}
    rows = []
    bars = {"float32": (4.0, 1e-5), "bfloat16": (7.0, 1e-2)}
    for name in [name for name in bars if name in cases]:
        peers = {k: v for k, v in speed.items() if k not in (*bars, "OpenVINO bfloat16")}
        bar, bound = bars[name]
        claim = f"CNN predict_proba, {name}"
        limit = speed.get("OpenVINO bfloat16") if name == "bfloat16" else None
        faster = ratio(times, "plain skorch", name)
        rows.append(Row(claim, "recordings/s", speed[name], peers, faster, bar, limit=limit))
        if name == "float32":
            runtimes = ("ONNX Runtime", "OpenVINO")
            share = min(ratio(times, peer, name) for peer in runtimes)
            peers = {peer: speed[peer] for peer in runtimes}
            claim_2 = f"{claim} against the better runtime"
            rows.append(Row(claim_2, "recordings/s", speed[name], peers, share, 0.9))
            peers = {"best plain form": speed["best plain form"]}
            faster = ratio(times, "best plain form", name)
            claim_2 = f"{claim} against the best plain form"
            rows.append(Row(claim_2, "recordings/s", speed[name], peers, faster, 1.25))
        off = float(errors[name])
        rows.append(Row(f"{claim}, error", "probability", off, {}, off, bound, True))
    return rows


if __name__ == "__main__":
    main(run)
