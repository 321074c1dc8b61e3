"""Small explanations to draw, and checks of the text in a figure."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from skheart import make_heart_pipeline
from skheart.datasets import make_heart_sounds
from tests.helpers.handmade import explanation

CONTRIBUTION = np.random.default_rng(0).normal(size=(3, 10, 2))


@cache
def trained():
    """Return recordings of 2.5 to 5 s, and a pipeline fitted to 3 s of each."""
    sounds = make_heart_sounds(9, recordings_per_subject=1, duration=(2.5, 5.0), random_state=0)
    pipeline = make_heart_pipeline("cnn", random_state=0).set_params(
        logmel__duration=3, clf__channels=(4, 8), clf__max_epochs=1, clf__pool_size="fine"
    )
    return sounds, pipeline.fit(sounds.data, sounds.target)


def by_hand(**given):
    """Ten frames from 0.25 to 5.25 s, each cell of two mel bins; 5 s of sound at 100 Hz."""
    signal = np.sin(np.arange(500)).astype(np.float32)
    values = {"signal": signal, "sr": 100, "duration": 5.0, **given}
    return explanation(CONTRIBUTION, (1, 2), **values)


def table(*rows):
    return pd.DataFrame(rows, columns=["start", "end", "state"])


def seconds(lines):
    return [segment[0][0] for segment in lines.get_segments()]


STATES = table((0.5, 0.7, "S1"), (0.7, 1.2, "systole"), (1.2, 1.3, "S2"), (2.5, 2.6, "S1"))


def visible_texts(figure):
    """Return (text, box in pixels) of all visible text."""
    figure.canvas.draw()
    found = {}
    for ax in figure.axes:
        if not ax.axison:
            continue
        x, y = ax.get_window_extent().intervalx, ax.get_window_extent().intervaly
        ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()]
        axes = [axis for axis in (ax.xaxis, ax.yaxis) if not axis.get_visible()]  # of a twin
        hidden = [text for axis in axes for text in axis.findobj(Text)]
        for text in ax.findobj(Text):
            if text in hidden or not text.get_visible() or not text.get_text().strip():
                continue
            box = text.get_window_extent()
            across, up = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            inside = x[0] - 1 <= across <= x[1] + 1 or y[0] - 1 <= up <= y[1] + 1
            if inside or text not in ticks:
                found[id(text)] = text.get_text(), box
    return list(found.values())


def overlaps(figure):
    """Yield pairs of texts that overlap, and texts that stick out of the figure."""
    texts = visible_texts(figure)
    assert len(texts) > 8
    for i, (text, box) in enumerate(texts):
        if min(box.x0, box.y0) < -1 or box.x1 > figure.bbox.x1 + 1 or box.y1 > figure.bbox.y1 + 1:
            yield text, "the edge"
        for other, second in texts[:i]:
            # The outermost pixel of a box is empty.
            shared = Bbox.intersection(box, second)
            if shared is not None and min(shared.width, shared.height) > 1:
                yield text, other
