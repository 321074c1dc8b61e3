"""Recordings: files or arrays in, samples and their rate out."""

from ._fingerprints import FINGERPRINT_RATE, fingerprint, match_fingerprints
from ._joined import JoinedRecording, Pieces
from ._reading import is_path, list_recordings, load_samples, read_recording
from ._samples import as_float, cut_or_fill, load_kept, name_of, recordings_of

__all__ = ["read_recording"]
