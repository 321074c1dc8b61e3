"""Device, threads, random state and interrupts of a fit or prediction."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

import torch

from .._cpu.chunks import worker_threads

__all__ = ["noticing_ctrl_c", "resolve_device", "torch_settings", "uses_bfloat16"]

# torch has one generator and one number of threads for a whole process: fits in threads take turns.
_TORCH = threading.RLock()


@contextmanager
def noticing_ctrl_c():
    """Notice Ctrl-C, which skorch takes for a callback's wish to stop early.

    Yields an event that is set once it was pressed. Elsewhere than in the main thread, and where
    the program has a handler of its own, that is left alone.
    """
    pressed = threading.Event()

    def handler(signal_number, frame):
        pressed.set()
        raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def torch_settings(device, n_threads, seed=None, *, in_chunks=True):
    """Threads, generators and cuDNN's choices for one fit or prediction; all put back after it.

    Parameters
    ----------
    device : torch.device
        Where the net runs.
    n_threads : int
        Threads on the CPU.
    seed : int or None, default=None
        Seed of torch's generators; None leaves them alone.
    in_chunks : bool, default=True
        Whether the threads share chunks of recordings, each computed by one, so that their number
        changes nothing. Otherwise they are torch's own, which may change the order of sums.
    """
    cuda_devices = [device] if device.type == "cuda" else []
    with _TORCH:
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
    # torch.backends.cudnn.flags would touch the precision too, which is the user's.
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    try:
        if enabled:
            cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def resolve_device(device):
    """The torch device of a `device` parameter.

    Raises
    ------
    ValueError
        If torch knows no such device, or has no CUDA device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is no device of torch: use 'auto', 'cpu' or 'cuda'."
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device='{device}' but torch sees no CUDA device: use device='auto' or 'cpu', or "
            "install a CUDA build of torch."
        )
    return device


def uses_bfloat16(precision, device):
    """Whether a net trains in bfloat16: where it is asked for, or with "auto" where it is fast.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        As of the classifiers.
    device : torch.device
        Where the net runs.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    from .._cpu.bfloat16 import in_hardware  # numba is slow to import

    return device.type == "cpu" and in_hardware()
