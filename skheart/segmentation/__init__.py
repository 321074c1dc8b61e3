"""Where S1, systole, S2 and diastole are in a recording, told from the sound.

`HeartPhaseSegmenter` learns it from annotated recordings; ``load_pretrained("circor-phases")``
gives one that has. What it returns is a table for each recording, of the form in which the data
sets of skheart bring their annotations, so that it can stand in for them wherever there are none:
in `skheart.explain.phase_enrichment` and the plots, for example. `skheart.cycles` makes features of
it.
"""

from ._labels import PHASES, phases_at
from ._segmenter import HeartPhaseSegmenter

__all__ = ["PHASES", "HeartPhaseSegmenter", "phases_at"]
