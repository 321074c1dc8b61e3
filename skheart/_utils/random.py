"""Random states apart from the global one of NumPy."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["new_random_state"]


def new_random_state(random_state):
    """Return a RandomState; None gives a new one instead of the global one of NumPy."""
    return check_random_state(np.random.RandomState() if random_state is None else random_state)
