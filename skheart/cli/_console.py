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
    "rows_only",
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
def rows_only():
    """Yield a file for the rows on standard output, and let nothing else reach it.

    Decoders of sound files print messages into file descriptor 1; they go to standard error.
    """
    try:
        output, error = sys.stdout.fileno(), sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # replaced by an object without descriptor
        yield sys.stdout
        return
    sys.stdout.flush()
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    copy = os.dup(output)
    os.dup2(error, output)
    try:
        with open(os.dup(copy), "w", 1, encoding=encoding, errors=errors, newline="") as rows:
            yield rows
    finally:
        os.dup2(copy, output)
        os.close(copy)
