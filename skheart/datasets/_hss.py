"""Loader of the Heart Sounds Shenzhen corpus (ComParE 2018)."""

from __future__ import annotations

import os

import numpy as np

from ._descr import HSS
from ._files import (
    as_bunch,
    check_folder,
    find_recordings,
    list_subfolders,
    missing_recordings_error,
)
from ._read_table import read_table
from ._skipped import warn_about_unlisted
from ._table_checks import drop_repeated

_PARTITIONS = ("train", "devel", "test")
_LABELS = {"0": 0, "1": 1, "2": 2, "?": None, "": None}  # None: withheld
_TABLE = os.path.join("lab", "ComParE2018_Heartbeat.tsv")
_EXPECTED = "the folder that holds wav/ and lab/ComParE2018_Heartbeat.tsv"
_REMEDY = "The corpus is given out by its authors on request; it cannot be downloaded."


def load_hss(folder, *, partition=("train", "devel"), return_X_y=False):
    """Load the Heart Sounds Shenzhen corpus [1]_ from its folder (ComParE 2018 layout).

    Parameters
    ----------
    folder : str or path-like
        The folder that holds ``lab/ComParE2018_Heartbeat.tsv`` and ``wav/train_0001.wav``, ....
        Recordings may also be FLAC or Ogg.
    partition : {"train", "devel", "test"} or list of them, default=("train", "devel")
        Which partitions to load. The labels of "test" are withheld: load it alone, and `target`
        is None (unless your table has its labels).
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, where `target` is int64 (0 normal, 1 mild,
        2 moderate or severe) and `groups` is None, since subjects are not published; and
        `partition`, ndarray of str, shape (n_recordings,), also a column of `frame`. Do not
        cross-validate over pooled recordings: train on "train" and score on "devel".

    Raises
    ------
    FileNotFoundError
        If the folder, the table, a partition or a listed recording is missing.
    ValueError
        If a label is not 0, 1 or 2, a recording is listed with two labels, or labelled and
        unlabelled recordings are mixed. "?" and an empty cell are withheld labels.

    References
    ----------
    .. [1] F. Dong et al., "Machine Listening for Heart Status Monitoring: Introducing and
       Benchmarking HSS", IEEE J. Biomed. Health Inform. 24(7), 2020.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_hss
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "lab", "ComParE2018_Heartbeat.tsv")
    ...     wav = Path(folder, "wav", "train_0001.wav")
    ...     table.parent.mkdir()
    ...     wav.parent.mkdir()
    ...     wav.touch()
    ...     _ = table.write_text("train_0001.wav\\t1\\n")
    ...     load_hss(folder, partition="train").target
    array([1])
    """
    partitions = _check_partition(partition)
    root = _locate(check_folder(folder, expected=_EXPECTED, remedy=_REMEDY))
    return _load(root, partitions, return_X_y)


def _load(root, partitions, return_X_y):
    import pandas as pd

    labels = _read_labels(root / _TABLE)
    found = find_recordings(root / "wav")
    known = [stem for stem in found if stem.split("_")[0] in _PARTITIONS]
    warn_about_unlisted(root / "wav", found, known, "any partition by name", stacklevel=3)
    frame = pd.DataFrame({"recording": sorted({*found, *labels})})
    frame.insert(0, "partition", [stem.split("_")[0] for stem in frame["recording"]])
    frame = pd.concat([frame[frame["partition"] == name] for name in partitions])
    missing = [stem for stem in frame["recording"] if stem not in found]
    if missing:
        raise missing_recordings_error(
            missing, listed_in=_TABLE, folder=root / "wav", remedy=_REMEDY
        )
    absent = [name for name in partitions if name not in set(frame["partition"])]
    if absent:
        raise FileNotFoundError(
            f"{root / 'wav'}: there is no recording of the partition {absent[0]}, such as "
            f"{absent[0]}_0001.wav. {_REMEDY}"
        )
    frame = frame.reset_index(drop=True)
    target = _select_labels(frame["recording"], labels, root / _TABLE)
    frame.insert(0, "path", frame["recording"].map(found))
    frame.insert(1, "label", np.nan if target is None else target)
    return as_bunch(
        frame,
        target,
        return_X_y=return_X_y,
        target_names=["normal", "mild", "moderate/severe"],
        groups=None,
        partition=frame["partition"].to_numpy(dtype=str),
        sr=4000,
        DESCR=HSS,
    )


def _check_partition(partition):
    names = [partition] if isinstance(partition, str) else list(partition)
    if not names or any(name not in _PARTITIONS for name in names):
        raise ValueError(
            f"partition must be 'train', 'devel', 'test' or a list of them. "
            f"Got {partition!r} instead."
        )
    return [name for name in _PARTITIONS if name in names]


def _locate(root):
    for base in [root, *list_subfolders(root)]:
        if (base / _TABLE).is_file():
            if not (base / "wav").is_dir():
                raise FileNotFoundError(f"{base}: no wav/. Expected {_EXPECTED}. {_REMEDY}")
            return base
    raise FileNotFoundError(f"{root}: no {_TABLE}. Expected {_EXPECTED}. {_REMEDY}")


def _read_labels(table):
    """Return ``{stem: label}`` of the table; the label is None where it is withheld."""
    rows = read_table(table, columns=["recording", "label"], sep="\t", heading=False)
    rows = rows.apply(lambda column: column.str.strip("'\""))
    if len(rows) and rows["recording"].iloc[0].lower() == "file_name":
        rows = rows.iloc[1:]
    wrong = rows[~rows["label"].isin(list(_LABELS))]
    if len(wrong):
        line, (name, label) = next(wrong.iterrows())
        raise ValueError(
            f"{table}, line {line}: label {label!r} of {name} must be 0 (normal), 1 (mild), "
            f"2 (moderate or severe), or ? (withheld)."
        )
    rows = rows.assign(recording=[os.path.splitext(name)[0] for name in rows["recording"]])
    rows = drop_repeated(table, rows, "recording", ["label"], stacklevel=4)
    return {stem: _LABELS[label] for stem, label in zip(*map(rows.get, rows), strict=True)}


def _select_labels(stems, labels, table):
    """Return the labels of the recordings, or None if none of them has a label."""
    target = [labels.get(stem) for stem in stems]
    withheld = [stem for stem, label in zip(stems, target, strict=True) if label is None]
    if len(withheld) == len(stems):
        return None
    if withheld:
        raise ValueError(
            f"{table}: {len(withheld)} of {len(stems)} recordings have no label (first: "
            f"{withheld[0]}). Load partitions without labels on their own: partition='test'."
        )
    return np.array(target, dtype=np.int64)
