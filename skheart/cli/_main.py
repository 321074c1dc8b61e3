"""Run a verb and turn warnings and errors into single lines."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from importlib import import_module

from ._arguments import make_parser, uses_pretrained
from ._console import OUT_OF_MEMORY, complain, escape_unprintable, ran_out_of_memory, show_warning

__all__ = ["main"]


def main(argv=None):
    """Run the command `skheart`.

    Results go to standard output; progress, warnings and errors go to standard error.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments. None takes those of the process.

    Returns
    -------
    status : int
        0 after success, 1 if some recordings could not be read, 2 after an error, 130 after an
        interrupt.

    Examples
    --------
    >>> from skheart.cli import main
    >>> main(["--version"])
    skheart 0.1.0
    0
    """
    with escape_unprintable():
        try:
            argv = sys.argv[1:] if argv is None else argv
            return run(make_parser(pretrained=uses_pretrained(argv)).parse_args(argv))
        except SystemExit as end:  # from argparse, after --help and after errors
            return end.code
        except KeyboardInterrupt:
            complain("interrupted")
            return 130
        except BrokenPipeError:  # the reader has stopped, as `head` does
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as null:
                os.dup2(null.fileno(), sys.stdout.fileno())
            return 1
        except (OSError, ValueError, TypeError, ImportError, RuntimeError, MemoryError) as error:
            complain(OUT_OF_MEMORY if ran_out_of_memory(error) else error)
            return 2


def run(args):
    """Run the verb and return its status."""
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        if args.quiet:
            from ..datasets import LeakageWarning

            warnings.simplefilter("ignore")
            warnings.simplefilter("always", LeakageWarning)
        verb = import_module(f"._{args.verb}", __package__)
        status = getattr(verb, args.verb)(args)
    sys.stdout.flush()
    return status or 0
