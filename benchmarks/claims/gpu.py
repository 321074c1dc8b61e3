"""Claim: on a GPU the default CNN trains at least 5 times as fast as plain skorch.

    python -m benchmarks.claims.gpu [--small]

For a machine with CUDA; elsewhere it is left out. Recordings per second on the device named in the
table, at paper size (936 x 64), of an epoch (the fastest after the first) and of `predict_proba`,
for the default CNN, LSTM and GRU, against

- plain skorch in float32 on the same device (`benchmarks/_plain.py`);
- the best plain torch loop that we could write for the CNN: channels-last, pooling before ReLU,
  bfloat16, kernels of cuDNN by trial, Adam in one kernel, and all recordings on the device before;
- the limit: the same multiplications at the measured speed of a large product in bfloat16.

The CNN trains at least 5 times as fast as plain skorch and at least half as fast as the loop, and
predicts in bfloat16 at least half as fast as the loop; all else is no slower than plain skorch (at
least 0.9 times as fast, for the noise).
"""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from benchmarks._measure import LeftOut, Row, in_turns, main
from benchmarks.claims._plain import plain_module, plain_skorch, spectrograms

BATCH = 32


def classifier(model, device, max_epochs):
    """The default classifier of a model on a device."""
    from skheart import AttentionCNNClassifier, AttentionRNNClassifier

    settings = {"device": device, "max_epochs": max_epochs, "random_state": 0}
    if model == "cnn":
        return AttentionCNNClassifier(**settings)
    return AttentionRNNClassifier(cell=model, **settings)


def finish(device):
    """Wait until the device has done all that it was told."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def kernels_by_trial():
    """Let cuDNN try its kernels, and take the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def quick_cnn(settings, device):
    """The plain CNN, as it is quick on a GPU."""
    module = plain_module("cnn", **settings)
    for relu in range(2, len(module.layers), 4):  # the pooling first: fewer cells for the ReLU
        module.layers[relu], module.layers[relu + 1] = nn.MaxPool2d(2), nn.ReLU()
    return module.to(device, memory_format=torch.channels_last)


def loop_epoch(module, X, y):
    """A function that trains one epoch of a plain loop on tensors of the device."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)

    @kernels_by_trial()
    def epoch():
        module.train()
        for rows in torch.randperm(len(X), device=X.device).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(X.device.type, torch.bfloat16):
                logits = module(X[rows])
            functional.cross_entropy(logits.float(), y[rows]).backward()
            optimizer.step()
        finish(X.device)

    return epoch


def loop_predict(module, X):
    """A function that predicts with a plain loop on tensors of the device."""

    @kernels_by_trial()
    def predict():
        module.eval()
        with torch.inference_mode(), torch.autocast(X.device.type, torch.bfloat16):
            logits = [module(rows) for rows in X.split(8 * BATCH)]
        return torch.cat(logits).float().softmax(1).cpu().numpy()

    return predict


def products_per_second(device, size):
    """Multiplications and additions a second in a product of square bfloat16 matrices."""
    a, b = torch.randn(2, size, size, device=device, dtype=torch.bfloat16)

    def product():
        for _ in range(10):
            a @ b
        finish(device)

    (times,) = in_turns({"product": product}, rounds=5).values()
    return 10 * 2 * size**3 / min(times)


def operations(model, n_frames, settings):
    """Multiplications and additions for one recording forward; a training step has three times."""
    module = plain_module(model, **settings)
    weights = [weight for weight in module.layers.parameters() if weight.ndim > 1]
    cells = [n_frames] * len(weights)
    if model == "cnn":
        cells = [(n_frames >> layer) * (64 >> layer) for layer in range(len(weights))]
    return 2 * sum(n * weight.numel() for n, weight in zip(cells, weights, strict=True))


def measured(model, device, X, y, settings, epochs):
    """Seconds of an epoch and of a prediction, lists by name."""
    clf = classifier(model, device, epochs).fit(X, y)
    net = plain_skorch(model, epochs, **settings).set_params(device=device).fit(X, y)
    training = {"ours": clf.history_[1:, "dur"], "plain skorch": net.history[1:, "dur"]}
    cases = {
        "float32": lambda: clf.set_params(precision="auto").predict_proba(X),
        "bfloat16": lambda: clf.set_params(precision="bfloat16").predict_proba(X),
        "plain skorch": lambda: net.predict_proba(X),
    }
    if model == "cnn":
        module = quick_cnn(settings, device)
        resident = torch.from_numpy(X).to(device), torch.from_numpy(y).to(device)
        epoch = {"loop": loop_epoch(module, *resident)}
        training |= in_turns(epoch, rounds=epochs - 1)
        cases["loop"] = loop_predict(module, resident[0])
    return training, in_turns(cases, rounds=3)


def rows_of(label, n, training, predicting, limits):
    """Rows of the table for one model."""

    def speeds(times):
        return {name: n / min(values) for name, values in times.items()}

    def row(what, times, name, peer, bar, limit):
        found = speeds(times)
        others = {key: value for key, value in found.items() if key != name}
        value = found[name] / found[peer]
        return Row(f"{label} {what}", "recordings/s", found[name], others, value, bar, limit=limit)

    train, predict = limits
    with_loop = "loop" in training
    bar = 5.0 if with_loop else 0.9
    rows = [
        row("epoch", training, "ours", "plain skorch", bar, train),
        row("prediction, float32", predicting, "float32", "plain skorch", 0.9, None),
        row("prediction, bfloat16", predicting, "bfloat16", "plain skorch", 0.9, predict),
    ]
    if with_loop:
        rows += [
            row("epoch, against the loop", training, "ours", "loop", 0.5, train),
            row("prediction, against the loop", predicting, "bfloat16", "loop", 0.5, predict),
        ]
    return rows


def run(small=False, device="cuda", n_frames=936, size=8192, n=None):
    """Rows of the table; another device, tiny sizes, to see that it runs."""
    if device == "cuda" and not torch.cuda.is_available():
        raise LeftOut("torch sees no CUDA device")
    on_gpu = torch.device(device).type == "cuda"
    where = torch.cuda.get_device_name(device) if on_gpu else device
    throughput = products_per_second(device, size)
    rows = []
    for model in ("cnn", "lstm", "gru"):
        many = n or (512 if small else 4096) // (1 if model == "cnn" else 4)
        X, y = spectrograms(many, n_frames)
        kernel = classifier(model, device, 1).kernel_size if model == "cnn" else None
        settings = {"kernel_size": kernel} if kernel else {}
        training, predicting = measured(model, device, X, y, settings, epochs=3 if small else 4)
        once = operations(model, n_frames, settings)
        limits = throughput / (3 * once), throughput / once
        rows += rows_of(f"{where}, {model.upper()}", many, training, predicting, limits)
    return rows


if __name__ == "__main__":
    main(run)
