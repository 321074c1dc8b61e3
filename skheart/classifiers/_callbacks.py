"""skorch callbacks: early stopping, learning rate schedules and progress."""

from __future__ import annotations

import re
import sys

from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler, ProgressBar
from skorch.utils import noop
from torch.optim import lr_scheduler

from .._utils.suggest import closest
from ..metrics import uar_scorer

__all__ = [
    "LR_SCHEDULES",
    "check_callback_names",
    "close_progress",
    "discard_training_state",
    "make_callbacks",
    "to_stderr",
]

LR_SCHEDULES = ("step", "cosine", "one_cycle", "plateau")
EACH_BATCH = {"step_every": "batch"}


def make_callbacks(callbacks, *, early_stopping, lr_schedule, lr, n_steps, verbose):
    """Return callbacks for early stopping, schedule and progress, followed by the user's.

    `callbacks` are the user's, as skorch takes them; "disable" turns off all. `early_stopping` is
    None or (epochs without improvement, smallest improvement). `lr` is the initial learning rate of
    the schedule (the maximum of "one_cycle"), and `n_steps` the number of batches in the whole
    training.
    """
    if isinstance(callbacks, str) and callbacks == "disable":
        if early_stopping is not None or lr_schedule is not None:
            raise ValueError(
                "callbacks='disable' also turns off early stopping and the learning rate schedule. "
                "Set early_stopping=False and lr_schedule=None, or pass a list of callbacks."
            )
        return callbacks
    _check_callbacks(callbacks)
    ours = [("progress", ProgressBar(detect_notebook=False))] if verbose else []
    if early_stopping is not None:
        patience, tol = early_stopping
        stopping = EarlyStopping(
            monitor="valid_uar",
            lower_is_better=False,
            patience=patience,
            threshold=tol,
            threshold_mode="abs",
            load_best=True,
            sink=to_stderr if verbose else noop,
        )
        score = EpochScoring(uar_scorer, name="valid_uar", lower_is_better=False)
        ours += [("valid_uar", score), ("early_stopping", stopping)]
    if lr_schedule is not None:
        monitor = "train_loss" if early_stopping is None else "valid_loss"
        policy = _lr_policy(lr_schedule, lr=lr, n_steps=n_steps, monitor=monitor)
        ours.append(("lr_schedule", LRScheduler(**policy)))
    return [*ours, *(callbacks or [])]


def _check_callbacks(callbacks):
    entries = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    for entry in entries if callbacks is not None else ():
        named = isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)
        callback = entry[1] if named else entry
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        if not (is_class or isinstance(callback, Callback)) or entries is not callbacks:
            raise TypeError(
                "callbacks must be a list of skorch callbacks, or of (name, callback), or "
                f"'disable'. Got {callbacks!r} instead."
            )


def _lr_policy(name, *, lr, n_steps, monitor):
    if name == "step":
        return {"policy": lr_scheduler.StepLR, "step_size": 200, "gamma": 0.9, **EACH_BATCH}
    if name == "cosine":
        return {"policy": lr_scheduler.CosineAnnealingLR, "T_max": n_steps, **EACH_BATCH}
    if name == "one_cycle":
        # One more than are taken: torch refuses the step after the last batch.
        steps = {"max_lr": lr, "total_steps": n_steps + 1}
        return {"policy": lr_scheduler.OneCycleLR, **steps, **EACH_BATCH}
    plateau = {"monitor": monitor, "factor": 0.5, "patience": 2}
    return {"policy": lr_scheduler.ReduceLROnPlateau, **plateau}


def check_callback_names(net, skorch_params):
    """Refuse ``callbacks__NAME...`` if the initialised net has no such callback."""
    names = [name for name, _ in net.callbacks_]
    for param, value in skorch_params.items():
        prefix, _, name = param.partition("__")
        name = name.partition("__")[0]
        if prefix == "callbacks" and name and value is not None and name not in names:
            raise ValueError(
                f"{param!r} is not a parameter of the classifier: there is no callback {name!r}, "
                f"only {names}.{closest(name, names)}"
            )


def discard_training_state(net):
    """Discard recordings, gradients and optimizer state of a trained net.

    A learning rate scheduler would keep a second copy of the weights, which skorch does not move
    to the CPU when a model from a GPU is unpickled without one.
    """
    net.train_split = None
    net.module_.eval()
    net.module_.zero_grad(set_to_none=True)
    if "optimizer_" in vars(net):
        net.optimizer_.state.clear()
    for _, callback in net.callbacks_:
        if isinstance(callback, LRScheduler):
            callback.lr_scheduler_ = None


def close_progress(net):
    """Remove an unfinished progress bar."""
    for _, callback in net.callbacks_:
        if isinstance(callback, ProgressBar) and hasattr(callback, "pbar_"):
            callback.pbar_.close()


def to_stderr(text):
    """Print progress on standard error; standard output is for results."""
    if not sys.stderr.isatty():
        text = re.sub("\x1b\\[[0-9;]*m", "", text)  # skorch's colours are for terminals
    print(text, file=sys.stderr)
