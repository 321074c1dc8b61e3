"""Device, threads, random state and Ctrl-C during a fit or prediction."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager

import torch

from .._cpu.chunks import worker_threads
from .._cpu.hardware import multiplies_bfloat16

__all__ = [
    "detect_ctrl_c",
    "let_others_predict",
    "resolve_device",
    "torch_settings",
    "uses_bfloat16",
]


class _Turns:
    """Whose turn it is: torch has one generator and one thread count per process.

    Fits take turns. Predictions take turns with the batches of a fit.
    """

    def __init__(self):
        self.fit, self.step = threading.RLock(), threading.RLock()
        self.asked = self.served = 0  # calls of `_turn`
        self.count = threading.Lock()
        self.depth = threading.local()


_turns = _Turns()
_is_forked = False


def _after_fork():
    """Renew the locks in a forked process, where other threads, and those of OpenMP, are gone."""
    global _turns, _is_forked
    _turns, _is_forked = _Turns(), True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _turn(fits):
    """Wait for a turn to fit or to predict."""
    turns = _turns
    depth = getattr(turns.depth, "value", 0)
    with ExitStack() as held:
        if fits:
            held.enter_context(turns.fit)
        with turns.count:
            turns.asked += 1
        try:
            held.enter_context(turns.step)
        finally:
            with turns.count:
                turns.served += 1
        turns.depth.value = depth + 1
        try:
            yield
        finally:
            turns.depth.value = depth


def let_others_predict():
    """Between two steps of a fit, let the predictions that wait in other threads go first.

    Those that come later may have to wait for the next step, so that the fit always goes on.
    """
    turns = _turns
    asked = turns.asked
    if turns.served >= asked or getattr(turns.depth, "value", 0) != 1:
        return
    turns.step.release()
    try:
        while turns.served < asked:
            time.sleep(1e-4)
    finally:
        turns.step.acquire()


@contextmanager
def detect_ctrl_c():
    """Record Ctrl-C, which skorch treats as a request to stop early.

    Yields an event that is set when Ctrl-C is pressed. Outside the main thread, or if the program
    has its own handler, nothing is changed.
    """
    pressed = threading.Event()

    def handler(signal_number, frame):
        pressed.set()
        raise KeyboardInterrupt

    install = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if install:
        signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
    finally:
        if install:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def torch_settings(device, n_threads, seed=None, *, in_chunks=True):
    """Set torch's threads, generators, flags and default types, and restore them afterwards.

    With a seed, for a fit. Without one, for a prediction: the generators are left alone, and a fit
    in another thread goes on after it. With `in_chunks`, each thread computes whole
    chunks of recordings, so that results do not depend on `n_threads`; otherwise torch's own
    threads are used, which may change the order of sums.
    """
    cuda_devices = [device] if device.type == "cuda" else []
    if _is_forked:
        n_threads = 1  # OpenMP would wait for the threads of the other process
    with _turn(fits=seed is not None):
        threads_before = torch.get_num_threads()
        try:
            torch.set_num_threads(1 if in_chunks else n_threads)
            with (
                worker_threads(n_threads if in_chunks else 1),
                torch.random.fork_rng(devices=cuda_devices, enabled=seed is not None),
                _deterministic_cudnn(enabled=bool(cuda_devices)),
                _usual_defaults(device, gradients=seed is not None),
            ):
                if seed is not None:
                    # torch.manual_seed would seed every CUDA device, used or not.
                    torch.default_generator.manual_seed(seed)
                    for cuda_device in cuda_devices:
                        with torch.cuda.device(cuda_device):
                            torch.cuda.manual_seed(seed)
                yield
        finally:
            torch.set_num_threads(threads_before)


@contextmanager
def _usual_defaults(device, gradients):
    """Undo what the caller may have set around this call: types, devices, autocast, inference."""
    dtype = torch.get_default_dtype()
    with ExitStack() as changed:
        if torch.get_default_device().type != "cpu":
            changed.enter_context(torch.device("cpu"))
        if torch.is_autocast_enabled(device.type):
            changed.enter_context(torch.autocast(device.type, enabled=False))
        if gradients:
            changed.enter_context(torch.inference_mode(False))
            changed.enter_context(torch.enable_grad())
        try:
            if dtype != torch.float32:
                torch.set_default_dtype(torch.float32)
            yield
        finally:
            torch.set_default_dtype(dtype)


@contextmanager
def _deterministic_cudnn(enabled):
    # torch.backends.cudnn.flags would also reset the precision that the user has set.
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    try:
        if enabled:
            cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def resolve_device(device):
    """Return the torch device of a `device` parameter; ValueError if it cannot be used."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if str(device).startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"device='{device}' but torch sees no CUDA device. Use device='auto' or 'cpu', or "
            "install a CUDA build of torch."
        )
    try:
        device = torch.device(device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            "device must be 'auto', 'cpu' or 'cuda', or another device that this torch can use. "
            f"Got '{device}'."
        ) from error
    return device


def uses_bfloat16(precision, device):
    """Whether a network trains in bfloat16: on request, or with "auto" where it is fast."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and multiplies_bfloat16()
