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
        interrupt (Ctrl-C), 143 after SIGTERM.

    Examples
    --------
    >>> from skheart.cli import main
    >>> main(["--version"])
    skheart 0.1.0
    0
    """
    with escape_unprintable(), _end_on_sigterm():
        try:
            argv = sys.argv[1:] if argv is None else argv
            return run(make_parser(pretrained=uses_pretrained(argv)).parse_args(argv))
        except _Terminated:
            complain(f"terminated. {_KEPT}")
            return 143
        except SystemExit as end:  # from argparse, after --help and after errors
            return end.code
        except KeyboardInterrupt:
            complain(f"interrupted. {_KEPT}")
            return 130
        except BrokenPipeError:  # the reader has stopped, as `head` does
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as null:
                os.dup2(null.fileno(), sys.stdout.fileno())
            return 1
        except (OSError, ValueError, TypeError, ImportError, RuntimeError, MemoryError) as error:
            complain(OUT_OF_MEMORY if ran_out_of_memory(error) else error)
            return 2


class _Terminated(SystemExit):
    """Raised by SIGTERM, to remove temporary files before the end."""


_KEPT = "Output files are complete or as they were before, and rows already printed are valid"


@contextlib.contextmanager
def _end_on_sigterm():
    """End by an exception on SIGTERM, in the main thread, unless the program handles it."""
    install = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )

    def handler(number, frame):
        raise _Terminated

    if install:
        signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        if install:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
