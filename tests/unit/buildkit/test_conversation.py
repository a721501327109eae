"""A conversation between two peers of the h2 library, who check every rule of HTTP/2 themselves.

The server is the judge: it refuses data beyond its windows, broken frames and broken headers.
"""

from __future__ import annotations

from random import Random

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, TrailersReceived
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from envd_jupyter.buildkit import wire_pb2 as wire
from envd_jupyter.buildkit.conversation import (
    BRIDGE_SOLVE,
    CONTROL_SOLVE,
    CONTROL_STATUS,
    Conversation,
)
from envd_jupyter.buildkit.grpc import MessageReader, frame_message
from envd_jupyter.buildkit.plan import Plan
from envd_jupyter.errors import RelayError

SESSION = "/moby.buildkit.v1.Control/Session"
IMPORTS = [("registry", {"ref": "localhost:5000/a"}), ("s3", {"bucket": "b", "name": "main"})]
EXPORTS = [("registry", {"ref": "localhost:5000/a", "mode": "max"}), ("inline", {})]


class Heard:
    """An observer that writes down what it is told."""

    def __init__(self):
        self.events, self.solves, self.answers, self.graphs, self.faults = [], [], [], [], []

    def status(self, ref, event):
        self.events.append((ref, event))

    def solve(self, ref, request):
        self.solves.append((ref, request))

    def solved(self, ref, response, error):
        self.answers.append((ref, response, error))

    def graph(self, definition):
        self.graphs.append(definition)

    def connected(self):
        pass

    def fault(self, message, hint=None):
        self.faults.append(message)


class Wire:
    """A client, the conversation, and a server, with the bytes between them cut at will."""

    def __init__(self, plan: Plan, cut, *, window=65535, frame=16384, patient=False):
        self.heard = Heard()
        self.cut = cut
        self.patient = patient  # the server lets data pile up before it widens its windows
        self.to_client, self.to_server = bytearray(), bytearray()
        self.conversation = Conversation(
            plan, self.heard, self.to_client.extend, self.to_server.extend
        )
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests: dict[int, bytearray] = {}
        self.answers: dict[int, bytearray] = {}
        self.trailers: dict[int, dict[str, str]] = {}
        self.ended: set[int] = set()
        self.unread: list[tuple[int, int]] = []
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.server.update_settings(
            {SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.MAX_FRAME_SIZE: frame}
        )
        self.run()

    def pieces(self, data: bytes):
        while data:
            size = self.cut()
            yield data[:size]
            data = data[size:]

    def run(self) -> None:
        """Pass bytes until nothing moves any more."""
        while True:
            moved = False
            for piece in self.pieces(self.client.data_to_send()):
                moved = True
                for part in self.conversation.client_bytes(piece):
                    self.to_server += part
            if self.to_server:
                moved, data = True, bytes(self.to_server)
                self.to_server.clear()
                self.take_server(self.server.receive_data(data))
            if not moved or not self.patient:
                self.acknowledge()
            for piece in self.pieces(self.server.data_to_send()):
                moved = True
                for part in self.conversation.server_bytes(piece):
                    self.to_client += part
            if self.to_client:
                moved, data = True, bytes(self.to_client)
                self.to_client.clear()
                self.take_client(self.client.receive_data(data))
            if not moved:
                return

    def acknowledge(self):
        for stream, length in self.unread:
            self.server.acknowledge_received_data(length, stream)
        self.unread.clear()

    def take_server(self, events):
        for event in events:
            if isinstance(event, RequestReceived):
                self.requests[event.stream_id] = bytearray()
            elif isinstance(event, DataReceived):
                self.requests[event.stream_id] += event.data
                self.unread.append((event.stream_id, event.flow_controlled_length))
            stream = getattr(event, "stream_ended", None)
            if stream is not None:
                self.ended.add(event.stream_id)

    def take_client(self, events):
        for event in events:
            if isinstance(event, DataReceived):
                self.answers.setdefault(event.stream_id, bytearray()).extend(event.data)
                length = event.flow_controlled_length
                self.client.acknowledge_received_data(length, event.stream_id)
            elif isinstance(event, (TrailersReceived, ResponseReceived)):
                self.trailers.setdefault(event.stream_id, {}).update(dict(event.headers))

    def call(self, path: str, extra=()) -> int:
        stream = self.client.get_next_available_stream_id()
        fixed = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
        self.client.send_headers(stream, [*fixed, ("te", "trailers"), *extra])
        return stream

    def send(self, stream: int, data: bytes, *, end: bool, size=lambda: 16384, pad=None):
        """Send as much as the windows allow at a time, in frames of the given sizes."""
        while data:
            room = self.client.local_flow_control_window(stream)
            room = min(room, self.client.max_outbound_frame_size) - (pad + 1 if pad else 0)
            step = min(room, size(), len(data))
            if step <= 0:
                self.run()
                assert self.client.local_flow_control_window(stream) > 0, "the client is starved"
                continue
            last = end and step == len(data)
            self.client.send_data(stream, data[:step], end_stream=last, pad_length=pad)
            data = data[step:]
        self.run()

    def answer(self, stream: int, messages=(), status="0", text="") -> None:
        self.server.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        for message in messages:
            self.server.send_data(stream, frame_message(message))
        trailers = [("grpc-status", status), ("grpc-message", text)]
        self.server.send_headers(stream, trailers, end_stream=True)
        self.run()

    def settled(self) -> None:
        """Check that nothing was lost: both ends agree on the connection's window again."""
        self.acknowledge()
        self.run()
        room = self.conversation._room
        server = self.server._inbound_flow_control_window_manager.current_window_size
        assert room.room == server
        assert self.client.outbound_flow_control_window == server + room.debt
        assert not self.conversation._waiting


def merged(definition: bytes, imports=IMPORTS) -> wire.BridgeSolveRequest:
    message = wire.BridgeSolveRequest(definition=definition)
    for kind, attrs in imports:
        message.cache_imports.add(type=kind, attrs=attrs)
    return message


def only_message(data: bytes) -> bytes:
    (message,) = MessageReader().feed(data)
    return message


def cutter(seed: int, most: int = 30000):
    """Return a source of sizes; drawn apart from hypothesis, for there are thousands of them."""
    random = Random(seed)
    return lambda: random.randint(1, 20 if random.random() < 0.05 else most)


seeds = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(0, 200_000),
    st.sampled_from([200, 5000, 65535, 1 << 20]),
    st.one_of(st.none(), st.integers(1, 255)),
    st.booleans(),
    st.booleans(),
)
def test_a_graph_of_any_size_passes_with_our_imports(seed, length, window, pad, patient, apart):
    if pad is not None and window < 1000:
        pad = None
    wire_ = Wire(Plan(imports=IMPORTS), cutter(seed), window=window, patient=patient)
    definition = bytes(range(256)) * (length // 256)
    request = frame_message(wire.BridgeSolveRequest(definition=definition).SerializeToString())
    upload, solve = wire_.call(SESSION), wire_.call(BRIDGE_SOLVE, [("x-long", "v" * 20000)])
    wire_.send(upload, b"u" * 3000, end=False)
    wire_.send(solve, request, end=not apart, size=cutter(seed), pad=pad)
    if apart:
        wire_.client.send_data(solve, b"", end_stream=True)
    wire_.send(upload, b"u" * 70000, end=False)
    assert wire.BridgeSolveRequest.FromString(only_message(wire_.requests[solve])) == merged(
        definition
    )
    assert solve in wire_.ended
    assert wire_.requests[upload] == b"u" * 73000
    assert wire_.heard.graphs == ([definition] if definition else [])
    wire_.answer(solve)
    wire_.settled()


@pytest.mark.parametrize("pad", [None, 200])
def test_a_prefix_kept_back_makes_no_frame_longer_than_the_server_takes(pad):
    wire_ = Wire(Plan(imports=IMPORTS), lambda: 1000)
    request = wire.BridgeSolveRequest(definition=b"d" * 40000)
    stream = wire_.call(BRIDGE_SOLVE)
    lengths = iter([3])
    body = frame_message(request.SerializeToString())
    wire_.send(stream, body, end=True, size=lambda: next(lengths, 16384), pad=pad)
    sent = wire.BridgeSolveRequest.FromString(only_message(wire_.requests[stream]))
    assert sent == merged(request.definition)
    assert stream in wire_.ended
    wire_.answer(stream)
    wire_.settled()


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 40), st.booleans(), st.booleans())
def test_our_exports_take_the_place_of_envds(seed, step, fewer, apart):
    cut = cutter(seed, 400)
    wire_ = Wire(Plan(exports=[] if fewer else EXPORTS), cut)
    request = wire.SolveRequest(ref="r1", session="s", frontend="gateway")
    request.cache.exports.add(type="local", attrs={"dest": "/staging" * 30})
    request.exporters.add(type="image", attrs={"name": "x", "push": "true"})
    unknown = b"\xaa\x06\x03new"  # field 101, of a BuildKit to come
    stream = wire_.call(CONTROL_SOLVE)
    body = frame_message(request.SerializeToString() + unknown)
    wire_.send(stream, body, end=not apart, size=lambda: step)
    if apart:
        wire_.client.end_stream(stream)
        wire_.run()
    sent = only_message(wire_.requests[stream])
    seen = wire.SolveRequest.FromString(sent)
    assert [(e.type, dict(e.attrs)) for e in seen.cache.exports] == ([] if fewer else EXPORTS)
    assert unknown in sent
    assert stream in wire_.ended
    ((ref, info),) = wire_.heard.solves
    assert (ref, info.exporters) == ("r1", ("image",))
    response = wire.SolveResponse(exporter_response={"containerimage.digest": "sha256:1"})
    wire_.answer(stream, [response.SerializeToString()])
    assert wire_.heard.answers == [("r1", {"containerimage.digest": "sha256:1"}, None)]
    wire_.settled()


@settings(max_examples=30, deadline=None)
@given(seeds, st.lists(st.binary(max_size=3000), max_size=6))
def test_progress_is_read_however_it_is_cut(seed, logs):
    wire_ = Wire(Plan(), cutter(seed))
    stream = wire_.call(CONTROL_STATUS)
    wire_.send(stream, frame_message(wire.StatusRequest(ref="r9").SerializeToString()), end=True)
    messages = []
    for number, text in enumerate(logs):
        message = wire.StatusResponse()
        message.vertexes.add(digest=f"sha256:{number}", name="n" * 50, cached=number % 2 == 0)
        message.logs.add(vertex=f"sha256:{number}", stream=1, msg=text)
        messages.append(message.SerializeToString())
    wire_.answer(stream, messages)
    assert [ref for ref, _ in wire_.heard.events] == ["r9"] * len(logs)
    assert bytes(wire_.answers.get(stream, b"")) == b"".join(map(frame_message, messages))
    assert [bool(e["vertexes"][0].get("cached")) for _, e in wire_.heard.events] == [
        n % 2 == 0 for n in range(len(logs))
    ]


def test_an_error_is_read_from_the_trailers():
    wire_ = Wire(Plan(exports=EXPORTS), lambda: 9)
    stream = wire_.call(CONTROL_SOLVE)
    wire_.send(stream, frame_message(wire.SolveRequest(ref="r").SerializeToString()), end=True)
    assert wire_.conversation.solving
    wire_.answer(stream, status="2", text="process %22x%22 failed%0A")
    ((ref, response, error),) = wire_.heard.answers
    assert (ref, response, error.code, error.message) == ("r", None, 2, 'process "x" failed\n')
    assert not wire_.conversation.solving


def test_a_lost_builder_ends_what_it_had_not_answered():
    wire_ = Wire(Plan(exports=EXPORTS), lambda: 1000)
    stream = wire_.call(CONTROL_SOLVE)
    wire_.send(stream, frame_message(wire.SolveRequest(ref="r").SerializeToString()), end=True)
    wire_.conversation.lost()
    ((_, response, error),) = wire_.heard.answers
    assert response is None
    assert error.name == "Unavailable"


def test_nothing_is_changed_without_a_plan():
    wire_ = Wire(Plan(), lambda: 777)
    request = wire.SolveRequest(ref="r")
    request.cache.exports.add(type="inline")
    solve, graph = wire_.call(CONTROL_SOLVE), wire_.call(BRIDGE_SOLVE)
    bodies = [
        request.SerializeToString(),
        wire.BridgeSolveRequest(definition=b"d" * 9).SerializeToString(),
    ]
    for stream, body in zip((solve, graph), bodies, strict=True):
        wire_.send(stream, frame_message(body), end=True)
        assert bytes(wire_.requests[stream]) == frame_message(body)
    assert wire_.heard.solves[0][1].exports == (("inline", {}),)


def test_a_compressed_request_is_not_guessed_at():
    wire_ = Wire(Plan(imports=IMPORTS), lambda: 1000)
    stream = wire_.call(BRIDGE_SOLVE)
    with pytest.raises(RelayError, match="compress"):
        wire_.send(stream, b"\1\0\0\0\2zz", end=True)


def test_a_reset_stream_gives_its_window_back():
    wire_ = Wire(Plan(imports=IMPORTS), lambda: 5000, window=300, patient=True)
    stream = wire_.call(BRIDGE_SOLVE)
    body = wire.BridgeSolveRequest(definition=b"d" * 240).SerializeToString()
    wire_.client.send_data(stream, frame_message(body), end_stream=True)
    for part in wire_.conversation.client_bytes(wire_.client.data_to_send()):
        wire_.to_server += part
    assert wire_.conversation._waiting
    wire_.client.reset_stream(stream)
    wire_.run()
    wire_.settled()
