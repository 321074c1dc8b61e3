"""A local server of a small data set in the published layout, with faults on demand."""

import hashlib
import io
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import soundfile

BIG = "training_data/11_AV.wav"


def wav(n_samples, sr=4000, seed=0):
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, n_samples)
    soundfile.write(stream, noise, sr, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def with_checksums(files):
    """Add the list of SHA-256 sums as PhysioNet writes it."""
    lines = [f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in files.items()]
    return {**files, "SHA256SUMS.txt": "".join(lines).encode()}


def circor_files():
    return with_checksums(
        {
            "LICENSE.txt": b"Open Data Commons Attribution License",
            "RECORDS": b"training_data/11_AV\ntraining_data/22_MV\n",
            "training_data.csv": b"Patient ID,Murmur,Outcome,Additional ID\n"
            b"11,Present,Abnormal,nan\n22,Absent,Normal,nan\n",
            "training_data/11.txt": b"11 1 4000\nAV 11_AV.hea 11_AV.wav 11_AV.tsv\n",
            "training_data/11_AV.wav": wav(150_000, seed=1),  # 300 kB: several chunks
            "training_data/11_AV.tsv": b"0.5\t0.6\t1\n0.6\t0.9\t2\n",
            "training_data/22.txt": b"22 1 4000\nMV 22_MV.hea 22_MV.wav 22_MV.tsv\n",
            "training_data/22_MV.wav": wav(500, seed=2),
        }
    )


class Server:
    """Serve `files`. `faults[name]` lists what goes wrong with the next requests for a name."""

    def __init__(self, files):
        self.files = files
        self.faults = defaultdict(list)
        self.requested = []
        self.closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def do_GET(self):
                server.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *args: None  # clients may close the connection
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        name = request.path.lstrip("/")
        self.requested.append(name)
        fault = self.faults[name].pop(0) if self.faults[name] else None
        body = self.files.get(name, b"")
        status = 200 if name in self.files else 404
        if isinstance(fault, int):
            status, body = fault, b""
        elif fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if fault in ("break", "stall"):
            body = body[: len(body) // 2]
            request.close_connection = True
        if fault == "trickle":
            while body and not self.closed.is_set():
                request.wfile.write(body[:1])
                body = body[1:]
                time.sleep(0.02)
        request.wfile.write(body)
        request.wfile.flush()
        if fault == "stall":
            self.closed.wait(20)

    def close(self):
        self.closed.set()
        self.http.shutdown()
        self.http.server_close()
