"""WebSockets: views, lines and the list, for clients that are many, slow, or gone."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import time

import pytest
from tornado.httpclient import HTTPClientError

from envd_jupyter.server.socket import EnvdSocket

MISSING = "20200101-000000-abcdef"


async def come_to(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to this"
        await asyncio.sleep(0.02)


async def test_a_build_is_told_as_it_goes_on_and_to_its_end(listen, recorded):
    build = recorded()
    ear = await listen(f"builds/{build.id}/events")
    assert (await ear.next())["steps"] == []
    build.step(1)
    view = await ear.until(lambda view: view["steps"])
    assert view["steps"][0]["state"] == "running"
    build.step(1, completed="2026-01-01T00:00:03Z")
    build.end(digest="sha256:" + "0" * 64)
    *_, last = await ear.rest()
    assert (last["state"], last["summary"]["completed"]) == ("succeeded", 1)
    assert ear.socket.close_code == 1000


async def test_an_ended_build_is_told_at_once(listen, recorded):
    build = recorded()
    build.step(1)
    build.end("failed", message="no luck")
    ear = await listen(f"builds/{build.id}/events")
    (view,) = await ear.rest()
    assert view["error"]["message"] == "no luck"
    assert ear.socket.close_code == 1000


async def test_a_build_whose_driver_dies_ends_as_lost(listen, recorded):
    build = recorded()
    ear = await listen(f"builds/{build.id}/events")
    await ear.next()
    build.die()
    *_, last = await ear.rest()
    assert last["state"] == "lost"


async def test_a_build_that_is_deleted_meanwhile_ends(listen, recorded):
    import shutil

    build = recorded()
    ear = await listen(f"builds/{build.id}/events")
    await ear.next()
    build.die()
    shutil.rmtree(build.folder.path)
    *_, last = await ear.rest()
    assert last["state"] == "lost"


async def test_what_is_not_there_cannot_be_listened_to(listen, recorded):
    build = recorded()
    for path, params, code in (
        (f"builds/{MISSING}/events", {}, 404),
        ("builds/nonsense/events", {}, 404),
        ("watch", {"kernel_id": "nobody"}, 404),
        (f"builds/{build.id}/events", {"as": "pictures"}, 400),
        (f"builds/{build.id}/events", {"as": "events", "from": "-1"}, 400),
        (f"builds/{build.id}/events", {"as": "events", "from": "9" * 40}, 400),
    ):
        with pytest.raises(HTTPClientError) as refused:
            await listen(path, **params)
        assert refused.value.code == code, path


async def test_lines_are_told_as_they_are_written_from_where_one_wants(listen, recorded):
    build = recorded()
    for number in range(1, 6):
        build.step(number)
    ear = await listen(f"builds/{build.id}/events", **{"as": "events", "from": "3"})
    names = [(await ear.next())["vertexes"][0]["name"] for _ in range(3)]
    assert names == ["step 3", "step 4", "step 5"]
    build.step(6)
    assert (await ear.next())["vertexes"][0]["name"] == "step 6"
    build.end()
    (last,) = await ear.rest()
    assert last["envd"]["kind"] == "result"
    lines = build.folder.events.read_bytes().splitlines()
    again = await listen(f"builds/{build.id}/events", **{"as": "events"})
    assert len(await again.rest()) == len(lines) == 8
    beyond = await listen(f"builds/{build.id}/events", **{"as": "events", "from": "8"})
    assert await beyond.rest() == []


async def test_who_talks_is_cut_off(listen, recorded):
    build = recorded()
    ear = await listen(f"builds/{build.id}/events")
    await ear.next()
    await ear.socket.write_message("hello")
    await ear.rest()
    assert ear.socket.close_code == 1003


async def test_two_see_the_same_and_fast_changes_are_put_together(listen, recorded):
    build = recorded()
    ears = [await listen(f"builds/{build.id}/events") for _ in range(2)]
    begun = time.monotonic()
    for number in range(1, 301):
        build.step(number, completed="2026-01-01T00:00:01Z")
        if not number % 10:
            await asyncio.sleep(0.02)
    build.end()
    told = await asyncio.gather(*(ear.rest() for ear in ears))
    passed = time.monotonic() - begun
    assert told[0][-1] == told[1][-1]
    assert told[0][-1]["summary"]["total"] == 300
    for views in told:
        assert len(views) <= passed / 0.1 + 3


async def test_fifty_watch_for_the_price_of_one(listen, recorded, hub):
    build = recorded()
    ears = [await listen(f"builds/{build.id}/events") for _ in range(50)]
    for ear in ears:
        await ear.next()
    assert len(hub.sources) == 1
    assert hub.sources.peek(("build", build.id)).watchers == 50
    build.step(1)
    build.end()
    lasts = [(await ear.rest())[-1] for ear in ears]
    assert all(last == lasts[0] for last in lasts)
    await come_to(lambda: hub.sources.peek(("build", build.id)).watchers == 0)


async def test_what_nobody_watches_is_let_go(listen, recorded, hub, monkeypatch):
    monkeypatch.setattr("envd_jupyter.server.sources._LINGER", 0.2)
    build = recorded()
    ears = [await listen(f"builds/{build.id}/events"), await listen("watch")]
    for ear in ears:
        await ear.next()
        ear.socket.close()
    await come_to(lambda: len(hub.sources) == 0)

    def working():
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
        return [name for name in names if "EnvdSocket" in name or "Sources" in name]

    await come_to(lambda: not working())


class Deaf:
    """A client that opens a WebSocket and reads nothing, on a connection with little room."""

    def __init__(self, port: int, path: str, authorization: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Authorization: {authorization}\r\n\r\n".encode()
        )

    def vanish(self) -> None:
        """Go without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


@pytest.fixture
def deaf(http_server, http_server_port, jp_http_port, jp_base_url, jp_auth_header):
    opened = []
    # What is accepted has as little room.
    http_server_port[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def make(path):
        whole = f"{jp_base_url}envd-jupyter/api/{path}"
        opened.append(Deaf(jp_http_port, whole, jp_auth_header["Authorization"]))
        return opened[-1]

    yield make
    for client in opened:
        client.socket.close()


@pytest.mark.parametrize("kind", ["view", "events"])
async def test_a_client_that_takes_nothing_holds_nobody_up_and_is_let_go(
    deaf, listen, recorded, hub, monkeypatch, kind
):
    monkeypatch.setattr(EnvdSocket, "patience", 1.0)
    buffered = []
    build = recorded()
    for number in range(60):
        build.step(number)
    before = EnvdSocket.send

    async def send(self, *messages):
        buffered.append(self.ws_connection.stream._write_buffer._size)
        await before(self, *messages)

    monkeypatch.setattr(EnvdSocket, "send", send)
    deaf(f"builds/{build.id}/events?as={kind}")
    ear = await listen(f"builds/{build.id}/events")
    await come_to(lambda: (hub.sources.peek(("build", build.id)) or build).watchers == 2)
    number, until = 0, time.monotonic() + 20
    while hub.sources.peek(("build", build.id)).watchers == 2:
        assert time.monotonic() < until, "it is not let go"
        for _ in range(20):
            number += 1
            build.say("x" * 2000, number % 60)
        await asyncio.sleep(0.02)
    build.end()
    assert (await ear.rest())[-1]["state"] == "succeeded"
    # Never more than what was being sent: nothing is queued behind it.
    assert max(buffered) < 400_000


async def test_a_client_that_vanishes_releases_all_it_held(deaf, recorded, hub):
    build = recorded()
    clients = [deaf(f"builds/{build.id}/events?as={kind}") for kind in ("view", "events") * 5]
    key = ("build", build.id)
    await come_to(lambda: hub.sources.peek(key) and hub.sources.peek(key).watchers == 10)
    for client in clients:
        client.vanish()
    for number in range(50):
        build.step(number)
        await asyncio.sleep(0.01)
    await come_to(lambda: hub.sources.peek(key).watchers == 0)


async def test_the_list_is_told_whenever_it_changes(listen, recorded, ask):
    ear = await listen("watch")
    assert await ear.next() == {"type": "builds", "builds": []}
    build = recorded(title="first")
    (record,) = (await ear.next())["builds"]
    assert (record["id"], record["state"]) == (build.id, "running")
    build.step(1)
    message = await ear.until(lambda message: message["builds"][0]["total"])
    assert message["builds"][0]["total"] == 1
    other = recorded(title="second").end("failed")
    message = await ear.until(lambda message: len(message["builds"]) == 2)
    states = {record["id"]: record["state"] for record in message["builds"]}
    assert states[build.id] == "running"
    build.end()
    message = await ear.until(
        lambda message: {r["state"] for r in message["builds"]} == {"succeeded", "failed"}
    )
    assert (await ask("DELETE", f"builds/{other.id}")).status == 204
    message = await ear.until(lambda message: len(message["builds"]) == 1)
    assert message["builds"][0]["id"] == build.id


async def test_the_list_tells_of_a_lost_build_and_lets_go_of_what_has_ended(listen, recorded, hub):
    ear = await listen("watch")
    await ear.next()
    build = recorded()
    await ear.until(lambda message: message["builds"])
    build.die()
    message = await ear.until(lambda message: message["builds"][0]["state"] == "lost")
    assert "drove the build" in message["builds"][0]["message"]
    followed = hub.sources.peek(("build", build.id))
    await come_to(lambda: followed is None or followed.watchers == 0)


async def test_a_list_that_cannot_be_read_closes_the_socket_and_is_tried_anew(listen, hub):
    ear = await listen("watch")
    await ear.next()
    damaged = hub.data / "history.sqlite"
    damaged.unlink()
    damaged.mkdir()
    (hub.data / "builds" / "20260101-000000-abcdef").mkdir(parents=True)
    assert await ear.rest() == []
    assert ear.socket.close_code == 1011
    damaged.rmdir()
    again = await listen("watch")
    assert [record["state"] for record in (await again.next())["builds"]] == ["lost"]


async def test_the_loop_answers_while_a_long_log_is_read(ask, recorded):
    build = recorded()
    text = "y" * 300
    for number in range(20_000):
        build.say(text, number % 40)
    reading = asyncio.ensure_future(ask("GET", f"builds/{build.id}"))
    waits = []
    while not reading.done():
        begun = time.monotonic()
        await asyncio.sleep(0.005)
        waits.append(time.monotonic() - begun)
    await reading
    # A fold on the loop would be one wait as long as all of it.
    assert len(waits) > 10
