"""Generators of random numbers that leave the global ones alone."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["own_generator"]


def own_generator(random_state):
    """The generator of a `random_state`; that of None is new, and not numpy's global one."""
    return check_random_state(np.random.RandomState() if random_state is None else random_state)
