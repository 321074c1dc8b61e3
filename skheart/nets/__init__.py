"""The networks of the paper in plain torch: tensors in, logits and maps out."""

from ._device import noticing_ctrl_c, resolve_device, torch_settings, uses_bfloat16
from ._heads import AttentionMaps, AttentionPooling
from ._modules import CNN_HEADS, RNN_HEADS, AttentionCNN, AttentionRNN
from ._padding import n_frames_of, trimmed

__all__ = ["AttentionCNN", "AttentionMaps", "AttentionPooling", "AttentionRNN"]
