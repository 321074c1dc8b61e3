"""Utilities that know nothing about sound.

In: arrays, labels, paths. Out: the same, checked, split or written.
Files: `arrays` (rows of arrays and memory maps), `validation` (y, sample_weight, groups), `splits`
(subject-wise splits), `files` (atomic writes), `parallel` (threads, progress bar),
`partial_failures` (process recordings although some fail), `containers` (polars, pyarrow, torch),
`spreadsheet` (text in CSV), `lazy` (imports), `random`, `suggest` (did you mean).
Imports no other room.
"""
