"""Features: recordings in, log-mel spectrograms of shape (n, n_frames, n_mels) out.

Files: `_transformer` (`LogMelTransformer`), `_settings` (checked parameters, window, mel filters),
`_logmel` (the computation), `_storage` (model files).
Imports `_utils`, `_cpu`, `audio`, `storage`.
"""

from ..storage import register
from . import _storage
from ._settings import make_plan
from ._transformer import LogMelTransformer

__all__ = ["LogMelTransformer"]

register(LogMelTransformer, packer=_storage)
