"""Files that skheart writes: complete or not there at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import joblib

__all__ = ["check_output", "load_model", "replacing", "save_model"]


def check_output(output, source):
    """Refuse what could not be written, before hours of training."""
    path, folder = Path(output), Path(output).absolute().parent
    if path.exists() and not path.is_file():
        raise ValueError(f"{output} is not a file: give -o the name of a file to write")
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: make it, or write elsewhere")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"the folder {folder} may not be written: write elsewhere")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise ValueError(f"{output} is what is read: give -o another name")


@contextlib.contextmanager
def replacing(path, mode):
    """Open a file beside `path` that takes its place once it is complete."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, mode, **({} if "b" in mode else {"newline": "", "encoding": "utf-8"})) as f:
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
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise ValueError(
            f"{path} holds a {type(model).__name__}, not a fitted classifier: give the file that "
            "skheart train wrote"
        )
    return model
