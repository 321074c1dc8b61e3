"""A self-contained HTML page that shows and plays explanations.

In: `Explanation` objects. Out: one HTML file, by `write_report`; the command ``skheart explain``
calls it. Read `_page.py` (the data), then `page.html` and `page.css`, `data.js` (decoding, CSV),
`picture.js` and `cycle.js` (drawing), `player.js` (sound) and `card.js` (one recording). May import
what `skheart.explain` may.
"""

from ._page import write_report

__all__ = ["write_report"]
