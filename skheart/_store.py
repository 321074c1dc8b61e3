"""Files that skheart writes: complete or not there at all, and in nobody's place."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import joblib

__all__ = ["check_output", "load_model", "replacing", "save_model"]

# How the files begin that the verbs write, which may be replaced, and what they are called.
MODEL = ("model", b"\x80", b"imblearn.pipeline")
PREDICTIONS = ("table of skheart predict", b"path,label,p_", b"")
REPORT = ("page of skheart explain", b"<!doctype html>", b'content="skheart report"')


def check_output(output, inputs, kind):
    """Refuse what could not be written, or what would be lost, before hours of training.

    `inputs` are the files that are read; `kind` is `MODEL`, `PREDICTIONS` or `REPORT`.
    """
    output = str(output)
    path, folder = Path(output), Path(output).absolute().parent
    if not output.strip():
        raise ValueError("-o is empty: give it the name of a file to write")
    if path.exists() and not path.is_file():
        raise ValueError(f"{output} is not a file: give -o the name of a file to write")
    if output.endswith(("/", os.sep)):
        raise ValueError(f"there is no folder {output}, and -o takes the name of a file to write")
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: make it, or write elsewhere")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder {folder} may not be written: write elsewhere")
    if not path.exists():
        return
    here = path.stat()
    if any(_is_file(source, here) for source in inputs):
        raise ValueError(f"{output} is what is read: give -o another name")
    name, start, mark = kind
    with open(path, "rb") as file:
        head = file.read(512)
    if head and not (head.startswith(start) and mark in head):
        raise ValueError(f"{output} is there already and is no {name}: give -o another name")


def _is_file(path, stat):
    try:
        return os.path.samestat(os.stat(path), stat)
    except (OSError, ValueError):  # there is none, or the name cannot be one
        return False


@contextlib.contextmanager
def replacing(path, mode):
    """Open a file beside `path` that takes its place once it is complete."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    # A file name that is not in UTF-8 is written as the bytes that it has.
    text = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    try:
        with open(part, mode, **({} if "b" in mode else text)) as f:
            yield f
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_model(pipeline, path):
    with replacing(path, "wb") as file:
        joblib.dump(pipeline, file)


def load_model(path):
    if not Path(path).is_file():
        raise ValueError(f"there is no model {path}: give the file that skheart train wrote")
    try:
        model = joblib.load(path)
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(
            f"{path} is not a model of skheart train, or it is damaged "
            f"({type(error).__name__}: {error}). Train it anew"
        ) from error
    steps = getattr(model, "named_steps", {})
    if "logmel" not in steps or "clf" not in steps:
        raise ValueError(
            f"{path} holds a {type(model).__name__}, not a pipeline with the steps logmel and "
            "clf: give the file that skheart train wrote"
        )
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise ValueError(f"{path} holds a pipeline that is not fitted: train it first")
    return model
