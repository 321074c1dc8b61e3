"""A page that shows, plays and tells why a model answered as it did.

``write_report(explanations, "report.html")`` writes one file that opens from disk in any browser,
without a network. The command ``skheart explain`` calls it.
"""

from ._page import write_report

__all__ = ["write_report"]
