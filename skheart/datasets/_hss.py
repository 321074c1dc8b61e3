"""Loader of the Heart Sounds Shenzhen corpus (ComParE 2018)."""

from __future__ import annotations

import os

import numpy as np

from ._descr import HSS
from ._files import as_bunch, audio_by_stem, existing_folder, missing_recordings, subfolders

_PARTITIONS = ("train", "devel", "test")
_LABELS = {"0": 0, "1": 1, "2": 2}
_WITHHELD = ("?", "")
_TABLE = os.path.join("lab", "ComParE2018_Heartbeat.tsv")
_EXPECTED = "the folder that holds wav/ and lab/ComParE2018_Heartbeat.tsv"
_FETCH = "The corpus is given out by its authors on request; it cannot be downloaded."


def load_hss(folder, *, partition=("train", "devel"), return_X_y=False):
    """Load the Heart Sounds Shenzhen corpus from its folder (ComParE 2018 layout).

    Recordings are listed, not decoded: pass `paths` to :class:`skheart.LogMelTransformer`.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds ``wav/train_0001.wav``, ... and ``lab/ComParE2018_Heartbeat.tsv``.
        Recordings may be WAV, FLAC or Ogg.
    partition : {"train", "devel", "test"} or list of them, default=("train", "devel")
        Which partitions to read, told by the prefix of the file name. The labels of "test" are
        withheld: ask for it alone, and `target` is None (unless your table has its labels).
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        paths, data : list of str
            The recordings, sorted by name within each partition.
        target : ndarray of int, shape (n_recordings,), or None
            The labels as published: 0 normal, 1 mild, 2 moderate or severe.
        target_names : list of str
            ``["normal", "mild", "moderate/severe"]``.
        groups : None
            No subject numbers are published. Do not cross-validate over pooled recordings; train
            on "train" and score on "devel", which are of different subjects.
        partition : ndarray of str, shape (n_recordings,)
            "train", "devel" or "test".
        frame : DataFrame
            One row per recording: `path`, `label`, `partition`, `recording`.
        segmentation : list of None
            None is published.
        sr : int
            The published sampling rate, 4000 Hz.
        DESCR : str
            What the data are, their licence, whom to cite, and their traps.

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or partition, or a listed recording is missing.
    ValueError
        A label is not 0, 1 or 2, or labelled and withheld partitions are mixed.

    References
    ----------
    .. [1] F. Dong et al., "Machine Listening for Heart Status Monitoring: Introducing and
       Benchmarking HSS - the Heart Sounds Shenzhen Corpus", IEEE J. Biomed. Health Inform. 24(7),
       2020.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_hss
    >>> tmp = tempfile.TemporaryDirectory()
    >>> for name in ["lab", "wav"]:
    ...     Path(tmp.name, name).mkdir()
    >>> _ = Path(tmp.name, "lab", "ComParE2018_Heartbeat.tsv").write_text(
    ...     "file_name\\tlabel\\ntrain_0001.wav\\t1\\ndevel_0001.wav\\t0\\ntest_0001.wav\\t?\\n")
    >>> for name in ["train_0001", "devel_0001", "test_0001"]:
    ...     Path(tmp.name, "wav", name + ".wav").touch()
    >>> hss = load_hss(tmp.name)
    >>> hss.target.tolist(), hss.partition.tolist()
    ([1, 0], ['train', 'devel'])
    >>> load_hss(tmp.name, partition="test").target is None
    True
    >>> tmp.cleanup()
    """
    import pandas as pd

    wanted = _wanted(partition)
    root = _locate(existing_folder(folder, expected=_EXPECTED, fetch=_FETCH))
    labels = _read_labels(root / _TABLE)
    audio = audio_by_stem(root / "wav")
    stems = [
        stem for name in wanted for stem in sorted({*audio, *labels}) if stem.split("_")[0] == name
    ]
    missing = [stem for stem in stems if stem not in audio]
    if missing:
        raise missing_recordings(missing, listed_in=_TABLE, folder=root / "wav", fetch=_FETCH)
    partitions = [stem.split("_")[0] for stem in stems]
    absent = [name for name in wanted if name not in partitions]
    if absent:
        raise FileNotFoundError(
            f"{root / 'wav'}: no recording {absent[0]}_0001.wav or the like. {_FETCH}"
        )
    target = _target(stems, labels, root / _TABLE)
    paths = [audio[stem] for stem in stems]
    frame = pd.DataFrame({"path": paths, "partition": partitions, "recording": stems})
    frame.insert(1, "label", np.nan if target is None else target)
    return as_bunch(
        paths,
        target,
        return_X_y=return_X_y,
        target_names=["normal", "mild", "moderate/severe"],
        groups=None,
        partition=np.array(partitions),
        frame=frame,
        segmentation=[None] * len(paths),
        sr=4000,
        DESCR=HSS,
    )


def _wanted(partition):
    names = [partition] if isinstance(partition, str) else list(partition)
    if not names or any(name not in _PARTITIONS for name in names):
        raise ValueError(
            f"`partition` must be one of 'train', 'devel', 'test' or a list of them. "
            f"Got {partition!r} instead."
        )
    return [name for name in _PARTITIONS if name in names]


def _locate(root):
    for base in [root, *subfolders(root)]:
        if (base / _TABLE).is_file():
            if not (base / "wav").is_dir():
                raise FileNotFoundError(f"{base}: no wav/. Expected {_EXPECTED}. {_FETCH}")
            return base
    raise FileNotFoundError(f"{root}: no {_TABLE}. Expected {_EXPECTED}. {_FETCH}")


def _read_labels(table):
    """``{stem: label or None}`` of the table; None where the label is withheld."""
    labels = {}
    lines = table.read_text(encoding="utf-8-sig").splitlines()
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip().strip("'\"") for cell in line.split("\t")]
        if not line.strip() or (number == 1 and cells[0].lower() == "file_name"):
            continue
        label = cells[1] if len(cells) > 1 else ""
        if label not in _LABELS and label not in _WITHHELD:
            raise ValueError(
                f"{table}, line {number}: label {label!r} of {cells[0]} must be 0 (normal), "
                f"1 (mild), 2 (moderate or severe), or ? (withheld)."
            )
        labels[os.path.splitext(cells[0])[0]] = _LABELS.get(label)
    return labels


def _target(stems, labels, table):
    target = [labels.get(stem) for stem in stems]
    withheld = [stem for stem, label in zip(stems, target, strict=True) if label is None]
    if len(withheld) == len(stems):
        return None
    if withheld:
        raise ValueError(
            f"{table}: {len(withheld)} of the {len(stems)} recordings asked for have no label "
            f"(first: {withheld[0]}). Load partitions without labels on their own: "
            f"partition='test'."
        )
    return np.array(target, dtype=np.int64)
