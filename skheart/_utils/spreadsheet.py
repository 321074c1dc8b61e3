"""Text that a spreadsheet shows instead of running it."""

__all__ = ["as_text_cell"]

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_text_cell(text):
    """Return text for a cell of a CSV file; an apostrophe is put before what looks like a formula.

    A spreadsheet runs cells that begin with =, +, -, @, a tab or a carriage return. Numbers are
    left as they are.
    """
    text = str(text)
    if not text.startswith(_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
