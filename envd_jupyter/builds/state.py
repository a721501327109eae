"""What a build is at this moment, folded from its events.

`BuildState` is fed every line of a build's event log, in order, and can be asked for a view at any
time. It is pure: no clock, no file, no thread. The driver folds the events it writes to classify
the end; a kernel, the server and the history fold the same file and so show the same build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.steps import Step, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from envd_jupyter.builds.view import (
        BuildView,
        CacheView,
        ErrorView,
        NoteView,
        StepView,
        Summary,
    )

__all__ = ["FINAL_STATES", "BuildState"]

FINAL_STATES = frozenset({"succeeded", "skipped", "failed", "export_failed", "interrupted", "lost"})
"""The states a build ends in."""

_MOST_NOTES = 40
_MOST_TAILS = 24
_OUTPUT_BYTES = 8192


class BuildState:
    """Fold the events of one build.

    Parameters
    ----------
    id
        The build's id, until its ``start`` event tells.

    Attributes
    ----------
    state
        ``running`` or one of `FINAL_STATES`.
    start
        The ``start`` event as recorded (empty before it was seen).
    result
        The ``result`` event as recorded, or None while the build runs.
    steps
        The steps by their digest, in the order of the build.
    """

    def __init__(self, id: str = "") -> None:
        self.id = id
        self.state = "running"
        self.phase: str | None = None
        self.start: dict[str, Any] = {}
        self.result: dict[str, Any] | None = None
        self.steps: dict[str, Step] = {}
        self.caches: dict[str, dict[str, CacheView]] = {"import": {}, "export": {}}
        self.notes: list[NoteView] = []
        self.output = b""
        self.recording = False
        self.builder: str | None = None
        self._last: float | None = None

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one event: a line of BuildKit's rawjson, or one of our own (``{"envd": …}``)."""
        own = event.get("envd")
        if own is not None:
            self._apply_own(own)
            return
        vertexes = event.get("vertexes")
        if vertexes:
            self._apply_vertexes(vertexes)
        for status in event.get("statuses") or ():
            step = self._step(status.get("vertex", ""))
            step.status(status)
        for log in event.get("logs") or ():
            self._step(log.get("vertex", "")).log(log.get("data", ""))
        for warning in event.get("warnings") or ():
            self._apply_warning(warning)

    def _apply_vertexes(self, vertexes: Iterable[Mapping[str, Any]]) -> None:
        new = {v["digest"]: v for v in vertexes if v["digest"] not in self.steps}
        for digest in _inputs_first(new):
            self.steps[digest] = Step(digest, len(self.steps) + 1)
        for vertex in vertexes:
            step = self.steps[vertex["digest"]]
            step.vertex(vertex)
            for moment in (step.started, step.completed):
                if moment is not None:
                    self._last = max(self._last or 0.0, moment)

    def _step(self, digest: str) -> Step:
        step = self.steps.get(digest)
        if step is None:
            step = self.steps[digest] = Step(digest, len(self.steps) + 1)
        return step

    def _apply_warning(self, warning: Mapping[str, Any]) -> None:
        from binascii import a2b_base64

        short = a2b_base64(warning.get("short", "")).decode("utf-8", "replace")
        self._note("warning", short, warning.get("url") or None)

    def _note(self, level: str, message: str, hint: str | None) -> None:
        note: NoteView = {
            "level": level,
            "message": message[:1000],
            "hint": hint[:1000] if hint else None,
        }
        if note not in self.notes and len(self.notes) < _MOST_NOTES:
            self.notes.append(note)

    def _apply_own(self, event: Mapping[str, Any]) -> None:
        moment = event.get("time")
        if isinstance(moment, (int, float)):
            self._last = max(self._last or 0.0, moment)
        kind = event.get("kind")
        if kind == "start":
            self._apply_start(event)
        elif kind == "phase":
            self.phase = event.get("phase")
        elif kind == "output":
            text = event.get("text", "").encode("utf-8", "replace")
            self.output = (self.output + text)[-_OUTPUT_BYTES:]
        elif kind == "connected":
            self.builder = event.get("version") or self.builder
        elif kind == "cache":
            self._apply_cache(event)
        elif kind == "note":
            self._note(event.get("level", "info"), event.get("message", ""), event.get("hint"))
        elif kind == "result":
            self.result = dict(event)
            for step in self.steps.values():
                step.stop(event.get("time"))
            self.state = event.get("state", "failed")
            self.phase = None

    def _apply_start(self, event: Mapping[str, Any]) -> None:
        self.start = dict(event)
        self.id = event.get("id", self.id)
        self.recording = bool(event.get("recording"))
        for direction in ("import", "export"):
            self.caches[direction] = {
                entry: {"entry": entry, "state": "pending", "message": None, "hint": None}
                for entry in event.get(f"{direction}s") or ()
            }

    def _apply_cache(self, event: Mapping[str, Any]) -> None:
        entry = event.get("entry", "")
        self.caches.setdefault(event.get("direction", "import"), {})[entry] = {
            "entry": entry,
            "state": event.get("state", "pending"),
            "message": _short(event.get("message")),
            "hint": _short(event.get("hint")),
        }

    @property
    def finished(self) -> bool:
        """Whether the build has ended."""
        return self.state in FINAL_STATES

    def real_steps(self) -> list[Step]:
        """Return the steps of the environment itself.

        BuildKit's internal vertices, base images, contexts, and imports and exports are left out,
        as in ``buildctl``'s own cache metrics: none of them can be said to come from a cache.
        """
        return [step for step in self.steps.values() if step.kind == "step"]

    def summary(self) -> Summary:
        """Count the real steps by state."""
        states = [step.state for step in self.real_steps()]
        return {
            "total": len(states),
            "completed": sum(state in ("done", "cached") for state in states),
            "cached": states.count("cached"),
            "running": states.count("running"),
            "failed": states.count("failed"),
            "real": len(states),
        }

    def failed_step(self) -> Step | None:
        """Return the first step that failed, cache imports (which never fail a build) left out."""
        for step in self.steps.values():
            if step.state == "failed" and step.kind != "import":
                return step
        return None

    def output_lines(self, count: int) -> list[str]:
        """Return the last ``count`` lines that envd itself wrote."""
        lines = self.output.decode("utf-8", "replace").splitlines()
        return [line[:400] for line in lines if line.strip()][-count:] if count > 0 else []

    def view(
        self, *, log_lines: int = 8, max_steps: int = 60, now: float | None = None
    ) -> BuildView:
        """Return the build as JSON of bounded size.

        Parameters
        ----------
        log_lines
            How many of the last lines of a running or failed step's log to give.
        max_steps
            How many steps to give at most; failed and running ones first.
        now
            Seconds since the epoch, for what still runs; by default the time of the last event.
        """
        now = now if now is not None and not self.finished else self._last
        result = self.result or {}
        started = self.start.get("time")
        completed = result.get("time")
        end = completed if completed is not None else now
        steps, omitted = self._step_views(now, log_lines, max_steps)
        return {
            "version": 1,
            "id": self.id,
            "state": self.state,
            "phase": self.phase,
            "title": self.start.get("title") or _last_part(self.start.get("project")),
            "project": self.start.get("project"),
            "image": result.get("image") or self.start.get("image"),
            "digest": result.get("digest"),
            "builder": self.start.get("builder"),
            "started": started,
            "completed": completed,
            "elapsed": max(end - started, 0.0) if started and end else None,
            "summary": self.summary(),
            "steps": steps,
            "steps_omitted": omitted,
            "cache": {
                "imports": list(self.caches["import"].values()),
                "exports": list(self.caches["export"].values()),
            },
            "notes": list(self.notes),
            "error": self._error(log_lines),
            "recording": self.recording,
        }

    def _step_views(
        self, now: float | None, log_lines: int, max_steps: int
    ) -> tuple[list[StepView], int]:
        chosen = sorted(self.steps.values(), key=_urgency)[: max(max_steps, 0)]
        with_tail = {step.digest for step in chosen[:_MOST_TAILS]}
        views = [
            step.view(
                now,
                log_lines=log_lines if step.digest in with_tail and _talks(step) else 0,
                transfers=6 if step.digest in with_tail else 2,
            )
            for step in sorted(chosen, key=lambda step: step.number)
        ]
        return views, len(self.steps) - len(views)

    def _error(self, log_lines: int) -> ErrorView | None:
        result = self.result
        if result is None or self.state in ("succeeded", "skipped"):
            return None
        step = self.steps.get(result.get("failed_step") or "")
        tail = step.tail(max(log_lines, 8)) if step else self.output_lines(8)
        return {
            "message": result.get("message") or self.state,
            "hint": result.get("hint"),
            "step": title_of(step.name)[:300] if step else None,
            "log_tail": tail,
        }


def _inputs_first(vertexes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Order the vertices of one event inputs first; BuildKit tells them the other way round."""
    ordered: dict[str, None] = {}
    for root in reversed(list(vertexes)):
        stack = [(root, iter(vertexes[root].get("inputs") or ()))]
        entered = {root}
        while stack:
            digest, inputs = stack[-1]
            following = next((i for i in inputs if i in vertexes and i not in ordered), None)
            if following is None:
                ordered[digest] = None
                stack.pop()
            elif following not in entered:
                entered.add(following)
                stack.append((following, iter(vertexes[following].get("inputs") or ())))
    return list(ordered)


def _urgency(step: Step) -> tuple[int, float]:
    state = step.state
    if state == "failed":
        return 0, step.number
    if state == "running":
        return 1, step.number
    if step.kind in ("import", "export"):
        return 2, step.number
    if state == "waiting":
        return 4, step.number
    return (3 if step.kind == "step" else 5), -(step.completed or 0.0)


def _talks(step: Step) -> bool:
    return step.state in ("running", "failed") or step.log_lines > 0


def _short(text: str | None) -> str | None:
    return text[:1000] if text else None


def _last_part(path: str | None) -> str:
    return path.rstrip("/").rpartition("/")[2] if path else ""
