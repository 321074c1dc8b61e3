"""The data that the nets train on: rows of an array by index, a whole batch at once."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from .._utils.arrays import release

__all__ = ["Rows", "batches", "read_rows"]


def read_rows(X, rows):
    """Rows of an array as a float32 tensor; a memory map gives the memory of them back.

    Parameters
    ----------
    X : ndarray of shape (n, ...) or IndexedRows
        Any float dtype.
    rows : array of int, or int
        Which, in order.

    Returns
    -------
    Tensor
        A copy, of shape (len(rows), ...), or (...) for an int.
    """
    taken = X[rows] if np.ndim(rows) else X[rows].copy()
    taken = torch.from_numpy(np.ascontiguousarray(taken)).to(torch.float32)
    release(X)
    return taken


class Rows(Dataset):
    """Rows of an array by index, as torch tensors; the array is neither copied nor cast whole.

    Parameters
    ----------
    X : ndarray of shape (n, n_frames, n_mels) or IndexedRows
        Any float dtype; a batch is cast to float32 when it is read. A memory map will do.
    y : array of int of shape (n,)
        Class codes.
    index : array of int
        The rows, in order; a row may be there several times.
    weight : array of float of the length of index, or None
        Weight of each entry of index in the loss.
    """

    def __init__(self, X, y, index, weight=None):
        self.X = X
        self.y = np.asarray(y, dtype=np.int64)
        self.index = np.asarray(index)
        self.weight = None if weight is None else np.asarray(weight, dtype=np.float32)

    def __len__(self):
        return len(self.index)

    def __getitem__(self, item):
        """One row, or a batch for a list of positions."""
        rows = self.index[item]
        X = read_rows(self.X, rows)
        y = torch.as_tensor(self.y[rows])
        if self.weight is None:
            return X, y
        return {"x": X, "sample_weight": torch.as_tensor(self.weight[item])}, y


class _Batches(BatchSampler):
    """Batches without a last one of a single row, which batch normalisation cannot use."""

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
    """A DataLoader that reads a whole batch of `Rows` at once.

    Parameters
    ----------
    dataset : Rows
        The rows.
    batch_size : int, default=32
        Rows in a batch; a last single row joins the batch before it.
    shuffle : bool, default=False
        New order in each epoch, from torch's generator.
    drop_last : bool, default=False
        Leave out the last batch if it is not full.
    **kwargs : dict
        More arguments of torch's DataLoader, as ``num_workers``.

    Returns
    -------
    DataLoader
    """
    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    sampler = _Batches(order, batch_size, drop_last)
    return DataLoader(_Whole(dataset), batch_sampler=sampler, collate_fn=_as_it_is, **kwargs)


class _Whole(Dataset):
    """A dataset from which torch takes a batch at once, rather than row by row."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitems__(self, items):
        return self.rows[items]


def _as_it_is(batch):
    return batch
