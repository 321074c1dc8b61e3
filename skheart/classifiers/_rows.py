"""Reading batches: rows of an array by index, as torch tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from .._utils.arrays import release

__all__ = ["Rows", "batches", "read_rows"]


def read_rows(X, rows):
    """Read rows of an array, or one for an int, as a new float32 tensor.

    The array may be a memory map, whose pages are released, or IndexedRows.
    """
    taken = X[rows] if np.ndim(rows) else X[rows].copy()
    taken = torch.from_numpy(np.ascontiguousarray(taken)).to(torch.float32)
    release(X)
    return taken


class Rows(Dataset):
    """Data set of rows of an array, which is neither copied nor cast as a whole.

    `index` are the rows of X, in order and possibly repeated, and `weight` their weights in the
    loss. X has any float dtype and may be a memory map or IndexedRows; y holds class codes.
    """

    def __init__(self, X, y, index, weight=None):
        self.X = X
        self.y = np.asarray(y, dtype=np.int64)
        self.index = np.asarray(index)
        self.weight = None if weight is None else np.asarray(weight, dtype=np.float32)

    def __len__(self):
        return len(self.index)

    def __getitem__(self, item):
        """Return one row, or a batch for a list of positions."""
        rows = self.index[item]
        X = read_rows(self.X, rows)
        y = torch.as_tensor(self.y[rows])
        if self.weight is None:
            return X, y
        return {"x": X, "sample_weight": torch.as_tensor(self.weight[item])}, y


class _Batches(BatchSampler):
    """Batches of rows; a single last row, too few for batch normalisation, joins another."""

    def __iter__(self):
        previous = None
        for batch in super().__iter__():
            if previous is not None and len(batch) == 1:
                batch = previous + batch
                previous = None
            if previous is not None:
                yield previous
            previous = batch
        if previous is not None:
            yield previous

    def __len__(self):
        n_batches = super().__len__()
        lone = not self.drop_last and len(self.sampler) % self.batch_size == 1
        return n_batches - 1 if lone and n_batches > 1 and self.batch_size > 1 else n_batches


def batches(dataset, batch_size=32, shuffle=False, drop_last=False, **kwargs):
    """Return a DataLoader that reads a whole batch of `Rows` at once.

    A single last row joins the batch before it. With `shuffle`, each epoch has a new order, drawn
    by torch's generator. `kwargs` are more arguments of torch's DataLoader, such as
    ``num_workers``.
    """
    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    sampler = _Batches(order, batch_size, drop_last)
    return DataLoader(_ByBatch(dataset), batch_sampler=sampler, collate_fn=_identity, **kwargs)


class _ByBatch(Dataset):
    """Wrapper from which torch requests a whole batch instead of single rows."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, items):
        return self.rows[items]


def _identity(batch):
    return batch
