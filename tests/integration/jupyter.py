"""A real Jupyter Server with the extension, and a client of its API and its kernels."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import psutil
import websocket
from jupyter_client.blocking.client import BlockingKernelClient

from tests.integration.kernels import Kernel
from tests.services.process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services import Services

API = "envd-jupyter/api/"


class JupyterServer:
    """A server that can be restarted.

    Parameters
    ----------
    services
        What it finds in its environment.
    data
        Where builds and settings are kept.
    """

    def __init__(self, services: Services, data: Path) -> None:
        self._services = services
        self.root = services.place("root")
        self.root.mkdir()
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.environ = services.environ | {
            "ENVD_JUPYTER_DATA_DIR": str(data),
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_RUNTIME_DIR": str(services.place("runtime")),
        }
        self.start()

    def start(self) -> None:
        """Start it."""
        self.process = self._services.start_process(
            [sys.executable, "-m", "jupyter_server", "--no-browser", f"--port={self.port}"]
            + ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}"]
            + ["--ServerApp.jpserver_extensions={'jupyterlab': False, 'notebook': False}"]
            + (["--allow-root"] if os.getuid() == 0 else []),
            env=self.environ,
            cwd=self.root,
        )
        self.process.wait_until(self._answers, seconds=120)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("GET", "builds")[0] == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a crash does."""
        process = psutil.Process(self.process.pid)
        process.kill()
        process.wait()

    def memory(self) -> int:
        """Return the bytes it has in memory."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Ask anything of the server."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def ask(self, method: str, path: str, body: object = None, **query: str) -> tuple[int, Any]:
        """Ask the extension; returns the status and the JSON of its answer."""
        status, text = self.request(method, f"{API}{path}?{urlencode(query)}", body)
        return status, json.loads(text) if text else None

    def start_build(self, **body: Any) -> str:
        """Start a build and return its id."""
        status, answer = self.ask("POST", "builds", body)
        assert status == 201, answer
        return str(answer["id"])

    def log(self, build_id: str) -> str:
        """Return what a build wrote so far."""
        return self.request("GET", f"{API}builds/{build_id}/log")[1].decode()

    def view(self, build_id: str) -> dict[str, Any]:
        """Return a build as it is now."""
        status, answer = self.ask("GET", f"builds/{build_id}")
        assert status == 200, answer
        view: dict[str, Any] = answer["view"]
        return view

    def listen(self, path: str, **query: str) -> Ear:
        """Open a WebSocket of the extension."""
        return Ear(
            websocket.create_connection(
                f"ws://127.0.0.1:{self.port}/{API}{path}?{urlencode(query)}",
                header=[f"Authorization: token {self.token}"],
                timeout=60,
            )
        )

    def open_notebook(self, path: str) -> ServedKernel:
        """Make a notebook and start its kernel, as JupyterLab does."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )
        wanted = {"path": path, "name": file.name, "type": "notebook"}
        status, text = self.request(
            "POST", "api/sessions", {**wanted, "kernel": {"name": "python3"}}
        )
        assert status == 201, text
        kernel_id = json.loads(text)["kernel"]["id"]
        return ServedKernel(self, kernel_id)


class ServedKernel(Kernel):
    """A kernel of a server."""

    def __init__(self, server: JupyterServer, kernel_id: str) -> None:
        self.id = kernel_id
        self._server = server
        file = Path(server.environ["JUPYTER_RUNTIME_DIR"]) / f"kernel-{kernel_id}.json"
        self.client = BlockingKernelClient(connection_file=str(file))
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        cell = self.run("%load_ext envd_jupyter")
        assert cell.status == "ok", cell.error

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self._server.request("DELETE", f"api/kernels/{self.id}")


class Ear:
    """A WebSocket of the extension."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.socket = socket
        self.code: int | None = None

    def next(self, seconds: float = 60.0) -> Any:
        """Return the next message; None when the server has closed."""
        self.socket.settimeout(seconds)
        opcode, data = self.socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.code = int.from_bytes(data[:2], "big")
            return None
        return json.loads(data)

    def rest(self) -> list[Any]:
        """Return all messages until the server closes."""
        found = []
        while (message := self.next()) is not None:
            found.append(message)
        return found

    def until(self, condition: Callable[[Any], object], seconds: float = 60.0) -> Any:
        """Return the first message of a kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = self.next(max(0.1, deadline - time.monotonic()))
            assert message is not None, "the server closed before"
            if condition(message):
                return message
        raise AssertionError("no such message came")

    def close(self) -> None:
        """Go."""
        self.socket.close()
