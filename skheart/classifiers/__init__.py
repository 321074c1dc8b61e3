"""Attention classifiers for log-mel spectrograms, as scikit-learn estimators."""

from ..storage import register
from . import _storage
from ._attention import AttentionCNNClassifier, AttentionRNNClassifier
from ._base import AttentionClassifier
from ._routing import is_skorch_name
from ._skorch_net import HeartSoundNet
from ._steps import attention_mass, steps_and_classifier, transformed

__all__ = ["AttentionCNNClassifier", "AttentionRNNClassifier", "HeartSoundNet"]

for _cls in (AttentionCNNClassifier, AttentionRNNClassifier):
    register(_cls, packer=_storage)
