"""Checks of layer sizes."""

from __future__ import annotations

from numbers import Integral

from .._utils.suggest import check_choice

__all__ = ["check_sizes", "pool_sizes"]


def pool_sizes(pool_size, n_layers):
    """Return a (frames, mels) pair per layer; "fine" pools time in the first layer only."""
    if isinstance(pool_size, str):
        check_choice("pool_size", pool_size, ("fine",))
        return [(2, 2)] + [(1, 2)] * (n_layers - 1)
    if _is_pair(pool_size) or isinstance(pool_size, Integral):
        pool_size = [pool_size] * n_layers
    if len(pool_size) != n_layers:
        raise ValueError(
            f"pool_size={tuple(pool_size)!r} has {len(pool_size)} entries for {n_layers} layers. "
            "Give an int, a (frames, mels) pair, or a list with one of these per layer."
        )
    pairs = [(size, size) if isinstance(size, Integral) else tuple(size) for size in pool_size]
    for pair in pairs:
        if not _is_pair(pair) or min(pair) < 1:
            raise ValueError(
                f"pool_size has the entry {pair!r}; each must be an int or a (frames, mels) pair "
                "of ints of at least 1."
            )
    return pairs


def check_sizes(name, value, length=None):
    """Raise unless a value is a sequence of ints of at least 1."""
    sizes = list(value) if hasattr(value, "__len__") and not isinstance(value, (str, dict)) else []
    whole = all(isinstance(size, Integral) and size >= 1 for size in sizes)
    if not sizes or not whole or (length is not None and len(sizes) != length):
        rule = "a sequence of ints" if length is None else "an int or a pair of ints"
        raise ValueError(f"{name} must be {rule} of at least 1. Got {value!r} instead.")


def _is_pair(value):
    return (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(isinstance(size, Integral) for size in value)
    )
