"""Docstrings list every parameter and fitted attribute, and nothing else."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNet

import skheart
from tests.helpers.phases import fitted_segmenter

PACKAGE = Path(skheart.__file__).parent
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
]
PUBLIC_MODULES = [name for name in MODULES if "._" not in name and name != "skheart"]


def sections(text):
    """Split a numpydoc docstring into {title: lines}; the summary has the title ""."""
    lines = inspect.cleandoc(text or "").splitlines()
    found, title = {"": []}, ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line and set(following) == {"-"} and len(following) == len(line):
            title = line
            found[title] = []
        elif not (title and set(line) == {"-"}):
            found[title].append(line)
    return found


def entries(lines):
    """Parse a section such as Parameters into {name: (type, text)}."""
    found = {}
    for line in lines:
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            current = [name.strip().lstrip("*") for name in names.split(",")]
            found.update(dict.fromkeys(current, (kind, "")))
        elif line:
            found.update({n: (found[n][0], f"{found[n][1]} {line.strip()}") for n in current})
    return found


def public_objects():
    """Return (name, object) of every public class and function, once each.

    Public means listed in `__all__`, or defined in a module without such a list. Left out are
    named tuples, skorch nets and classes that inherit their constructor and document no parameters.
    """
    found = {}
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", [n for n in vars(module) if n[0] != "_"]):
            value = getattr(module, name)
            home = getattr(value, "__module__", "")
            ours = inspect.isfunction(value)
            if inspect.isclass(value):
                ours = "__init__" in vars(value) or "Parameters\n" in value.__doc__
                ours = ours and not issubclass(value, NeuralNet)
            listed = hasattr(module, "__all__") or home == module_name
            if ours and listed and home.startswith("skheart"):
                found.setdefault(f"{home}.{value.__qualname__}", value)
    return sorted(found.items())


def documented_callables():
    """Yield public functions, classes, and methods that our estimators define."""
    for name, value in public_objects():
        yield name, value
        if inspect.isclass(value) and issubclass(value, BaseEstimator):
            for method_name, method in vars(value).items():
                if not method_name.startswith("_") and inspect.isfunction(method):
                    yield f"{name}.{method_name}", method


CALLABLES = dict(documented_callables())
CLASSES = {name: value for name, value in public_objects() if inspect.isclass(value)}
# A class without `fit` only holds parameters.
ESTIMATORS = {
    name: value
    for name, value in CLASSES.items()
    if issubclass(value, BaseEstimator) and hasattr(value, "fit")
}


def parameters_of(value):
    parameters = inspect.signature(value).parameters
    return {name: p for name, p in parameters.items() if name != "self"}


def test_the_collection_is_not_empty():
    assert {name.rpartition(".")[2] for name in ESTIMATORS} >= {
        "LogMelTransformer",
        "RandomOverSampler",
        "AttentionCNNClassifier",
        "AttentionRNNClassifier",
    }
    names = {name.rpartition(".")[2] for name in CALLABLES}
    assert names >= {"uar", "bootstrap_interval", "make_heart_pipeline", "make_heart_sounds"}
    assert names >= {"load_circor", "load_table", "fetch_circor", "read_recording", "AttentionCNN"}
    assert len(CALLABLES) > 30


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_summary(name):
    first = (importlib.import_module(name).__doc__ or "").splitlines()[0]
    assert first.endswith("."), name


@pytest.mark.parametrize("name", CALLABLES)
def test_the_summary_is_one_sentence_on_one_line(name):
    summary, *rest = sections(CALLABLES[name].__doc__)[""]
    assert summary.endswith((".", ":"))
    assert not rest or rest[0] == ""


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_is_documented_in_order(name):
    value = CALLABLES[name]
    documented = entries(sections(value.__doc__).get("Parameters", []))
    expected = parameters_of(value)
    assert list(documented) == list(expected)
    for parameter, (kind, text) in documented.items():
        assert text, f"{parameter} is not explained"
        assert kind, f"{parameter} has no type"


@pytest.mark.parametrize("name", CALLABLES)
def test_the_documented_default_is_the_default(name):
    value = CALLABLES[name]
    documented = entries(sections(value.__doc__).get("Parameters", []))
    for parameter, (kind, _) in documented.items():
        default = parameters_of(value)[parameter].default
        stated = re.search(r"default=(.+)$", kind)
        if default is inspect.Parameter.empty:
            assert not stated, f"{parameter} has no default"
        elif kind not in ("None", "Ignored"):  # y of a transformer
            assert stated, f"the default of {parameter} is {default!r}"
            words = stated.group(1).replace("`", "")
            assert words in (repr(default), repr(default).replace("'", '"')) or (
                isinstance(default, float) and float(words) == default
            ), f"the default of {parameter} is {default!r}, not {words}"


@pytest.mark.parametrize("name", CALLABLES)
def test_return_values_are_documented(name):
    value = CALLABLES[name]
    if inspect.isclass(value):
        return
    source = inspect.getsource(value)
    if re.search(r"^\s+return \S", source, re.MULTILINE):
        assert "Returns" in sections(value.__doc__)
    if re.search(r"^\s+yield\b", source, re.MULTILINE) and "contextmanager" not in source:
        assert "Yields" in sections(value.__doc__)


@pytest.mark.parametrize("name", dict(public_objects()))
def test_every_public_name_has_an_example(name):
    examples = doctest.DocTestParser().get_examples(CALLABLES[name].__doc__)
    assert examples, f"{name} has no Examples"


# ---------------------------------------------------------------------- attributes


def new(cls):
    """Construct a class; a meta-estimator gets a dummy classifier."""
    needed = inspect.signature(cls).parameters.get("estimator")
    needs_one = needed is not None and needed.default is needed.empty
    return cls(DummyClassifier()) if needs_one else cls()


def fitted(cls):
    """Fit an estimator of a class on small data."""
    rng = np.random.default_rng(0)
    small = {"channels": (4,), "units": (4,), "max_epochs": 1, "random_state": 0}
    small |= {"sr": 1000, "duration": 1.0, "n_mels": 8}
    names = new(cls).get_params()
    if cls.__name__ in ("HeartPhaseSegmenter", "HeartCycleTransformer"):
        sounds, segmenter = fitted_segmenter(width=4, max_epochs=1)
        if "width" in names:
            return segmenter
        return cls(FrozenEstimator(segmenter)).fit(sounds.data)
    if "channels" in names or "units" in names:
        del small["n_mels"]
        X, y = rng.normal(size=(20, 8, 8)).astype(np.float32), np.arange(20) % 2
    elif "sr" in names and "estimator" not in names:
        X, y = rng.normal(size=(20, 1000)), None
    else:
        X, y = rng.normal(size=(20, 8)), np.arange(20) % 3 // 2
    estimator = new(cls).set_params(**{n: v for n, v in small.items() if n in names})
    if hasattr(estimator, "fit_resample"):
        estimator.fit_resample(X, y)
        return estimator
    return estimator.fit(X, y)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fitted_attributes_are_the_documented_ones(name):
    estimator = fitted(ESTIMATORS[name])
    documented = entries(sections(estimator.__doc__)["Attributes"])
    rule = re.compile("only w(here|hen)", re.IGNORECASE)
    conditional = {n for n, (_, text) in documented.items() if rule.search(text)}
    for attribute in documented.keys() - conditional:
        assert hasattr(estimator, attribute), f"{attribute} is documented but missing"
    fitted_names = {n for n in vars(estimator) if n.endswith("_") and not n.startswith("_")}
    assert fitted_names <= documented.keys()
    for attribute, (kind, text) in documented.items():
        assert kind, f"{attribute} has no type"
        assert text, f"{attribute} is not explained"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_unfitted_estimators_have_no_fitted_attributes(name):
    estimator = new(ESTIMATORS[name])
    for attribute in entries(sections(estimator.__doc__)["Attributes"]):
        assert not hasattr(estimator, attribute), attribute


def test_fields_of_named_tuples_are_documented():
    from skheart.metrics import Interval, PairedTest
    from skheart.nets import AttentionMaps

    for cls in (Interval, PairedTest, AttentionMaps):
        documented = entries(sections(cls.__doc__)["Attributes"])
        assert list(documented) == list(cls._fields)
        assert all(text for _, text in documented.values())
