"""Audio: files or arrays in, samples and their rate out.

Files: `_formats` (suffixes and first bytes), `_warnings`, `_decoding` (the content of a file) with
`_damage` (what is missing from it) and `_phone`, `_channels`, `_reading` (one sound file),
`_recordings` (all forms of input), `_readable` (which recordings can be read), `_samples` (cut or
padded), `_joined` (concatenated recordings), `_fingerprints`, `_quality` with `_heartbeat`.
Imports `_utils` only; scikit-learn only to validate 2-D arrays. A file is imported when one of its
names is first used: suffixes and warnings need no library.
"""

from .._utils.lazy import lazy_names

_MODULE_OF = {
    "NoHeartbeatWarning": "_warnings",
    "ReadableRecordings": "_readable",
    "RecordingQuality": "_quality",
    "RecordingWarning": "_warnings",
    "find_readable": "_readable",
    "measure_quality": "_quality",
    "quality": "_quality",
    "read_recording": "_reading",
    # For other rooms of skheart.
    "AUDIO_SUFFIXES": "_formats",
    "FINGERPRINT_RATE": "_fingerprints",
    "JoinedRecording": "_joined",
    "LazyConcatenation": "_joined",
    "ON_ERROR": "_warnings",
    "PHONE_SUFFIXES": "_formats",
    "as_float": "_recordings",
    "as_recording_list": "_recordings",
    "audio_format": "_formats",
    "crop_or_pad": "_samples",
    "fingerprint": "_fingerprints",
    "has_heartbeat": "_quality",
    "is_path": "_reading",
    "load_kept": "_samples",
    "load_samples": "_recordings",
    "match_fingerprints": "_fingerprints",
    "reading_error": "_readable",
    "recording_name": "_recordings",
    "validate_recordings": "_recordings",
    "warn_about_skipped": "_warnings",
}

__all__ = [
    "NoHeartbeatWarning",
    "ReadableRecordings",
    "RecordingQuality",
    "RecordingWarning",
    "find_readable",
    "measure_quality",
    "quality",
    "read_recording",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
