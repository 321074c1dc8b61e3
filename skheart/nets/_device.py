"""Device, threads, random state and Ctrl-C during a fit or prediction."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

import torch

from .._cpu.chunks import worker_threads
from .._cpu.hardware import multiplies_bfloat16

__all__ = ["detect_ctrl_c", "resolve_device", "torch_settings", "uses_bfloat16"]

# torch has one generator and one thread count per process: fits in different threads take turns.
_TORCH_LOCK = threading.RLock()


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
    """Set torch's threads, generators and cuDNN flags, and restore them afterwards.

    Without a seed, the generators are left alone. With `in_chunks`, each thread computes whole
    chunks of recordings, so that results do not depend on `n_threads`; otherwise torch's own
    threads are used, which may change the order of sums.
    """
    cuda_devices = [device] if device.type == "cuda" else []
    with _TORCH_LOCK:
        threads_before = torch.get_num_threads()
        try:
            torch.set_num_threads(1 if in_chunks else n_threads)
            with (
                worker_threads(n_threads if in_chunks else 1),
                torch.random.fork_rng(devices=cuda_devices, enabled=seed is not None),
                _deterministic_cudnn(enabled=bool(cuda_devices)),
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
