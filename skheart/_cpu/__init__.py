"""Faster forms of some computations on the CPU; without them everything works, only slower.

Samples or tensors go in; the mel spectrogram, or the output of a convolutional layer, comes out.
Each compiled form stands next to a plain form of NumPy, SciPy or torch, which is used until there
is enough work to compile for, and to which tests compare it.

Read `work.py` (when to compile), `compiled.py` (how), `mel_spectrogram.py` with `mel_kernel.py` and
`vector_code.py`, `chunks.py` (threads that change no result), `conv_block.py` with `pool_loops.py`
(training), `folded_conv.py` (prediction), `winograd.py` with `winograd_loops.py` (the convolution
of both) and `hardware.py`. This room imports NumPy, SciPy and torch; numba and llvmlite only when
code is compiled.
"""
