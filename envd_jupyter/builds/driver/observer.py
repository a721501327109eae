"""What the relay sees, written down: the bridge from BuildKit's messages to the build's events."""

from __future__ import annotations

import time
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING

from envd_jupyter.builds.driver.outcome import Solve
from envd_jupyter.builds.events import EventLog, own_event
from envd_jupyter.builds.state import BuildState
from envd_jupyter.errors import EnvdJupyterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from envd_jupyter.buildkit.relay import RpcError, SolveInfo
    from envd_jupyter.builds.driver.attribution import CacheWatch
    from envd_jupyter.cache.redaction import Redactor

__all__ = ["Recorder"]

_MOST_GRAPHS = 16
_PROBE: list[str] = []


class Recorder:
    """Observe a relay, append to the event log, and fold the same events for the driver itself.

    Parameters
    ----------
    log
        The build's event log.
    redactor
        Takes secrets out of everything before it is written.
    watch
        Attributes import and export vertices to the caches of the build.
    folder
        Where the build graphs are kept.
    on_full
        Called once when the disk has no room for the log.
    on_fault
        Called when the relay has lost the builder.
    """

    def __init__(
        self,
        log: EventLog,
        redactor: Redactor,
        watch: CacheWatch,
        folder: Path,
        *,
        on_full: Callable[[], None],
        on_fault: Callable[[str, str | None], None],
    ) -> None:
        self.state = BuildState(folder.name)
        self.solves: list[Solve] = []
        self._log = log
        self._redactor = redactor
        self._watch = watch
        self._folder = folder
        self._on_full = on_full
        self._on_fault = on_fault
        self._knows_secrets = redactor.value(_PROBE) is not _PROBE
        self._graphs = 0
        self.on_graph: Callable[[bytes], None] | None = None
        self.on_status: Callable[[dict[str, Any]], None] | None = None
        self.heard = time.monotonic()

    def write(self, kind: str, *, vital: bool = False, **fields: Any) -> None:
        """Record an event of ours."""
        event = own_event(kind, **fields)
        event = self._redactor.value(event)
        self.state.apply(event)
        self._append(event, vital=vital)

    def hear(self, data: bytes) -> None:
        """Keep the tail of what envd says, for the reason of its end, without recording it."""
        event = own_event("output", stream="stderr", text=data[-8192:].decode("utf-8", "replace"))
        self.state.apply(self._redactor.value(event))

    def result(self, **fields: Any) -> None:
        """Record the end: in the history first, so that whoever sees the end finds it there."""
        from envd_jupyter.builds.record import History, record_of

        event = own_event("result", **fields)
        event = self._redactor.value(event)
        self.state.apply(event)
        try:
            History(self._folder.parent.parent).put(record_of(self.state))
        except EnvdJupyterError as error:
            self.write("note", level="warning", message=error.message, hint=error.hint, vital=True)
        self._append(event, vital=True)

    def phase(self, phase: str) -> None:
        """Record that the build has come to another phase."""
        if self.state.phase != phase:
            self.write("phase", phase=phase)

    def _append(self, event: dict[str, Any], *, vital: bool = False) -> None:
        was_full = self._log.full
        self._log.append(event, vital=vital)
        if self._log.full and not was_full:
            self._on_full()

    # What the relay calls

    def status(self, ref: str, event: dict[str, Any]) -> None:
        """Take in a message of BuildKit's status stream."""
        self.heard = time.monotonic()
        if self._knows_secrets:
            event = self._redacted(event)
        self.state.apply(event)
        self._append(event)
        vertexes = event.get("vertexes")
        if not vertexes:
            return
        if self.on_status is not None:
            self.on_status(event)
        for vertex in vertexes:
            step = self.state.steps[vertex["digest"]]
            if step.kind == "export" and step.state == "running":
                self.phase("exporting")
            for own in self._watch.look(step):
                self.write(own.pop("kind"), **own)

    def _redacted(self, event: dict[str, Any]) -> dict[str, Any]:
        logs = event.get("logs")
        masked: dict[str, Any] = self._redactor.value({**event, "logs": None})
        if logs is None:
            del masked["logs"]
            return masked
        masked["logs"] = [{**log, "data": self._redacted_log(log.get("data", ""))} for log in logs]
        return masked

    def _redacted_log(self, data: str) -> str:
        text = a2b_base64(data).decode("utf-8", "surrogateescape")
        masked = self._redactor.text(text)
        if masked == text:
            return data
        return b2a_base64(masked.encode("utf-8", "surrogateescape"), newline=False).decode()

    def solve(self, ref: str, request: SolveInfo) -> None:
        """Take in a ``Control/Solve`` on its way to BuildKit."""
        self.solves.append(Solve(ref, tuple(request.exporters)))
        self.phase("building")
        self.write("solve", ref=ref, exporters=list(request.exporters))

    def solved(self, ref: str, response: dict[str, str] | None, error: RpcError | None) -> None:
        """Take in BuildKit's answer to a ``Control/Solve``."""
        for solve in self.solves:
            if solve.ref == ref and solve.response is None and solve.error is None:
                solve.response = response
                solve.error = (error.code, error.message) if error is not None else None
        shown = {"code": error.code, "message": error.message} if error is not None else None
        self.write("solved", ref=ref, response=_bounded(response), error=shown)

    def graph(self, definition: bytes) -> None:
        """Keep the build graph as it passed."""
        if self._graphs >= _MOST_GRAPHS:
            return
        self._graphs += 1
        try:
            (self._folder / f"graph-{self._graphs}.llb").write_bytes(definition)
        except OSError:
            self._on_full()
        if self.on_graph is not None:
            self.on_graph(definition)

    def connected(self) -> None:
        """Take in that envd and BuildKit speak to each other."""
        if self.state.phase == "connecting":
            self.phase("interpreting")

    def fault(self, message: str, hint: str | None = None) -> None:
        """Take in that the relay has lost the builder, or understands a peer no more."""
        self._on_fault(self._redactor.text(message), hint)


def _bounded(response: dict[str, str] | None) -> dict[str, str] | None:
    if response is None:
        return None
    return {key: value for key, value in response.items() if len(value) < 4096}
