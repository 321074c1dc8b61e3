"""Audio: files or arrays in, samples and their rate out.

Files: `_reading` (sound files), `_recordings` (all forms of input), `_samples` (floats, cut or
padded), `_joined` (concatenated recordings), `_fingerprints`.
Imports no other room; scikit-learn only to validate 2-D arrays.
"""

from ._fingerprints import FINGERPRINT_RATE, fingerprint, match_fingerprints
from ._joined import JoinedRecording, LazyConcatenation
from ._reading import is_path, read_recording
from ._recordings import as_recording_list, load_samples, recording_name, validate_recordings
from ._samples import as_float, crop_or_pad, load_kept

__all__ = ["read_recording"]
