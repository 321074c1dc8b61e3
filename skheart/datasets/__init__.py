"""Heart sounds to work with: loaders, fetchers and a generator.

Every loader returns a :class:`sklearn.utils.Bunch` whose `paths` (also as `data`) go straight into
:class:`skheart.LogMelTransformer`, whose `target` goes into ``fit``, and whose `groups` (one
subject per recording) go into a group-wise splitter. Nothing is imported before it is used.
"""

from importlib import import_module

_MODULE_OF = {
    "fetch_circor": "_fetch",
    "fetch_physionet2016": "_fetch",
    "list_recordings": "_files",
    "load_circor": "_circor",
    "load_hss": "_hss",
    "load_physionet2016": "_physionet2016",
    "load_table": "_table",
    "make_heart_sounds": "_synthetic",
    "TABLE_SUFFIXES": "_files",
    "joined": "_files",
    "read_table": "_table",
}

__all__ = [
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
