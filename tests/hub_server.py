"""A hub on this machine: the few answers that fetching a data set asks for, over HTTP, of a folder's files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What is served, and what was asked.

    Attributes:
        ranges: of every file that was read, the first byte that was asked for and how many were sent.
        room: bytes that it still sends before it answers nothing but errors; None: without end.
    """

    folder: Path
    repository: str
    url: str = ""
    ranges: list[tuple[str, int, int]] = field(default_factory=list)
    room: int | None = None
    lies: bool = False  # its checksums are another content's


@contextlib.contextmanager
def served(folder: Path, repository: str) -> Iterator[Hub]:
    """Serve a folder as a data set's repository inside the block."""
    hub = Hub(folder, repository)

    class Handler(_Handler):
        served = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    served: Hub

    def log_message(self, *arguments: object) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        api, files = (
            f"/api/datasets/{self.served.repository}",
            f"/datasets/{self.served.repository}/resolve/{_REVISION}/",
        )
        if path.startswith(f"{api}/tree/{_REVISION}"):
            self._send(200, json.dumps(self._tree()).encode())
        elif path in (api, f"{api}/revision/{_REVISION}"):
            self._send(200, json.dumps({"id": self.served.repository, "sha": _REVISION, "siblings": []}).encode())
        elif path.startswith(files):
            self._part_of(path.removeprefix(files))
        else:
            self._send(404, b"{}")

    def _tree(self) -> list[dict[str, object]]:
        return [self._entry(path) for path in sorted(self.served.folder.rglob("*")) if path.is_file()]

    def _entry(self, path: Path) -> dict[str, object]:
        data = path.read_bytes()
        digest = hashlib.sha256(data + b"!" * self.served.lies).hexdigest()
        entry = {"type": "file", "oid": "0" * 40, "size": len(data)}
        entry["path"] = path.relative_to(self.served.folder).as_posix()
        return {**entry, "lfs": {"oid": digest, "size": len(data), "pointerSize": 130}}

    def _part_of(self, name: str) -> None:
        data = (self.served.folder / name).read_bytes()
        first, last = (int(edge) for edge in self.headers["Range"].removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        if self.served.room is not None:
            if len(part) > self.served.room:
                self._send(403, b"{}")
                return
            self.served.room -= len(part)
        self.served.ranges.append((name, first, len(part)))
        self._send(206, part)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
