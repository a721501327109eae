"""A small client of BuildKit's Control service: version, workers, disk use and prune.

HTTP/2 comes from the ``h2`` library, the connection from `envd_jupyter.buildkit.dialers`, so it
works for every builder the relay reaches. One connection serves one call: these calls are rare.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from envd_jupyter.buildkit import wire_pb2 as wire
from envd_jupyter.buildkit.dialers import commands_ended, dial
from envd_jupyter.buildkit.grpc import MessageReader, RpcError, frame_message, rpc_status
from envd_jupyter.errors import BuilderUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from envd_jupyter.buildkit.dialers import BuilderAddress

__all__ = ["UsageRecord", "Worker", "call", "disk_usage", "list_workers", "prune", "version"]

_SERVICE = "/moby.buildkit.v1.Control/"
_SECONDS = 20.0
_UNIMPLEMENTED = 12


@dataclass(frozen=True)
class Worker:
    """One of a builder's workers.

    Attributes
    ----------
    id
        BuildKit's name for it.
    labels
        What it says of itself, for example its snapshotter and network.
    platforms
        ``os/architecture[/variant]``, the native one first.
    version
        BuildKit's version, or None where the worker does not tell (older than 0.11).
    """

    id: str
    labels: Mapping[str, str]
    platforms: tuple[str, ...]
    version: str | None


@dataclass(frozen=True)
class UsageRecord:
    """One record of a builder's local cache. Size in bytes, times in seconds since the epoch."""

    id: str
    size: int
    kind: str
    description: str
    shared: bool
    mutable: bool
    in_use: bool
    usage_count: int
    created: float | None
    last_used: float | None
    parents: tuple[str, ...]

    @property
    def reclaimable(self) -> bool:
        """Whether a prune may remove it."""
        return not self.in_use


async def version(address: BuilderAddress) -> str | None:
    """Return BuildKit's version without a leading ``v``, or None if it is too old to tell.

    Raises
    ------
    BuilderUnreachable
        If nothing answers.
    """
    try:
        answers = await _call(address, "Info", wire.InfoRequest())
    except RpcError as error:
        if error.code == _UNIMPLEMENTED:  # before 0.11
            return None
        raise
    found = wire.InfoResponse.FromString(answers[0]).buildkit_version.version if answers else ""
    return _known(found)


def _known(text: str) -> str | None:
    """Take the ``v`` off a version; one built without a version says 0.0.0."""
    number = text.removeprefix("v")
    return None if not number or number.startswith("0.0.0") else number


async def list_workers(address: BuilderAddress) -> tuple[Worker, ...]:
    """Return a builder's workers; the first one builds."""
    answers = await _call(address, "ListWorkers", wire.ListWorkersRequest())
    records = [r for answer in answers for r in wire.ListWorkersResponse.FromString(answer).record]
    return tuple(
        Worker(
            record.id,
            dict(record.labels),
            tuple(
                "/".join(filter(None, (p.os, p.architecture, p.variant))) for p in record.platforms
            ),
            _known(record.buildkit_version.version),
        )
        for record in records
    )


async def disk_usage(
    address: BuilderAddress, filters: Sequence[str] = ()
) -> tuple[UsageRecord, ...]:
    """Return the records of a builder's local cache.

    Parameters
    ----------
    address
        The builder.
    filters
        BuildKit's own filters, for example ``"type==exec.cachemount"``.
    """
    answers = await _call(address, "DiskUsage", wire.DiskUsageRequest(filter=filters))
    return tuple(
        _usage_record(record)
        for answer in answers
        for record in wire.DiskUsageResponse.FromString(answer).record
    )


async def prune(
    address: BuilderAddress,
    filters: Sequence[str] = (),
    *,
    all_records: bool = False,
    keep_seconds: float = 0,
    keep_bytes: int = 0,
) -> tuple[UsageRecord, ...]:
    """Remove records from a builder's local cache.

    Parameters
    ----------
    address
        The builder.
    filters
        BuildKit's own filters.
    all_records
        Also remove internal and frontend records.
    keep_seconds
        Keep what was used more recently.
    keep_bytes
        Keep so much.

    Returns
    -------
    tuple of UsageRecord
        What was removed.
    """
    request = wire.PruneRequest(
        filter=filters,
        all=all_records,
        keep_duration=int(keep_seconds * 1e9),
        reserved_space=keep_bytes,
    )
    answers = await _call(address, "Prune", request, seconds=600.0)
    return tuple(_usage_record(wire.UsageRecord.FromString(answer)) for answer in answers)


def _usage_record(record: wire.UsageRecord) -> UsageRecord:
    return UsageRecord(
        id=record.id,
        size=record.size,
        kind=record.record_type,
        description=record.description,
        shared=record.shared,
        mutable=record.mutable,
        in_use=record.in_use,
        usage_count=record.usage_count,
        created=_seconds(record.created_at) if record.HasField("created_at") else None,
        last_used=_seconds(record.last_used_at) if record.HasField("last_used_at") else None,
        parents=tuple(record.parents),
    )


def _seconds(stamp: Timestamp) -> float:
    return stamp.seconds + stamp.nanos / 1e9


async def call(
    address: BuilderAddress, path: str, request: Message, *, seconds: float = _SECONDS
) -> list[bytes]:
    """Call any service a builder has beside Control, by its full path; returns the messages.

    Raises
    ------
    BuilderUnreachable
        If there is no connection, or it does not last, or the answer takes too long.
    RpcError
        If BuildKit answers with an error.
    """
    return await _call(address, path, request, seconds=seconds)


async def _call(
    address: BuilderAddress, method: str, request: Message, *, seconds: float = _SECONDS
) -> list[bytes]:
    """Make one call; returns the messages of its answer.

    Raises
    ------
    BuilderUnreachable
        If there is no connection, or it does not last, or the answer takes too long.
    RpcError
        If BuildKit answers with an error.
    """
    transport, protocol = await dial(address, lambda: _CallProtocol(method, request))
    assert isinstance(protocol, _CallProtocol)
    try:
        return await asyncio.wait_for(protocol.answer, seconds)
    except asyncio.TimeoutError:
        raise BuilderUnreachable(
            f"the builder {address.to_url()} did not answer {method} within {seconds:.0f} s",
            hint="It may be overloaded or hanging; look at its own log.",
        ) from None
    finally:
        transport.abort()
        await commands_ended()


class _CallProtocol(asyncio.Protocol):
    """One gRPC call on a connection of its own."""

    def __init__(self, method: str, request: Message) -> None:
        self.answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._path = method if method.startswith("/") else _SERVICE + method
        self._request = frame_message(request.SerializeToString())
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._reader = MessageReader()
        self._messages: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        connection = self._h2
        connection.initiate_connection()
        connection.increment_flow_control_window(1 << 24)
        stream = connection.get_next_available_stream_id()
        connection.send_headers(
            stream,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", self._path),
                (":authority", "localhost"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
                ("user-agent", "envd-jupyter"),
            ],
        )
        connection.send_data(stream, self._request, end_stream=True)
        transport.write(connection.data_to_send())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
        except ProtocolError as error:
            self._fail(BuilderUnreachable(f"the builder does not speak HTTP/2: {error}"))
        if not self._transport.is_closing():
            self._transport.write(self._h2.data_to_send())

    def _handle(self, event: Event) -> None:
        if isinstance(event, DataReceived) and event.data is not None:
            self._messages += self._reader.feed(event.data)
            if event.stream_id is not None and event.flow_controlled_length:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (TrailersReceived, ResponseReceived)):
            headers = [(str(name), str(value)) for name, value in event.headers or ()]
            if any(name == "grpc-status" for name, _ in headers):
                self._end(rpc_status(headers))
        elif isinstance(event, (StreamReset, StreamEnded, ConnectionTerminated)):
            self._fail(BuilderUnreachable("the builder broke off the call"))

    def _end(self, error: RpcError | None) -> None:
        if error is not None:
            self._fail(error)
        elif not self.answer.done():
            self.answer.set_result(self._messages)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        reason = f": {exc}" if exc else ""
        self._fail(BuilderUnreachable(f"the builder closed the connection{reason}"))
