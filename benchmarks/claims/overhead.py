"""Claim: fit adds at most 3 % to a bare torch loop at paper size, at most 15 % for a small net.

    python -m benchmarks.claims.overhead [--small]

The loop has the same module, precision, threads and batches, with no skorch, checks, history or
data handling. Both train in one process, in turns; the fastest of each counts. The small net is
that of the demonstration (channels 8, 16, 32, 32) on 4 s. With --small the paper's net sees 10 s of
sound.
"""

from __future__ import annotations

import time

import torch

from benchmarks._measure import Row, main
from benchmarks.claims._plain import spectrograms

SIZES = {  # name: (settings, recordings, frames, epochs, bar)
    "paper size": ({}, 64, 936, 2, 0.03),
    "paper size, 10 s": ({}, 96, 312, 2, 0.03),
    "small net": ({"channels": (8, 16, 32, 32)}, 256, 124, 6, 0.15),
}


def classifier(settings, epochs):
    from skheart import AttentionCNNClassifier

    return AttentionCNNClassifier(max_epochs=epochs, random_state=0, **settings)


def bare_loop(settings, X, y, epochs):
    """Seconds of the same training as a loop in plain torch."""
    from skheart._cpu.chunks import worker_threads
    from skheart._cpu.hardware import multiplies_bfloat16
    from skheart.nets import AttentionCNN

    reduced = multiplies_bfloat16()
    n_threads = torch.get_num_threads()
    torch.manual_seed(0)
    start = time.perf_counter()
    torch.set_num_threads(1)  # each chunk of recordings is computed by one thread, as in fit
    with worker_threads(n_threads):
        net = AttentionCNN(3, input_shape=X.shape[1:], **settings).train()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        with net.training_on(X.shape, epochs):
            for batch in [b for _ in range(epochs) for b in torch.randperm(len(X)).split(32)]:
                optimizer.zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
                    logits = net(X[batch])
                torch.nn.functional.cross_entropy(logits, y[batch]).backward()
                optimizer.step()
    torch.set_num_threads(n_threads)
    return time.perf_counter() - start


def overhead(name, rounds):
    """Recordings/s of fit and of the loop, and what share fit adds."""
    settings, n, n_frames, epochs, bar = SIZES[name]
    X, y = spectrograms(n, n_frames)
    ours, bare = [], []
    for turn in range(rounds + 1):
        start = time.perf_counter()
        classifier(settings, epochs).fit(X, y)
        fit = time.perf_counter() - start
        loop = bare_loop(settings, X, y, epochs)
        if turn:  # the first one compiles
            ours.append(fit)
            bare.append(loop)
    share = min(ours) / min(bare) - 1
    speed = [n * epochs / min(times) for times in (ours, bare)]
    peers = {"bare loop": speed[1]}
    return Row(f"overhead of fit, {name}", "recordings/s", speed[0], peers, share, bar, True)


def run(small=False):
    """The rows of the table."""
    paper = "paper size, 10 s" if small else "paper size"
    return [overhead(paper, 3 if small else 5), overhead("small net", 7)]


if __name__ == "__main__":
    main(run)
