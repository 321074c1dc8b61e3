"""The command `skheart`: words in, calls into the package out."""

from ._main import main

__all__ = ["main"]
