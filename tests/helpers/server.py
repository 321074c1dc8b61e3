"""A server of the published layout on this machine, which misbehaves as it is told."""

import hashlib
import io
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import soundfile

QUICK = {"verbose": 0, "timeout": 5.0}


def wav(n_samples, sr=4000, seed=0):
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, n_samples)
    soundfile.write(stream, noise, sr, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def with_list(files):
    """The files, and the list of their SHA-256 sums as PhysioNet writes it."""
    lines = [f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in files.items()]
    return {**files, "SHA256SUMS.txt": "".join(lines).encode()}


def circor_files():
    big = wav(150_000, seed=1)  # 300 kB: several chunks
    return with_list(
        {
            "LICENSE.txt": b"Open Data Commons Attribution License",
            "RECORDS": b"training_data/11_AV\ntraining_data/22_MV\n",
            "training_data.csv": b"Patient ID,Murmur,Outcome,Additional ID\n"
            b"11,Present,Abnormal,nan\n22,Absent,Normal,nan\n",
            "training_data/11.txt": b"11 1 4000\nAV 11_AV.hea 11_AV.wav 11_AV.tsv\n",
            "training_data/11_AV.wav": big,
            "training_data/11_AV.tsv": b"0.5\t0.6\t1\n0.6\t0.9\t2\n",
            "training_data/22.txt": b"22 1 4000\nMV 22_MV.hea 22_MV.wav 22_MV.tsv\n",
            "training_data/22_MV.wav": wav(500, seed=2),
        }
    )


class Server:
    """Serves `files`; `plan[name]` lists how to answer the next requests for a name."""

    def __init__(self, files):
        self.files = files
        self.plan = defaultdict(list)
        self.asked = []  # (name, value of the Range header)
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *args: None  # clients that leave are part of the play
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        name = request.path.lstrip("/")
        span = request.headers.get("Range")
        self.asked.append((name, span))
        how = self.plan[name].pop(0) if self.plan[name] else "well"
        if name not in self.files or how == "404":
            return self.head(request, 404, 0)
        if how == "503":
            return self.head(request, 503, 0)
        data = self.files[name]
        if how == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and how != "no range" else 0
        if start >= len(data) > 0 and span and how != "no range":
            return self.head(request, 416, 0)
        body = data[start:]
        if start:
            self.head(request, 206, len(body), f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.head(request, 200, len(body))
        if how in ("break", "stall"):
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            if how == "stall":
                self.release.wait(20)
            request.close_connection = True
            return None
        return request.wfile.write(body)

    @staticmethod
    def head(request, status, length, span=None):
        request.send_response(status)
        request.send_header("Content-Length", str(length))
        if span:
            request.send_header("Content-Range", span)
        request.end_headers()

    def spans_of(self, name):
        return [span for asked, span in self.asked if asked == name]

    def close(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


BIG = "training_data/11_AV.wav"


def folder_of(home):
    return home / "circor-heart-sound-1.0.3"


def partial_files(home):
    return [p.name for p in home.rglob("*.part")]
