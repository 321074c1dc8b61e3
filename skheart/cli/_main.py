"""Run a verb and turn warnings and errors into single lines."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import warnings
from importlib import import_module

from ._arguments import make_parser, uses_pretrained
from ._console import (
    OUT_OF_MEMORY,
    complain,
    escape_unprintable,
    ran_out_of_memory,
    results_only,
    show_warning,
)

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
        interrupt (Ctrl-C), 143 after SIGTERM or SIGHUP.

    Examples
    --------
    >>> from skheart.cli import main
    >>> main(["--version"])
    skheart 0.1.0
    0
    """
    args = before = None
    with results_only(), escape_unprintable(), _end_on_signals():
        try:
            argv = sys.argv[1:] if argv is None else argv
            args = make_parser(pretrained=uses_pretrained(argv)).parse_args(argv)
            before = _state(getattr(args, "output", None))
            return run(args)
        except _Terminated:
            complain(f"terminated{_kept(args, before)}")
            return 143
        except SystemExit as end:  # from argparse, after --help and after errors
            return end.code
        except KeyboardInterrupt:
            complain(f"interrupted{_kept(args, before)}")
            return 130
        except BrokenPipeError:  # the reader has stopped, as `head` does
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as null:
                os.dup2(null.fileno(), sys.stdout.fileno())
            return 1
        except (OSError, ValueError, TypeError, ImportError, RuntimeError, MemoryError) as error:
            complain(OUT_OF_MEMORY if ran_out_of_memory(error) else error)
            return 2


class _Terminated(SystemExit):
    """Raised by SIGTERM and SIGHUP, to remove temporary files before the end."""


@contextlib.contextmanager
def _end_on_signals():
    """End by an exception on SIGTERM and SIGHUP, in the main thread.

    Signals that the program handles or ignores are left alone.
    """
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]

    def handler(number, frame):
        raise _Terminated

    for number in numbers:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _state(path):
    """Return what changes when a file is replaced, or None without a file."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        found = os.stat(path)
        return found.st_ino, found.st_mtime_ns
    return None


def _kept(args, before):
    """Say what an interrupted verb has written; `before` is the state of its output then."""
    if args is None:
        return ""
    output = getattr(args, "output", None)
    if args.verb == "fetch":
        return ". Verified files are kept"
    if args.verb == "demo":
        return f". Files in {output} are kept"
    if output is None:
        return ". Rows that were printed are complete" if args.verb == "predict" else ""
    if _state(output) != before:
        return f". {output} is complete"
    return f". {output} is as it was before" if before else f". {output} was not written"


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
