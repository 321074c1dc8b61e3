"""Attention classifiers as scikit-learn estimators.

Log-mel spectrograms ``(n, n_frames, n_mels)`` go in, labels and probabilities come out.

Read `_attention.py` (the two classifiers), `_base.py` (fit and predict), `_inputs.py` (checks of
X), `_rows.py` (reading batches), `_skorch_net.py` (the skorch net), `_callbacks.py` (early stopping
and schedules), `_skorch_params.py` (names of skorch parameters), `_pipeline_steps.py` (classifiers
inside pipelines) and `_storage.py` (model files). This room imports `augmentation`, `nets`,
`metrics`, `storage`, `_cpu` and `_utils`.
"""

import sys

if sys.flags.optimize > 1 and "skorch" not in sys.modules:
    raise ImportError(
        "skheart's classifiers need skorch, which cannot be imported without docstrings (python "
        "-OO or PYTHONOPTIMIZE=2). Use python -O or PYTHONOPTIMIZE=1."
    )

from ..storage import register
from . import _storage
from ._attention import AttentionCNNClassifier, AttentionRNNClassifier
from ._base import AttentionClassifier
from ._inference import check_logits
from ._pipeline_steps import attention_mass, steps_and_classifier, transformed
from ._skorch_net import HeartSoundNet
from ._skorch_params import is_skorch_name

__all__ = ["AttentionCNNClassifier", "AttentionRNNClassifier", "HeartSoundNet"]

for _cls in (AttentionCNNClassifier, AttentionRNNClassifier):
    register(_cls, packer=_storage)
