"""Find out whether a sound file holds less than it declares."""

from __future__ import annotations

import re

__all__ = ["find_loss", "repaired_header"]

# Sizes in the log of libsndfile that are larger than what the file holds.
_SIZES = re.compile(
    r"^\s*(?:data|SSND|BODY|Data Size|riff|Riff size|Data length)\s*:?\s*"
    r"(\d+) \(?should be (\d+)",
    re.MULTILINE,
)
_COUNTS = {  # number of samples in the header, by format
    "AVR": re.compile(r"^\s*Frames\s*:\s*(\d+)", re.MULTILINE),
    "MPC2K": re.compile(r"^\s*Frames\s*:\s*(\d+)", re.MULTILINE),
    "MAT5": re.compile(r"Cols : (\d+)\s+Type : \d+\s+Size : \d+\s+Name : wavedata"),
}
_WORDS = {"SDS": "short read"}  # in the log of a file that breaks off, by format
_STREAMING = 0x7FFFF000  # sizes from here on stand for "unknown" in headers of streams
_MP3_FRAME = 1152


def find_loss(file, n_read, content):
    """Describe what is missing from a sound file, or return None.

    Parameters
    ----------
    file : soundfile.SoundFile
        Open, read to its end.
    n_read : int
        How many samples per channel were decoded.
    content : callable
        Returns the bytes of the file; called for formats whose log says nothing.
    """
    log, ends = file.extra_info, True
    if file.format == "OGG":
        declared, ends = _ogg_length(content(), file.samplerate)
    else:
        declared = _declared(file, log, n_read, content)
    seconds = n_read / file.samplerate
    if declared is not None and declared > n_read:
        return (
            f"its header declares {declared} samples ({declared / file.samplerate:.2f} s), and "
            f"{n_read} ({seconds:.2f} s) could be read"
        )
    if not ends:
        return f"the stream breaks off after {seconds:.2f} s"
    # libsndfile finds its own GSM files of an odd number of blocks "truncated".
    if file.subtype != "GSM610" and _WORDS.get(file.format, "truncated") in log:
        return f"its last block is cut off, after {seconds:.2f} s"
    return None


def _declared(file, log, n_read, content):
    """Return the number of samples that a file declares, or None."""
    if file.format == "NIST":
        found = re.search(rb"sample_count -i (\d+)", content()[:1024])
        return int(found[1]) if found else None
    if file.format in ("PAF", "PVF", "IRCAM", "XI"):
        return None  # these declare no length
    if file.format in _COUNTS:
        found = _COUNTS[file.format].search(log)
        return int(found[1]) if found else None
    for whole, held in _SIZES.findall(log) if "should be" in log else ():
        if int(held) < int(whole) < _STREAMING:
            return max(n_read + 1, round(n_read * int(whole) / max(1, int(held))))
    slack = 2 * _MP3_FRAME if file.format == "MP3" else 0
    return file.frames if n_read + slack < file.frames < 2**62 else None


# ---------------------------------------------------------------------- Ogg


def _ogg_length(data, rate):
    """Return the samples of all streams of an Ogg file, and whether the last one is complete.

    The length is that of the positions in the pages.
    """
    ends, flags = [0], 0  # of streams that follow one another; each begins with a page of its own
    at = data.find(b"OggS")
    while at >= 0 and at + 27 <= len(data):
        if data[at + 4] == 0:
            flags = data[at + 5]
            if flags & 2 and ends[-1]:
                ends.append(0)
            ends[-1] = max(int.from_bytes(data[at + 6 : at + 14], "little", signed=True), ends[-1])
        at = data.find(b"OggS", at + 27)
    length, head = sum(ends), data.find(b"OpusHead")
    if head >= 0:  # positions of Opus count at 48 kHz
        skipped = int.from_bytes(data[head + 10 : head + 12], "little") * len(ends)
        length = (length - skipped) * rate // 48000
    return length, bool(flags & 4)


# ---------------------------------------------------------------------- WAV without a size


def repaired_header(data):
    """Return a WAV file whose data chunk declares 0 bytes although samples follow, or None.

    A recorder that loses power has not yet written the size. In the bytes returned, the chunk
    reaches to the end of the file.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            rest = len(data) - at - 8
            if size or not rest or _are_chunks(data, at + 8):
                return None
            sizes = (len(data) - 8).to_bytes(4, "little"), rest.to_bytes(4, "little")
            return data[:4] + sizes[0] + data[8 : at + 4] + sizes[1] + data[at + 8 :]
        at += 8 + size + size % 2
    return None


def _are_chunks(data, at):
    """Return whether the bytes from a place on are chunks that fill the file."""
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if not all(32 <= letter < 127 for letter in name):
            return False
        at += 8 + size + size % 2
    return at in (len(data), len(data) + 1)
