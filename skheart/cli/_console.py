"""What the command `skheart` says besides its results, on standard error, one line at a time."""

from __future__ import annotations

import contextlib
import sys

__all__ = [
    "about_memory",
    "complain",
    "readable",
    "reported",
    "show_warning",
    "streams_that_write_any_path",
    "tell",
]

NO_MEMORY = (
    "the memory of this machine is not enough: use fewer recordings at once, or train with a "
    "shorter --set logmel__duration=SECONDS (30 is the default) or a smaller clf__batch_size"
)
NOTHING_READ = "no recording could be read; see the reasons above"


def tell(args, message):
    """Say what was done, unless --quiet."""
    if not args.quiet:
        print(f"skheart: {message}", file=sys.stderr)


def complain(message):
    """Say what went wrong."""
    print(f"skheart: error: {one_line(message)}", file=sys.stderr)


def show_warning(message, category, filename, lineno, file=None, line=None):
    """`warnings.showwarning`, in one line."""
    print(f"skheart: warning: {one_line(message)}", file=sys.stderr)


def one_line(message):
    """A message without its line breaks."""
    return " ".join(str(message).split())


def about_memory(error):
    """Advice where memory ran out (torch says so in a RuntimeError), or None."""
    text = str(error).lower()
    ran_out = isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
    return NO_MEMORY if ran_out else None


def reported(args, paths, rows):
    """Pass on (index, ..., error) of each path, with progress; tell of every one that failed."""
    from tqdm import tqdm

    quiet = args.quiet or len(paths) == 1
    with tqdm(total=len(paths), desc="recordings", unit="", disable=quiet) as progress:
        for row in rows:
            index, error = row[0], row[-1]
            if error is not None and len(paths) == 1:
                raise error
            if error is not None:
                with tqdm.external_write_mode(file=sys.stderr):
                    complain(f"{one_line(error)} [{paths[index]} is left out]")
            yield row
            progress.update()


def readable(args, paths, rows):
    """Those of `reported` that did not fail; an error at the end if all did."""
    n_good = 0
    for row in reported(args, paths, rows):
        if row[-1] is None:
            n_good += 1
            yield row
    if not n_good:
        raise ValueError(NOTHING_READ)


@contextlib.contextmanager
def streams_that_write_any_path():
    """A path that the terminal has no letters for must not end a run: escape it."""
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
