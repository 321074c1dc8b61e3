"""Compiled loops for the CPU: tensors in, the same tensors out, faster."""
