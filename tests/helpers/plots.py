"""Small explanations to draw, and what is written in a figure."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.text import Text

from skheart import make_heart_pipeline
from skheart.datasets import make_heart_sounds
from tests.helpers.handmade import explanation

CONTRIBUTION = np.random.default_rng(0).normal(size=(3, 10, 2))


@cache
def trained():
    """Recordings of 2.5 to 5 s and a pipeline that takes 3 s of them, fitted for all tests."""
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
    """(text, box in pixels) of all that is written."""
    figure.canvas.draw()
    found = {}
    for ax in figure.axes:
        ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()] if ax.axison else []
        x, y = ax.get_window_extent().intervalx, ax.get_window_extent().intervaly
        hidden = [
            text
            for axis in (ax.xaxis, ax.yaxis)
            if not axis.get_visible()
            for text in axis.findobj(Text)
        ]  # of a twin
        for text in ax.findobj(Text) if ax.axison else ():
            box = text.get_window_extent()
            if text in hidden or not text.get_visible() or not text.get_text().strip():
                continue
            middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            along = [(x[0] - 1 <= middle[0] <= x[1] + 1), (y[0] - 1 <= middle[1] <= y[1] + 1)]
            if text in ticks and not any(along):
                continue
            found[id(text)] = text.get_text(), box
    return list(found.values())


def overlaps(figure):
    """Pairs of texts that overlap, and texts that stick out of the figure."""
    texts = visible_texts(figure)
    assert len(texts) > 8
    for i, (text, box) in enumerate(texts):
        if not (box.x0 >= -1 and box.y0 >= -1):
            yield text, "the edge"
        if not (box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1):
            yield text, "the edge"
        for other, second in texts[:i]:
            # A pixel of the boxes is empty.
            if (
                min(box.x1, second.x1) - max(box.x0, second.x0) > 1
                and min(box.y1, second.y1) - max(box.y0, second.y0) > 1
            ):
                yield text, other
