"""Make chosen requests fail, stall or break off: in our services, or in a proxy before others."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}


@dataclass
class Fault:
    """What happens to the requests that match; status 0 lets them pass after the delay."""

    pattern: re.Pattern[str]
    status: int
    times: float
    seconds: float
    cut: bool


class Faults:
    """The faults of a service, and the requests it has seen (``METHOD /path?query``)."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._faults: list[Fault] = []
        self._noting = threading.Lock()
        self._healed = threading.Event()

    def fail(
        self,
        pattern: str,
        status: int = 500,
        *,
        times: int | None = None,
        seconds: float = 0.0,
        cut: bool = False,
    ) -> None:
        """Answer requests with an error from now on.

        Parameters
        ----------
        pattern
            A regular expression searched for in ``METHOD /path?query``.
        status
            The HTTP status; 0 lets the request pass (after the delay).
        times
            How many requests; None for all.
        seconds
            How long to wait before the answer; `heal` ends the wait.
        cut
            Close the connection in place of an answer.
        """
        count = float("inf") if times is None else times
        with self._noting:
            self._healed.clear()
            self._faults.append(Fault(re.compile(pattern), status, count, seconds, cut))

    def heal(self) -> None:
        """Let all requests pass again, and those that wait go on."""
        with self._noting:
            self._faults.clear()
        self._healed.set()

    def take(self, request: str) -> Fault | None:
        """Note a request, wait if it shall, and return what shall become of it."""
        with self._noting:
            self.requests.append(request)
            found = next(
                (f for f in self._faults if f.times > 0 and f.pattern.search(request)), None
            )
            if found is not None:
                found.times -= 1
        if found is not None and found.seconds:
            self._healed.wait(found.seconds)
        return found if found is not None and (found.status or found.cut) else None


class FaultyProxy(Faults):
    """A reverse proxy on loopback before an HTTP service, in a thread of this process.

    Parameters
    ----------
    target
        ``HOST:PORT`` of the service. It sees the ``Host`` its callers wrote, so that the addresses
        it answers with lead through the proxy, and signatures stay valid.
    """

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Forward)
        self._server.daemon_threads = True
        self._server.proxy = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """Its own ``HOST:PORT``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the proxy keeps its own list of requests."""

    def _route(self) -> None:
        proxy: FaultyProxy = self.server.proxy  # type: ignore[attr-defined]
        content = read_content(self)
        fault = proxy.take(f"{self.command} {self.path}")
        if fault is None:
            self._forward(proxy.target, content)
        elif fault.cut:
            cut(self)
        else:
            body = b'{"errors":[{"code":"UNKNOWN","message":"the service is out of order"}]}'
            self._answer(fault.status, {"Content-Type": "application/json"}, body)

    def _forward(self, target: str, content: bytes) -> None:
        with contextlib.closing(http.client.HTTPConnection(target, timeout=60)) as service:
            service.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    service.putheader(name, value)
            if content or self.command in ("POST", "PUT", "PATCH"):
                service.putheader("Content-Length", str(len(content)))
            service.endheaders(content or None)
            answer = service.getresponse()
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            if self.command == "HEAD":
                headers["Content-Length"] = answer.getheader("Content-Length") or "0"
            self._answer(answer.status, headers, answer.read())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _route  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def read_content(request: BaseHTTPRequestHandler) -> bytes:
    """Return a request's body, sent with its length or in chunks."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        pieces.append(request.rfile.read(size))
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(pieces)


def cut(request: BaseHTTPRequestHandler) -> None:
    """Close a connection without an answer."""
    request.close_connection = True
    with contextlib.suppress(OSError):
        request.connection.shutdown(socket.SHUT_RDWR)


__all__ = ["Fault", "Faults", "FaultyProxy", "cut", "read_content"]
