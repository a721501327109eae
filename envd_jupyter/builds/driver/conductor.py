"""Run one build to its end: relay, envd, control socket, and what is left when all is over.

Whatever happens, the last line of the event log says how the build ended, and by then no process,
socket or temporary file of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.driver.attribution import CacheWatch, WatchedCache
from envd_jupyter.builds.driver.observer import Recorder
from envd_jupyter.builds.driver.outcome import Outcome, classify
from envd_jupyter.builds.driver.unsaid import Unsaid
from envd_jupyter.builds.events import EventLog
from envd_jupyter.builds.folder import BuildFolder
from envd_jupyter.errors import EnvdJupyterError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine
    from typing import Any

    from envd_jupyter.buildkit.relay import Relay
    from envd_jupyter.builds.driver.envd_process import EnvdProcess
    from envd_jupyter.builds.driver.staging import Staging
    from envd_jupyter.builds.insight.evidence import Witness
    from envd_jupyter.builds.insight.required import CachedOnly
    from envd_jupyter.cache.redaction import Redactor

__all__ = ["conduct"]

_MOST_OUTPUT = 64 * 1024
_GRACE = 5.0
_SILENCE = 120.0


def conduct(
    order: dict[str, Any],
    process: EnvdProcess | None,
    listener: socket.socket | None,
    problem: str | None,
) -> None:
    """Run the build whose envd has been forked; never returns.

    Parameters
    ----------
    order
        What `envd_jupyter.builds.spawn` sent.
    process
        The forked envd.
    listener
        The socket it will connect to.
    problem
        Why there is none.
    """
    conductor = Conductor(order, process, listener)
    with contextlib.suppress(BaseException):
        asyncio.run(conductor.run(problem))
    conductor.close()
    # Nothing is left to be torn down, and the interpreter would take its time for that.
    os._exit(0)


class Conductor:
    """The build and all it has open."""

    def __init__(
        self,
        order: dict[str, Any],
        process: EnvdProcess | None,
        listener: socket.socket | None,
    ) -> None:
        self._order = order
        self._process = process
        self._listener = listener
        self._folder = BuildFolder(Path(order["folder"]))
        self._private = Path(order["private"])
        self._log = EventLog(self._folder.events, _poke(order["wake"]))
        self._canceled = False
        self._fault: tuple[str, str | None] | None = None
        self._trouble: Outcome | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._relay: Relay | None = None
        self._output_left = _MOST_OUTPUT
        self._heard = time.monotonic()
        self._staging: Staging | None = None
        self._watch = CacheWatch(_watched(order, "imports"), _watched(order, "exports"))
        self._recorder = Recorder(
            self._log,
            _redactor(order),
            self._watch,
            self._folder.path,
            on_full=self._disk_full,
            on_fault=self._lost_builder,
        )
        for event in _own_events(self._folder):
            self._recorder.state.apply(event)
        self._witness = _witness(order, self._folder)
        self._recorder.on_graph = self._witness.graph
        self._unsaid = Unsaid(order)
        self._required: CachedOnly | None = None
        if order.get("require_cached"):
            self._require_cached()
        self._ended = False

    async def run(self, problem: str | None) -> None:
        """Run the build and record its end."""
        outcome, code = None, None
        try:
            if problem is not None or self._process is None:
                outcome = Outcome("failed", problem or "envd could not be started")
            else:
                code = await self._build(self._process)
        except EnvdJupyterError as error:
            outcome = Outcome("failed", error.message, error.hint)
        except Exception as error:
            traceback.print_exc()
            outcome = Outcome(
                "failed",
                f"the driver of the build failed: {type(error).__name__}: {error}",
                f"This is a fault of envd_jupyter; details are in {self._folder.path}/driver.log.",
            )
        await self._end(code, outcome)

    async def _build(self, process: EnvdProcess) -> int:
        loop = asyncio.get_running_loop()
        process.watch()
        self._read_output(process.output)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.cancel)
        for message, hint in self._order["notes"]:
            self._recorder.write("note", level="warning", message=message, hint=hint)
        control = await asyncio.start_unix_server(self._answer, self._private / "control")
        self._stage()
        self._relay = self._make_relay()
        await self._relay.start()
        self._recorder.phase("connecting")
        if not self._canceled:
            self._start(self._witness.before())
            self._start(self._unsaid.before())
        self._start(self._remember())
        self._start(self._break_silence())
        code = await process.wait()
        control.close()
        self._drain(process.output)
        await self._relay.close()
        return code

    def _make_relay(self) -> Relay:
        from envd_jupyter.buildkit.dialers import BuilderAddress
        from envd_jupyter.buildkit.relay import Relay

        exports, imports = self._order["exports"], self._order["imports"]
        if self._staging is not None:
            exports = self._staging.wire_exports(exports)
            imports = self._staging.wire_imports(imports)
        assert self._listener is not None
        return Relay(
            BuilderAddress.parse(self._order["builder"]),
            self._listener,
            exports=[(entry["type"], entry["attrs"]) for entry in exports],
            imports=[(entry["type"], entry["attrs"]) for entry in imports],
            observer=self._recorder,
        )

    def _stage(self) -> None:
        entries = [*self._order["exports"], *self._order["imports"]]
        if not any(entry["type"] == "local" for entry in entries):
            return
        from envd_jupyter.builds.driver.staging import Staging

        self._staging = Staging(self._private / "cache")
        for problem in self._staging.prepare(self._order["imports"]):
            self._watch.settle("import", problem["entry"], problem["state"])
            self._recorder.write("cache", **problem)

    def _require_cached(self) -> None:
        """Stop as soon as a step runs that does not come from a cache."""
        from envd_jupyter.builds.insight.required import CachedOnly

        required = self._required = CachedOnly(self._recorder.state, self._folder.path)

        def look(event: dict[str, Any]) -> None:
            if required.look(event) is not None:
                self._start(self._stop())

        self._recorder.on_status = look

    async def _not_cached(self) -> Outcome | None:
        """Say which step was not cached, and why, if that is what stopped the build."""
        if self._required is None or self._required.violation is None:
            return None
        found = await asyncio.to_thread(self._required.explained) or self._required.violation
        return Outcome("failed", found.message, found.hint, failed_step=found.digest)

    # Stopping

    def cancel(self) -> None:
        """Stop the build: BuildKit's solve, and envd with all it started."""
        if not self._canceled:
            self._canceled = True
            self._recorder.write("note", level="info", message="asked to stop", hint=None)
            self._start(self._stop())

    async def _stop(self) -> None:
        if self._relay is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._relay.cancel(), 1.0)
        if self._process is not None:
            await self._process.end()

    def _lost_builder(self, message: str, hint: str | None) -> None:
        if self._fault is None and not self._ended:
            self._fault = (message, hint)
            self._start(self._end_after(_GRACE))

    async def _end_after(self, seconds: float) -> None:
        """Give envd time to say what it makes of a fault, then end it: it might wait forever."""
        await asyncio.sleep(seconds)
        await self._stop()

    def _disk_full(self) -> None:
        if self._trouble is None:
            self._trouble = Outcome(
                "failed",
                f"there is no room left on the disk of {self._folder.data}",
                "Free some room there, or set ENVD_JUPYTER_DATA_DIR to another disk.",
            )
            self._start(self._stop())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Listening

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on the control socket, one JSON object a line."""
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                question = json.loads(line)
                if question.get("op") == "cancel":
                    self.cancel()
                state = self._recorder.state
                answer = {"id": state.id, "state": state.state, "phase": state.phase}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _read_output(self, output: int) -> None:
        loop = asyncio.get_running_loop()

        def readable() -> None:
            if not self._read_some(output):
                loop.remove_reader(output)

        loop.add_reader(output, readable)

    def _drain(self, output: int) -> None:
        asyncio.get_running_loop().remove_reader(output)
        while self._read_some(output):
            pass
        os.close(output)

    def _read_some(self, output: int) -> bool:
        try:
            data = os.read(output, 1 << 16)
        except BlockingIOError:
            return False
        self._heard = time.monotonic()
        if data:
            self._take_output(data)
        return bool(data)

    def _take_output(self, data: bytes) -> None:
        """Keep what envd says itself; once BuildKit works, it only repeats the status stream."""
        if self._recorder.solves or self._output_left <= 0:
            self._recorder.hear(data)
            return
        self._output_left -= len(data)
        self._recorder.write("output", stream="stderr", text=data.decode("utf-8", "replace"))

    async def _break_silence(self) -> None:
        while True:
            await asyncio.sleep(_SILENCE / 4)
            quiet = time.monotonic() - max(self._heard, self._recorder.heard)
            if quiet > _SILENCE:
                self._recorder.write(
                    "note",
                    level="info",
                    message=f"nothing has been heard for more than {_SILENCE:.0f} s",
                    hint="The running step may be long and quiet; the build can be cancelled.",
                )
                return

    async def _remember(self) -> None:
        # The relay does not wait for SQLite to be imported.
        records = await asyncio.to_thread(import_module, "envd_jupyter.builds.record")
        record = records.record_of(self._recorder.state)
        with contextlib.suppress(EnvdJupyterError):
            await asyncio.to_thread(records.History(self._folder.data).put, record)

    # The end

    async def _end(self, code: int | None, outcome: Outcome | None) -> None:
        self._ended = True
        if self._process is not None and self._process.exit_code is None:
            await self._process.end()
        if self._relay is not None:
            with contextlib.suppress(Exception):
                await self._relay.close()
        recorder = self._recorder
        became: list[dict[str, Any]] = []
        with contextlib.suppress(Exception):
            refs = [solve.ref for solve in recorder.solves]
            # A builder that was lost would be waited for in vain.
            witness = self._witness.after(refs) if self._fault is None else asyncio.sleep(0)
            last = asyncio.gather(witness, self._forget_old(), self._unsaid.after(recorder.state))
            *_, became = await asyncio.wait_for(last, _GRACE)
        if outcome is None:
            with contextlib.suppress(OSError, ValueError):
                outcome = await self._not_cached()
        if outcome is None:
            outcome = self._trouble if self._trouble is not None else self._classify(code or 0)
        if self._staging is not None:
            if outcome.state == "succeeded":
                became += self._staging.publish(self._order["exports"])
            elif damaged := self._staging.damaged(outcome.message or ""):
                became += damaged
                said = {key: damaged[0][key] for key in ("message", "hint")}
                outcome = dataclasses.replace(outcome, **said)
        outcome = self._settle(became, outcome)
        for event in self._watch.close(outcome.state):
            recorder.write(event.pop("kind"), **event)
        for message, hint in outcome.notes:
            recorder.write("note", level="warning", message=message, hint=hint)
        await asyncio.to_thread(shutil.rmtree, self._private, ignore_errors=True)
        self._write_result(outcome, code)

    def _settle(self, became: list[dict[str, Any]], outcome: Outcome) -> Outcome:
        """Record what BuildKit does not know of caches; the image is there even if one failed."""
        for event in became:
            self._watch.settle(event["direction"], event["entry"], event["state"])
            self._recorder.write("cache", **event)
            counts = event["state"] == "failed" and self._watch.must_be_kept(event["entry"])
            if counts and outcome.state == "succeeded":
                outcome = dataclasses.replace(
                    outcome, state="export_failed", message=event["message"], hint=event["hint"]
                )
        return outcome

    def _classify(self, code: int) -> Outcome:
        return classify(
            code,
            self._recorder.solves,
            self._recorder.state,
            canceled=self._canceled,
            pushes=self._order["pushes"],
            fault=self._fault,
        )

    def _write_result(self, outcome: Outcome, code: int | None) -> None:
        state = self._recorder.state
        started = state.start.get("time")
        self._recorder.result(
            state=outcome.state,
            exit_code=code,
            image=state.start.get("image"),
            digest=outcome.digest,
            message=outcome.message,
            hint=outcome.hint,
            failed_step=outcome.failed_step,
            counts=dict(state.summary()),
            duration=round(time.time() - started, 4) if started else None,
        )

    async def _forget_old(self) -> None:
        from envd_jupyter.builds.record import History

        with contextlib.suppress(EnvdJupyterError, OSError):
            await asyncio.to_thread(History(self._folder.data).retain)

    def close(self) -> None:
        """Remove what is left even if the end itself went wrong."""
        if self._recorder.state.result is None:
            with contextlib.suppress(Exception):
                self._write_result(Outcome("failed", "the driver of the build failed"), None)
        shutil.rmtree(self._private, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._log.close()
        log = self._folder.path / "driver.log"
        with contextlib.suppress(OSError):
            sys.stderr.flush()
            if log.stat().st_size == 0:
                log.unlink()


def _poke(pipe: int) -> Callable[[], None]:
    """Return what wakes the process that started the build, as long as it is there."""

    def poke() -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, b".")

    return poke


def _redactor(order: dict[str, Any]) -> Redactor:
    from envd_jupyter.cache.redaction import Redactor

    caches = [*order["exports"], *order["imports"]]
    if not caches:  # most of the code that knows caches is not needed then
        return Redactor.for_entries((), os.environ)
    from envd_jupyter.cache.entry import CacheEntry

    return Redactor.for_entries([CacheEntry.from_json(entry) for entry in caches], os.environ)


def _watched(order: dict[str, Any], direction: str) -> list[WatchedCache]:
    shown = order["shown"][direction]
    return [
        WatchedCache(text, entry["type"], entry["attrs"])
        for text, entry in zip(shown, order[direction], strict=True)
    ]


def _witness(order: dict[str, Any], folder: BuildFolder) -> Witness:
    from envd_jupyter.buildkit.dialers import BuilderAddress
    from envd_jupyter.builds.insight.evidence import Witness

    # The names are envd's own for the two directories it offers to BuildKit (1.3.6).
    home = Path(order["home"])
    contexts = {"build-context": Path(order["project"]), "cache-dir": home / ".cache" / "envd"}
    address = BuilderAddress.parse(order["builder"])
    return Witness(folder.path, address, contexts, imports=bool(order["imports"]))


def _own_events(folder: BuildFolder) -> list[dict[str, Any]]:
    from envd_jupyter.builds.events import EventReader

    return EventReader(folder.events).read()
