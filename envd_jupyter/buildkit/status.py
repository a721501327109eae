"""BuildKit's status messages as JSON lines, in the shape of ``buildx build --progress rawjson``.

Times are RFC 3339 in UTC with nanoseconds, bytes are base64, and what is empty is left out.
"""

from __future__ import annotations

import time
from binascii import b2a_base64
from typing import TYPE_CHECKING, Any

from envd_jupyter.buildkit.wire_pb2 import StatusResponse

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from envd_jupyter.buildkit import wire_pb2 as wire

__all__ = ["decode_status"]


def decode_status(message: bytes) -> dict[str, Any]:
    """Turn a ``StatusResponse`` into an event; an empty one gives an empty dict."""
    status = StatusResponse.FromString(message)
    event: dict[str, Any] = {}
    if status.vertexes:
        event["vertexes"] = [_vertex(vertex) for vertex in status.vertexes]
    if status.statuses:
        event["statuses"] = [_status(item) for item in status.statuses]
    if status.logs:
        event["logs"] = [_log(log) for log in status.logs]
    if status.warnings:
        event["warnings"] = [_warning(warning) for warning in status.warnings]
    return event


def _vertex(vertex: wire.Vertex) -> dict[str, Any]:
    shown: dict[str, Any] = {"digest": vertex.digest}
    if vertex.inputs:
        shown["inputs"] = list(vertex.inputs)
    if vertex.name:
        shown["name"] = vertex.name
    if vertex.HasField("started"):
        shown["started"] = _time(vertex.started)
    if vertex.HasField("completed"):
        shown["completed"] = _time(vertex.completed)
    if vertex.cached:
        shown["cached"] = True
    if vertex.error:
        shown["error"] = vertex.error
    if vertex.HasField("progress_group"):
        group = vertex.progress_group
        shown["progressGroup"] = {"id": group.id, "name": group.name}
        if group.weak:
            shown["progressGroup"]["weak"] = True
    return shown


def _status(status: wire.VertexStatus) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": status.id, "vertex": status.vertex}
    if status.name:
        shown["name"] = status.name
    if status.total:
        shown["total"] = status.total
    shown["current"] = status.current
    shown["timestamp"] = _time(status.timestamp)
    if status.HasField("started"):
        shown["started"] = _time(status.started)
    if status.HasField("completed"):
        shown["completed"] = _time(status.completed)
    return shown


def _log(log: wire.VertexLog) -> dict[str, Any]:
    return {
        "vertex": log.vertex,
        "stream": log.stream,
        "data": b2a_base64(log.msg, newline=False).decode("ascii"),
        "timestamp": _time(log.timestamp),
    }


def _warning(warning: wire.VertexWarning) -> dict[str, Any]:
    shown: dict[str, Any] = {"vertex": warning.vertex, "level": warning.level}
    if warning.short:
        shown["short"] = b2a_base64(warning.short, newline=False).decode("ascii")
    if warning.detail:
        shown["detail"] = [
            b2a_base64(line, newline=False).decode("ascii") for line in warning.detail
        ]
    if warning.url:
        shown["url"] = warning.url
    return shown


def _time(stamp: Timestamp) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp.seconds))
    if not stamp.nanos:
        return f"{seconds}Z"
    return f"{seconds}.{stamp.nanos:09d}".rstrip("0") + "Z"
