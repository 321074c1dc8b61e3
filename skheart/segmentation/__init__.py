"""Heart phases and the average heart cycle.

Recordings go in; tables of S1, systole, S2 and diastole (`HeartPhaseSegmenter`), or features of the
average heart cycle (`HeartCycleTransformer`), come out. The tables have the same columns as the
annotations of the data sets. ``load_pretrained("circor-phases")`` is a trained segmenter.

Read `_phases.py` (segmentation tables), `_phase_net.py` (the network), `_training.py`,
`_segmenter.py`, `_average_cycle.py` (averages over beats), `_contrasts.py` (differences between
parts), `_cycles.py` (the transformer), `_warnings.py` (recordings without a heartbeat) and
`_storage.py` (model files). This room imports `classifiers`, `augmentation`, `features`,
`pretrained`, `nets`, `storage`, `audio` and `_utils`.
"""

from ..storage import register
from . import _storage
from ._average_cycle import compute_cell_weights, count_quiet_cells
from ._cycles import HeartCycleTransformer, average_cycle, get_contrasts
from ._phases import PHASES, check_segmentation, phases_at
from ._segmenter import HeartPhaseSegmenter

__all__ = ["PHASES", "HeartCycleTransformer", "HeartPhaseSegmenter", "phases_at"]

register(HeartCycleTransformer, packer=_storage.CyclePacker)
register(HeartPhaseSegmenter, packer=_storage.SegmenterPacker)
