"""Inputs in the containers of other libraries, which need not be installed."""

from __future__ import annotations

import numpy as np

__all__ = ["known_container"]


def known_container(values, name="X"):
    """Return values of polars, pyarrow or torch as lists, DataFrames or arrays; others unchanged.

    `name` is what the values are in messages. A masked array is refused if a value is masked.
    """
    library = type(values).__module__.partition(".")[0]
    if library == "polars":
        return _from_polars(values, name)
    if library == "pyarrow":
        return _from_pyarrow(values)
    if library == "torch" and hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # which NumPy does not have
            values = values.float()
        return values.numpy()
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise ValueError(
                f"{name} is a masked array with {int(np.ma.count_masked(values))} masked values, "
                "and masks are not taken into account. Fill them, for example with "
                "X.filled(0), or leave these recordings out."
            )
        return values.data
    return values


def _from_polars(values, name):
    if hasattr(values, "collect"):
        raise TypeError(f"{name} is a LazyFrame of polars. Call its collect() first.")
    if hasattr(values, "columns"):
        import pandas as pd

        return pd.DataFrame(values.to_dict(as_series=False))
    return values.to_list()


def _from_pyarrow(values):
    if hasattr(values, "to_pydict"):
        import pandas as pd

        return pd.DataFrame(values.to_pydict())
    return values.to_pylist()
