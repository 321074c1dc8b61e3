"""Load, download and generate labelled heart sound recordings.

In: the folder or table that holds recordings, or the settings of the generator. Out: a
:class:`sklearn.utils.Bunch`. The fields that all loaders share are

- `paths`, also as `data`: list of n_recordings str. Recordings are listed, not decoded; pass them
  to :class:`skheart.LogMelTransformer`. (The generator has the samples in `data` and no `paths`.)
- `target`: ndarray of shape (n_recordings,), the labels, or None without labels.
- `target_names`: list of str, the names of the classes in the order of ``classes_``.
- `groups`: ndarray of str, shape (n_recordings,), the subjects for a group-wise splitter, or None.
- `frame`: DataFrame with one row per recording and, where they are known, these columns first:
  `path`; `label`; `subject`, a person, who keeps to one side of a split; `patient`, who gets one
  prediction (a person with two visits may be two patients); `visit`; `site`, the auscultation
  site. Further columns are those of the data set.
- `segmentation`: list of n_recordings DataFrames with `start` and `end` (s) and `state` ("S1",
  "systole", "S2", "diastole"), or None for recordings without a segmentation.
- `sr`: int, the published sampling rate in Hz (absent for a table).
- `DESCR`: str, a description with licence, citation and known problems.

All tables are read by one reader: UTF-8, rows of empty cells ignored, contradictory rows an error
with both lines, repeated rows read once or warned about. "NA", "nan", "None", "?" and similar words
are missing values, never a label or a subject. :class:`skheart.audio.RecordingWarning` tells of
recordings in a folder that are left out, because the table does not list them or in favour of
another format.

Files in reading order: `_files` (folders and paths), `_read_table` (CSV), `_table_checks`,
`_skipped`, `_scan` (what is in a folder), `_recording_list`, `_table`, `_folder`, `_hss`,
`_segmentation`, `_circor_split`, `_circor`, `_physionet2016`, `_descr` (the texts), `_download`,
`_fetch`, `_synthesis`, `_synthetic`. May import: `_utils` and `audio`. Nothing is imported before
it is used.
"""

from .._utils.lazy import lazy_names

_MODULE_OF = {
    "FetchError": "_download",
    "LeakageWarning": "_files",
    "fetch_circor": "_fetch",
    "fetch_physionet2016": "_fetch",
    "list_recordings": "_recording_list",
    "load_folder": "_folder",
    "load_circor": "_circor",
    "load_hss": "_hss",
    "load_physionet2016": "_physionet2016",
    "load_table": "_table",
    "make_heart_sounds": "_synthetic",
    # For other rooms of skheart.
    "NA_VALUES": "_table_checks",
    "TABLE_SUFFIXES": "_files",
    "check_filled": "_table_checks",
    "collect_recordings": "_recording_list",
    "describe_hidden": "_scan",
    "read_table": "_read_table",
    "read_text": "_read_table",
    "resolve_path": "_files",
}

__all__ = [
    "FetchError",
    "LeakageWarning",
    "fetch_circor",
    "fetch_physionet2016",
    "list_recordings",
    "load_circor",
    "load_folder",
    "load_hss",
    "load_physionet2016",
    "load_table",
    "make_heart_sounds",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
