"""Where S1, systole, S2 and diastole are in a recording, told from the sound.

`HeartPhaseSegmenter` learns it from annotated recordings; ``load_pretrained("circor-phases")``
gives one that has. What it returns is a table for each recording, of the form in which the data
sets of skheart bring their annotations, so that it can stand in for them wherever there are none:
in `skheart.explain.phase_enrichment` and the plots, for example.
`HeartCycleTransformer` makes features of it.
"""

from ..storage import register
from . import _cycle_storage, _storage
from ._cycles import HeartCycleTransformer, contrasts_in, cycle_of, frames_of_cells, n_quiet_cells
from ._labels import PHASES, check_segmentation, phases_at
from ._segmenter import HeartPhaseSegmenter

__all__ = ["PHASES", "HeartCycleTransformer", "HeartPhaseSegmenter", "phases_at"]

register(HeartCycleTransformer, packer=_cycle_storage)
register(HeartPhaseSegmenter, packer=_storage)
