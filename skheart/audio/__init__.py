"""Audio: files or arrays in, samples and their rate out.

Files: `_formats` (suffixes and first bytes), `_warnings`, `_reading` (sound files), `_recordings`
(all forms of input), `_readable` (which recordings can be read), `_samples` (floats, cut or
padded), `_joined` (concatenated recordings), `_fingerprints`.
Imports no other room; scikit-learn only to validate 2-D arrays.
"""

from ._fingerprints import FINGERPRINT_RATE, fingerprint, match_fingerprints
from ._formats import AUDIO_SUFFIXES, PHONE_SUFFIXES, audio_format
from ._joined import JoinedRecording, LazyConcatenation
from ._readable import (
    ON_ERROR,
    ReadableRecordings,
    find_readable,
    reading_error,
    warn_about_skipped,
)
from ._reading import is_path, read_recording
from ._recordings import as_recording_list, load_samples, recording_name, validate_recordings
from ._samples import as_float, crop_or_pad, load_kept
from ._warnings import RecordingWarning

__all__ = ["ReadableRecordings", "RecordingWarning", "find_readable", "read_recording"]
