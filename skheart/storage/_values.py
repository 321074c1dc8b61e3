"""Values to JSON and arrays to tensors, and back, for a closed list of kinds."""

from __future__ import annotations

import math
import re
import sys
from collections import OrderedDict
from importlib import import_module

import numpy as np
from sklearn.base import BaseEstimator

from ._checks import USE_JOBLIB, InvalidModel, is_count
from ._estimators import pack_estimator, unpack_estimator
from ._registry import named_tuple, named_tuple_name

__all__ = ["Packer", "Unpacker"]

MAX_MADE = 2**24  # numbers per model that are computed when loading, to limit memory
MAX_DEPTH = 60  # of nested values; no storable estimator has more than 20
MAX_TEXT = 2**22  # characters of a string array, with padding
MAX_KEYS = 1000  # of a dict: keys can be chosen so that each insertion visits all others
NUMBERS = ("bool", "float16", "float32", "float64")
NUMBERS += tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
# Classes that may be the value of a parameter, and their modules. No others are looked up.
TORCH_CLASSES = dict.fromkeys(
    ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD"),
    "torch.optim",
)
TORCH_CLASSES["CrossEntropyLoss"] = "torch.nn"


class Packer:
    """Convert values to JSON and collect arrays in `tensors`, by their place in the model."""

    def __init__(self):
        self.tensors = {}
        self.n_pipelines = 0  # around the current value
        self._made = 0

    def may_make(self, n):
        """Return whether n numbers may be left out, to be computed by `load`."""
        if self._made + n > MAX_MADE:
            return False
        self._made += n
        return True

    def pack(self, value, where, depth=0):
        """Return a value as JSON; `where` is the Python expression for its place in the model."""
        kind = type(value)
        if depth > MAX_DEPTH:
            raise ValueError(
                f"{where[:80]}... is nested too deeply to be stored. Does it contain itself?"
            )
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            if abs(value) >= 2**64:
                raise ValueError(f"{where}={value:.3e} is too large to be stored (64 bits).")
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind in (list, tuple):
            items = [self.pack(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
            return items if kind is list else {"tuple": items}
        if kind in (dict, OrderedDict):
            if len(value) > MAX_KEYS:
                raise ValueError(f"{where} has {len(value)} keys; at most {MAX_KEYS} are stored.")
            pairs = [
                [self.pack(k, where, depth + 1), self.pack(v, f"{where}[{k!r}]", depth + 1)]
                for k, v in value.items()
            ]
            return {"dict" if kind is dict else "ordered_dict": pairs}
        if kind is np.ndarray:
            return {"array": self._pack_array(value, where, depth)}
        if isinstance(value, BaseEstimator):
            return {"estimator": pack_estimator(self, value, where, depth)}
        if isinstance(value, tuple) and named_tuple_name(kind):
            return {"named_tuple": [kind.__name__, self.pack(list(value), where, depth + 1)]}
        packed = _pack_small(value)
        if packed is None:
            raise TypeError(
                f"{where} is {_describe(value)}, which cannot be stored. {_remedy(value)}"
            )
        return packed

    def _pack_array(self, array, where, depth):
        if array.dtype.name in NUMBERS:
            order = "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"
            return {"tensor": self.put(where, array), "order": order}
        if array.dtype.kind not in "OU":
            raise TypeError(
                f"{where} is an array of {array.dtype}, which cannot be stored. Use numbers (of at "
                f"most 64 bits), strings or objects. {_remedy(array)}"
            )
        if array.dtype.kind == "U" and array.size * array.dtype.itemsize > 4 * MAX_TEXT:
            raise ValueError(f"{where} has more than {MAX_TEXT} characters, too many to store.")
        items = array.ravel().tolist()
        items = [self.pack(v, f"{where}.flat[{i}]", depth + 1) for i, v in enumerate(items)]
        dtype = "object" if array.dtype.kind == "O" else f"U{array.dtype.itemsize // 4}"
        return {"dtype": dtype, "shape": list(array.shape), "items": items}

    def put(self, where, array):
        """Add an array of numbers to the tensors and return its name."""
        name = where.removeprefix("model.")
        while name in self.tensors:  # keys of a dict with the same repr
            name += "'"
        # safetensors writes the buffer as it is, whatever its order is.
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        self.tensors[name] = native if native.flags.c_contiguous else native.copy(order="C")
        return name


def _pack_small(value):
    """Return NumPy scalars, types and devices as JSON, and None for other values."""
    if isinstance(value, np.str_):
        return {"scalar": ["str", str(value)]}
    if isinstance(value, np.generic) and value.dtype.name in NUMBERS:
        plain = value.item()
        plain = plain if not isinstance(plain, float) or math.isfinite(plain) else repr(plain)
        return {"scalar": [value.dtype.name, plain]}
    if isinstance(value, np.dtype) and value.name in NUMBERS:
        return {"dtype": value.name}
    if isinstance(value, type):
        if issubclass(value, np.generic) and value.__name__.rstrip("_") in NUMBERS:
            return {"numpy_class": value.__name__.rstrip("_")}
        if _is_listed(TORCH_CLASSES, value):
            return {"torch_class": value.__name__}
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.device):
        return {"torch_device": str(value)}
    return None


def _is_listed(classes, cls):
    """Return whether a class is in a list; its module must be imported already."""
    home = sys.modules.get(classes.get(cls.__name__))
    return getattr(home, cls.__name__, None) is cls


def _describe(value):
    if isinstance(value, type) or callable(value):
        return f"the class or function {getattr(value, '__qualname__', value)}"
    return f"of the type {type(value).__module__}.{type(value).__qualname__}"


def _remedy(value):
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        return "Only a new fit needs it. Set it to an int or None with set_params, then save."
    return f"Remove it. {USE_JOBLIB}"


class Unpacker:
    """Convert JSON and tensors to values; refuse anything that `Packer` does not write."""

    def __init__(self, tensors):
        self._tensors = tensors
        self._unused = set(tensors)
        self.n_pipelines = 0  # around the current value
        self._made = 0

    def make(self, n, where):
        """Raise if more than `MAX_MADE` numbers would be computed for this file."""
        self._made += n
        if self._made > MAX_MADE:
            raise InvalidModel(f"{where} would need more than {MAX_MADE} computed numbers")

    def unpack(self, packed, where, depth=0):
        """Return a value of the model; `where` is its place, for messages."""
        if depth > MAX_DEPTH:
            raise InvalidModel(f"{where[:80]}... is nested more deeply than any model")
        if packed is None or type(packed) in (bool, int, float, str):
            return packed
        if type(packed) is list:
            return [self.unpack(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(packed)]
        (kind, content), *more = packed.items() if packed else [(None, None)]
        unpack = getattr(self, f"_unpack_{kind}", None)
        if more or unpack is None:
            raise InvalidModel(f"{where} is of an unknown kind: {str(sorted(packed)[:3])[:80]}")
        return unpack(content, where, depth)

    def take(self, name, where):
        """Return a tensor by its name, each one once."""
        if type(name) is not str or name not in self._tensors:
            raise InvalidModel(f"the tensor of {where} is missing: {str(name)[:80]!r}")
        if name not in self._unused:
            raise InvalidModel(f"the tensor {name!r} is used twice")
        self._unused.remove(name)
        return self._tensors[name]

    def check_all_taken(self):
        """Raise if the file has tensors that the model does not use."""
        if self._unused:
            raise InvalidModel(
                f"{len(self._unused)} tensors are not used, such as {min(self._unused)[:80]!r}"
            )

    def _unpack_float(self, text, where, depth):
        return _parse_nonfinite(text, where)

    def _unpack_tuple(self, items, where, depth):
        return tuple(self.unpack(_list(items, where), where, depth))

    def _unpack_named_tuple(self, content, where, depth):
        name, items = _list(content, where, length=2)
        cls = named_tuple(name)
        if cls is None:
            raise InvalidModel(f"{where} is an unknown named tuple: {str(name)[:80]!r}")
        missing = len(cls._fields) - len(_list(items, where))
        if not 0 <= missing <= len(cls._field_defaults):  # older files lack fields with defaults
            _list(items, where, length=len(cls._fields))
        return cls(*self.unpack(items, where, depth + 1))

    def _unpack_dict(self, pairs, where, depth):
        made = {}
        if len(_list(pairs, where)) > MAX_KEYS:
            raise InvalidModel(f"{where} has {len(pairs)} keys, and at most {MAX_KEYS} are loaded")
        for pair in pairs:
            key, value = _list(pair, where, length=2)
            key = self.unpack(key, where, depth + 1)
            try:
                hash(key)
            except TypeError:
                raise InvalidModel(f"{where} has a key that is not hashable") from None
            if key in made:
                raise InvalidModel(f"{where} has a duplicate key")
            made[key] = self.unpack(value, f"{where}[{key!r:.40}]", depth + 1)
        return made

    def _unpack_ordered_dict(self, pairs, where, depth):
        return OrderedDict(self._unpack_dict(pairs, where, depth))

    def _unpack_scalar(self, content, where, depth):
        name, value = _list(content, where, length=2)
        if name == "str" and type(value) is str:
            return np.str_(value)
        kind = np.dtype(_number_type(name, where))
        if kind.kind == "f" and type(value) is str:
            value = _parse_nonfinite(value, where)
        fits = {"b": bool, "i": int, "u": int, "f": float}[kind.kind]
        if type(value) is not fits or not _in_range(value, kind):
            raise InvalidModel(f"{where} is not a valid {name}: {str(value)[:80]}")
        return kind.type(value)

    def _unpack_array(self, content, where, depth):
        if type(content) is dict and set(content) == {"tensor", "order"}:
            array = self.take(content["tensor"], where)
            if content["order"] not in ("C", "F"):
                raise InvalidModel(f"{where} has an order that is neither C nor F")
            return np.asfortranarray(array) if content["order"] == "F" else array
        if type(content) is not dict or set(content) != {"dtype", "shape", "items"}:
            raise InvalidModel(f"{where} is an array without dtype, shape or items")
        dtype, shape = content["dtype"], _list(content["shape"], where)
        items = _list(content["items"], where)
        if not all(map(is_count, shape)) or len(shape) > 32 or math.prod(shape) != len(items):
            raise InvalidModel(f"{where} has {len(items)} items, which do not fit its shape")
        if dtype == "object":
            flat = np.empty(len(items), object)
            for i, item in enumerate(items):
                flat[i] = self.unpack(item, f"{where}.flat[{i}]", depth + 1)
            return flat.reshape(shape)
        if type(dtype) is not str or not re.fullmatch(r"U[0-9]{1,7}", dtype):
            raise InvalidModel(f"{where} is an array of an unknown type: {str(dtype)[:80]}")
        width = int(dtype[1:])
        if width * len(items) > MAX_TEXT or any(
            type(item) is not str or len(item) > width for item in items
        ):
            raise InvalidModel(f"{where} has items that are not of its type {dtype}")
        return np.array(items, dtype=dtype).reshape(shape)

    def _unpack_dtype(self, name, where, depth):
        return np.dtype(_number_type(name, where))

    def _unpack_numpy_class(self, name, where, depth):
        return np.dtype(_number_type(name, where)).type

    def _unpack_torch_class(self, name, where, depth):
        if type(name) is not str or name not in TORCH_CLASSES:
            raise InvalidModel(f"{where} names an unknown class: {str(name)[:80]!r}")
        return getattr(import_module(TORCH_CLASSES[name]), name)

    def _unpack_torch_device(self, name, where, depth):
        import torch

        try:
            return torch.device(_text(name, where))
        except RuntimeError:
            raise InvalidModel(f"{where} is not a device of torch: {name[:80]!r}") from None

    def _unpack_estimator(self, content, where, depth):
        return unpack_estimator(self, content, where, depth)


def _in_range(value, dtype):
    if dtype.kind not in "iu":
        return True
    return np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def _parse_nonfinite(text, where):
    if text not in ("nan", "inf", "-inf"):
        raise InvalidModel(f"{where} is not a number: {str(text)[:80]!r}")
    return float(text)


def _number_type(name, where):
    if name not in NUMBERS:
        raise InvalidModel(f"{where} has an unknown type: {str(name)[:80]!r}")
    return name


def _text(value, where):
    if type(value) is not str:
        raise InvalidModel(f"{where} is not a string")
    return value


def _list(value, where, length=None):
    if type(value) is not list or (length is not None and len(value) != length):
        raise InvalidModel(f"{where} is not a list" + (f" of {length}" if length else ""))
    return value
