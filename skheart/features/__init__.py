"""Log-mel features: samples in, (n, n_frames, n_mels) out."""

from ..storage import register
from . import _storage
from ._logmel import make_plan
from ._transformer import LogMelTransformer

__all__ = ["LogMelTransformer"]

register(LogMelTransformer, packer=_storage)
