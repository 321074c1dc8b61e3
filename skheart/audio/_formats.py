"""Recognise sound files by their suffix or by their first bytes."""

from __future__ import annotations

import os

__all__ = ["AUDIO_SUFFIXES", "PHONE_SUFFIXES", "audio_format"]

# Formats that libsndfile decodes. If a folder holds a recording in several formats, the first of
# these is taken.
AUDIO_SUFFIXES = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd",
    ".caf", ".w64", ".rf64", ".voc", ".sph", ".nist", ".avr", ".svx", ".8svx", ".ircam", ".wve",
)  # fmt: skip
# Formats of phones, which PyAV decodes (extra "phone").
PHONE_SUFFIXES = (".m4a", ".aac", ".mp4", ".3gp", ".amr", ".webm")

_STARTS = {
    b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"caff": "CAF", b".snd": "AU", b"riff": "W64",
    b"#!AMR": "AMR", b"NIST_1A": "NIST SPHERE", b"Creative Voice File": "VOC",
    b"\xff\xfb": "MP3", b"\xff\xfa": "MP3", b"\xff\xf3": "MP3", b"\xff\xf2": "MP3",
    b"\xff\xf1": "AAC", b"\xff\xf9": "AAC",
}  # fmt: skip
_IMAGES = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"crx ")  # in the boxes of MP4


def audio_format(path):
    """Return the name of the audio format of a regular file by its first bytes, or None."""
    if not os.path.isfile(path):  # opening a pipe would wait
        return None
    try:
        with open(path, "rb") as stream:
            head = stream.read(64)
    except OSError:
        return None
    for start, name in _STARTS.items():
        if head.startswith(start):
            return name
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return "WAV" if head[8:12] == b"WAVE" else None
    if head[:4] == b"FORM":
        return "AIFF" if head[8:12] in (b"AIFF", b"AIFC", b"8SVX", b"16SV") else None
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _IMAGES else "MP4"
    if head[:4] == b"\x1aE\xdf\xa3" and (b"webm" in head or b"matroska" in head):
        return "WebM"
    return None
