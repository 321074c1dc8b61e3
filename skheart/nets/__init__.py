"""The paper's networks in plain torch.

Log-mel spectrograms ``(n, n_frames, n_mels)`` go in; logits ``(n, n_classes)``, or the maps behind
them (`AttentionMaps`), come out. With the attention head, the logit of a class is the sum of its
contribution map.

Read `_modules.py` (the networks), `_heads.py` (attention pooling and the heads without attention),
`_gru.py` (a GRU in bfloat16), `_padding.py` (recordings of different lengths in one batch) and
`_device.py` (device, threads, seeds). This room imports torch, `_cpu` and `_utils`.
"""

from ._device import (
    detect_ctrl_c,
    let_others_predict,
    resolve_device,
    torch_settings,
    uses_bfloat16,
)
from ._heads import AttentionMaps, AttentionPooling
from ._modules import CNN_HEADS, RNN_HEADS, AttentionCNN, AttentionRNN
from ._padding import count_valid_frames, crop_padding

__all__ = ["AttentionCNN", "AttentionMaps", "AttentionPooling", "AttentionRNN"]
