"""Names of a package whose modules are imported when they are first used."""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["lazy_names"]


def lazy_names(package, module_of):
    """Return `__getattr__` and `__dir__` of a package; `module_of` has the module of each name."""
    names = vars(sys.modules[package])

    def get(name):
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        names[name] = getattr(import_module(f"{package}.{module_of[name]}"), name)
        return names[name]

    return get, lambda: sorted({*names, *names["__all__"]})
