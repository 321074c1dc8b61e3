"""Load, download and generate labelled heart sound recordings.

In: the folder or table that holds recordings, or the settings of the generator. Out: a
:class:`sklearn.utils.Bunch`. The fields that all loaders share are

- `paths`, also as `data`: list of n_recordings str. Recordings are listed, not decoded; pass them
  to :class:`skheart.LogMelTransformer`. (The generator has the samples in `data` and no `paths`.)
- `target`: ndarray of shape (n_recordings,), the labels, or None without labels.
- `target_names`: list of str, the names of the classes in the order of ``classes_``.
- `groups`: ndarray of str, shape (n_recordings,), the subjects for a group-wise splitter, or None.
- `frame`: DataFrame with one row per recording: `path`, `label`, `subject` and further columns.
- `segmentation`: list of n_recordings DataFrames with `start` and `end` (s) and `state` ("S1",
  "systole", "S2", "diastole"), or None for recordings without a segmentation.
- `sr`: int, the published sampling rate in Hz (absent for a table).
- `DESCR`: str, a description with licence, citation and known problems.

Files in reading order: `_files` (folders and paths), `_read_table` (CSV), `_recording_list`,
`_table`, `_hss`, `_circor_split`, `_circor`, `_physionet2016`, `_descr` (the texts), `_download`,
`_fetch`, `_synthesis`, `_synthetic`. May import: `_utils` and `audio`. Nothing is imported before
it is used.
"""

from importlib import import_module

_MODULE_OF = {
    "FetchError": "_download",
    "LeakageWarning": "_files",
    "fetch_circor": "_fetch",
    "fetch_physionet2016": "_fetch",
    "list_recordings": "_recording_list",
    "load_circor": "_circor",
    "load_hss": "_hss",
    "load_physionet2016": "_physionet2016",
    "load_table": "_table",
    "make_heart_sounds": "_synthetic",
    # For other rooms of skheart.
    "TABLE_SUFFIXES": "_files",
    "read_table": "_read_table",
    "resolve_path": "_files",
}

__all__ = [
    "FetchError",
    "LeakageWarning",
    "fetch_circor",
    "fetch_physionet2016",
    "list_recordings",
    "load_circor",
    "load_hss",
    "load_physionet2016",
    "load_table",
    "make_heart_sounds",
]


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
