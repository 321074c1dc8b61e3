"""Messages of the command on standard error, each in one line."""

from __future__ import annotations

import contextlib
import os
import sys

__all__ = [
    "OUT_OF_MEMORY",
    "complain",
    "escape_unprintable",
    "ran_out_of_memory",
    "readable",
    "results_only",
    "show_warning",
    "tell",
]

OUT_OF_MEMORY = (
    "there is not enough memory. Use fewer recordings at once, or train with a shorter "
    "--set logmel__duration=SECONDS (the default is 30) or a smaller clf__batch_size"
)


def tell(args, message):
    """Report a result, unless --quiet is given."""
    if not args.quiet:
        print(f"skheart: {message}", file=sys.stderr)


def complain(message):
    """Report an error."""
    print(f"skheart: error: {_one_line(message)}", file=sys.stderr)


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Report a warning, in place of `warnings.showwarning`."""
    print(f"skheart: warning: {_one_line(message)}", file=sys.stderr)


def _one_line(message):
    return " ".join(str(message).split())


def ran_out_of_memory(error):
    """Return whether an error says that memory ran out."""
    torch = sys.modules.get("torch")  # whose error can only be raised if it is imported
    kinds = (MemoryError,) if torch is None else (MemoryError, torch.cuda.OutOfMemoryError)
    return isinstance(error, kinds)


def readable(args, paths, rows, failed):
    """Yield (index, ...) of the rows (index, ..., error) without an error, with progress.

    The others are reported, and their indices appended to `failed`. Raises the error of a single
    recording, and ValueError if no recording could be read.
    """
    from tqdm import tqdm

    from .._utils.parallel import progress

    with progress(len(paths), "recordings", not args.quiet and len(paths) > 1) as advance:
        for index, *values, error in rows:
            if error is None:
                yield index, *values
            elif len(paths) == 1:
                raise error
            else:
                failed.append(index)
                with tqdm.external_write_mode(file=sys.stderr):
                    complain(f"{_one_line(error)} [{paths[index]} is left out]")
            advance(1)
    if len(failed) == len(paths):
        raise ValueError("no recording could be read; the reasons are above")


@contextlib.contextmanager
def escape_unprintable():
    """Escape characters that the terminal cannot show instead of failing."""
    before = []
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            before.append((stream, stream.errors))
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in before:
            with contextlib.suppress(OSError, ValueError):  # a closed pipe
                stream.reconfigure(errors=errors)


@contextlib.contextmanager
def results_only():
    """Let nothing but what the command prints reach standard output.

    Libraries in C print into file descriptor 1, as libsndfile does for damaged SDS files. In this
    block their messages go to standard error.
    """
    stream = sys.stdout
    try:
        output, error = stream.fileno(), sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # no file, or closed
        output = None
    if output is None or stream is not sys.__stdout__:  # replaced by the calling program
        yield
        return
    stream.flush()
    copy = os.dup(output)
    os.dup2(error, output)
    settings = {"encoding": stream.encoding, "errors": stream.errors, "newline": ""}
    sys.stdout = open(copy, "w", 1, **settings)  # noqa: SIM115, it is closed below
    try:
        yield
    finally:
        results, sys.stdout = sys.stdout, stream
        _flush_c_streams()
        with contextlib.suppress(OSError):  # a full disk, which has been reported
            results.flush()
        os.dup2(copy, output)
        with contextlib.suppress(OSError):
            results.close()


def _flush_c_streams():
    """Write what C libraries have printed into buffers, which would be written at the end."""
    if "soundfile" in sys.modules:  # nothing else prints
        import ctypes

        with contextlib.suppress(OSError, AttributeError, TypeError):  # TypeError: on Windows
            ctypes.CDLL(None).fflush(None)
