"""Arrays, validation, splits, files and threads: no knowledge of sound.

In: arrays, labels, paths. Out: the same, checked, split or written.
"""
