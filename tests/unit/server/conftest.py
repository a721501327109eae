"""A real Jupyter Server with the extension, in the loop of each test, and builds on its disk.

The fixtures are those of pytest-jupyter, on the event loop that pytest-asyncio runs the tests in.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_server.serverapp import ServerApp
from pytest_jupyter.jupyter_core import (
    echo_kernel_spec,
    jp_config_dir,
    jp_data_dir,
    jp_env_config_path,
    jp_env_jupyter_path,
    jp_environ,
    jp_home_dir,
    jp_kernel_dir,
    jp_runtime_dir,
    jp_system_config_path,
    jp_system_jupyter_path,
)
from pytest_jupyter.jupyter_server import (
    jp_argv,
    jp_auth_header,
    jp_base_url,
    jp_configurable_serverapp,
    jp_create_notebook,
    jp_fetch,
    jp_http_port,
    jp_logging_stream,
    jp_nbconvert_templates,
    jp_root_dir,
    jp_serverapp,
    jp_template_dir,
    jp_web_app,
    jp_ws_fetch,
)
from pytest_jupyter.pytest_tornasync import AsyncHTTPServerClient, http_server_port
from tornado.httpclient import HTTPClientError
from tornado.httpserver import HTTPServer

from envd_jupyter.builds.events import EventLog, own_event
from envd_jupyter.builds.folder import BuildFolder, data_dir
from tests.unit.server.description import check_answer, check_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

__all__ = [
    "echo_kernel_spec",
    "http_server_port",
    "jp_argv",
    "jp_auth_header",
    "jp_base_url",
    "jp_config_dir",
    "jp_configurable_serverapp",
    "jp_create_notebook",
    "jp_data_dir",
    "jp_env_config_path",
    "jp_env_jupyter_path",
    "jp_environ",
    "jp_fetch",
    "jp_home_dir",
    "jp_http_port",
    "jp_kernel_dir",
    "jp_logging_stream",
    "jp_nbconvert_templates",
    "jp_root_dir",
    "jp_runtime_dir",
    "jp_serverapp",
    "jp_system_config_path",
    "jp_system_jupyter_path",
    "jp_template_dir",
    "jp_web_app",
    "jp_ws_fetch",
]

API = "envd-jupyter/api"


@pytest.fixture
async def jp_asyncio_loop() -> asyncio.AbstractEventLoop:
    """The loop of the test."""
    return asyncio.get_running_loop()


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    """Switch the extension on."""
    return {"ServerApp": {"jpserver_extensions": {"envd_jupyter": True}}}


@pytest.fixture
async def http_server(
    http_server_port: Any, jp_web_app: Any, jp_asyncio_loop: Any
) -> AsyncIterator[HTTPServer]:
    server = HTTPServer(jp_web_app)
    server.add_socket(http_server_port[0])
    yield server
    app = ServerApp.instance()
    server.stop()
    await server.close_all_connections()
    await app._cleanup()
    ServerApp.clear_instance()


@pytest.fixture
def http_server_client(http_server: HTTPServer) -> Iterator[AsyncHTTPServerClient]:
    with closing(AsyncHTTPServerClient(http_server=http_server)) as client:
        yield client


class Answer:
    """What the server said."""

    def __init__(self, status: int, body: bytes, headers: Any) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def ask(jp_fetch: Any, jp_environ: Any) -> Callable[..., Awaitable[Answer]]:
    """Ask the API; a refusal is an answer, and each is held against the description."""

    async def ask(
        method: str,
        path: str,
        body: object = None,
        params: Any = None,
        described: bool = True,
        **more: Any,
    ) -> Answer:
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        try:
            got = await jp_fetch(
                API,
                *path.split("/"),
                method=method,
                body=body,
                params=params,
                allow_nonstandard_methods=True,
                **more,
            )
        except HTTPClientError as error:
            if error.response is None:
                raise
            got = error.response
        answer = Answer(got.code, got.body, got.headers)
        kind = got.headers.get("Content-Type", "")
        content = answer.json if kind.startswith("application/json") else got.body
        if described:
            check_answer(method, path, got.code, content, kind)
        return answer

    return ask


class Ear:
    """A WebSocket of the API; messages are held against the description."""

    def __init__(self, path: str, socket: Any, described: bool) -> None:
        self._path = path
        self.socket = socket
        self._described = described

    async def next(self, seconds: float = 20.0) -> Any:
        """Return the next message; None when the server has closed the socket."""
        text = await asyncio.wait_for(self.socket.read_message(), seconds)
        if text is None:
            return None
        message = json.loads(text)
        if self._described:
            check_message(self._path, message)
        return message

    async def rest(self) -> list[Any]:
        """Return all messages until the server closes the socket."""
        found = []
        while (message := await self.next()) is not None:
            found.append(message)
        return found

    async def until(self, condition: Callable[[Any], object]) -> Any:
        """Return the first message of a kind."""
        while (message := await self.next()) is not None:
            if condition(message):
                return message
        raise AssertionError("the server closed the socket before")


@pytest.fixture
async def listen(jp_ws_fetch: Any, jp_environ: Any) -> AsyncIterator[Callable[..., Any]]:
    """Open WebSockets of the API."""
    opened = []

    async def listen(path: str, *, headers: Any = None, **params: str) -> Ear:
        socket = await jp_ws_fetch(API, *path.split("/"), params=params, headers=headers)
        opened.append(socket)
        return Ear(path, socket, described=params.get("as") != "events")

    yield listen
    for socket in opened:
        socket.close()


@pytest.fixture
def hub(jp_serverapp: Any) -> Any:
    """What the handlers of the server share."""
    return jp_serverapp.web_app.settings["envd_jupyter"].hub


class Recorded:
    """A build on disk whose driver is the test: it writes the log and holds the lock."""

    def __init__(self, data: Path, **start: Any) -> None:
        self.folder = BuildFolder.create(data)
        self.id = self.folder.id
        self._lock = self.folder.lock()
        self.log = EventLog(self.folder.events)
        self.log.append(
            own_event(
                "start",
                **{"id": self.id, "project": "/p/train", "title": "train", "image": "train:dev"}
                | start,
            )
        )

    def step(self, number: int = 1, **more: Any) -> None:
        """Tell of a step."""
        digest = f"sha256:{number:064x}"
        vertex = {"digest": digest, "name": f"step {number}", "started": "2026-01-01T00:00:00Z"}
        self.log.append({"vertexes": [vertex | more]})

    def say(self, text: str, number: int = 1) -> None:
        """Tell what a step wrote."""
        import base64

        data = base64.b64encode(text.encode()).decode()
        digest = f"sha256:{number:064x}"
        self.log.append({"logs": [{"vertex": digest, "data": data, "stream": 1}]})

    def end(self, state: str = "succeeded", **more: Any) -> Recorded:
        """Tell the end and let go."""
        self.log.append(own_event("result", **{"state": state, "duration": 1.5} | more))
        self.die()
        return self

    def die(self) -> None:
        """Let go without a word."""
        import os

        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@pytest.fixture
def recorded(jp_environ: Any) -> Iterator[Callable[..., Recorded]]:
    """Make builds on disk."""
    made: list[Recorded] = []

    def make(**start: Any) -> Recorded:
        made.append(Recorded(data_dir(), **start))
        return made[-1]

    yield make
    for build in made:
        build.die()
