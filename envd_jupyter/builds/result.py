"""What a build came to: the value ``%envd_build`` leaves in the notebook."""

from __future__ import annotations

from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envd_jupyter.builds.events import read_events
from envd_jupyter.builds.state import BuildState
from envd_jupyter.errors import EnvdBuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from envd_jupyter.builds.insight.report import BuildReport
    from envd_jupyter.builds.view import BuildView, CacheView

__all__ = ["BuildResult", "log_pieces"]

_WORDS = {
    "succeeded": "built",
    "skipped": "skipped, nothing has changed",
    "failed": "failed",
    "export_failed": "image built, cache export failed",
    "interrupted": "interrupted",
    "lost": "lost",
    "running": "still running",
}


@dataclass(frozen=True)
class BuildResult:
    """How one build ended.

    Attributes
    ----------
    id
        The build's id, as in ``%envd_history``.
    state
        ``succeeded``, ``skipped``, ``failed``, ``export_failed``, ``interrupted`` or ``lost``.
    image, digest
        The image's name, and its digest (``sha256:…``) if BuildKit told one.
    duration
        Seconds from the start to the end.
    total, cached
        How many steps of the environment there were, and how many of them came from a cache.
    imports, exports
        What became of each remote cache (``entry``, ``state``, ``message``, ``hint``).
    message, hint, failed_step
        Why it did not succeed, what to do, and the name of the step that failed.
    exit_code
        Of the envd program; negative for a signal; None if it was never known.
    path
        The folder with the event log.
    """

    id: str
    state: str
    image: str | None
    digest: str | None
    duration: float | None
    total: int
    cached: int
    imports: tuple[CacheView, ...]
    exports: tuple[CacheView, ...]
    message: str | None
    hint: str | None
    failed_step: str | None
    exit_code: int | None
    path: Path
    log_tail: tuple[str, ...] = ()

    @classmethod
    def from_state(cls, state: BuildState, path: Path) -> BuildResult:
        """Read the result off a folded build."""
        view = state.view(log_lines=12, max_steps=0)
        error = view["error"]
        result = state.result or {}
        return cls(
            id=state.id,
            state=state.state,
            image=view["image"],
            digest=view["digest"],
            duration=result.get("duration", view["elapsed"]),
            total=view["summary"]["total"],
            cached=view["summary"]["cached"],
            imports=tuple(view["cache"]["imports"]),
            exports=tuple(view["cache"]["exports"]),
            message=error["message"] if error else result.get("message"),
            hint=error["hint"] if error else result.get("hint"),
            failed_step=error["step"] if error else None,
            exit_code=result.get("exit_code"),
            path=path,
            log_tail=tuple(error["log_tail"]) if error else (),
        )

    @classmethod
    def from_log(cls, path: Path) -> BuildResult:
        """Fold the event log in a build's folder."""
        state = BuildState(path.name)
        for event in read_events(path / "events.jsonl"):
            state.apply(event)
        return cls.from_state(state, path)

    @property
    def ok(self) -> bool:
        """Whether the environment is there as asked: built, or unchanged."""
        return self.state in ("succeeded", "skipped")

    def raise_for_state(self) -> None:
        """Raise `EnvdBuildError` unless `ok`; the message has the step and its last lines."""
        if self.ok:
            return
        lines = [f"{_WORDS.get(self.state, self.state)}: {self.message or 'no reason is known'}"]
        if self.failed_step:
            lines.append(f"in step: {self.failed_step}")
        lines += [f"  | {line}" for line in self.log_tail[-10:]]
        raise EnvdBuildError("\n".join(lines), result=self, hint=self.hint)

    def view(self) -> BuildView:
        """Return the build as every surface shows it, read from its log."""
        state = BuildState(self.id)
        for event in read_events(self.path / "events.jsonl"):
            state.apply(event)
        return state.view()

    def log(self, step: str | int | None = None) -> str:
        """Return what a step wrote, or all that was written.

        Parameters
        ----------
        step
            A step's number, digest or part of its name; None for all steps and envd's own output.

        Returns
        -------
        str
            The whole text, however long, as the step wrote it.
        """
        return b"".join(log_pieces(self.path, step)).decode("utf-8", "replace")

    def report(self) -> BuildReport:
        """Return what was cached and from where, what it saved, and why steps ran again."""
        from envd_jupyter.builds.insight.report import report_of

        return report_of(self.path)

    def __repr__(self) -> str:
        word = _WORDS.get(self.state, self.state)
        steps = f", {self.cached} of {self.total} steps cached" if self.total else ""
        time = f", {self.duration:.1f} s" if self.duration is not None else ""
        image = f" {self.image}" if self.image else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"<BuildResult {self.id}: {word}{image}{digest}{steps}{time}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self)}


def log_pieces(path: Path, step: str | int | None = None) -> Iterator[bytes]:
    """Yield what a step wrote, or all that was written, piece by piece; however long, in few bytes.

    Parameters
    ----------
    path
        The build's folder.
    step
        As for `BuildResult.log`.
    """
    wanted = _matching(path, step)
    for event in read_events(path / "events.jsonl"):
        for log in event.get("logs") or ():
            if wanted is None or log["vertex"] in wanted:
                yield a2b_base64(log.get("data", ""))
        own = event.get("envd")
        if wanted is None and own is not None and own.get("kind") == "output":
            yield own.get("text", "").encode()


def _matching(path: Path, step: str | int | None) -> set[str] | None:
    if step is None:
        return None
    state = BuildState(path.name)
    for event in read_events(path / "events.jsonl"):
        state.apply({**event, "logs": None})
    return {
        item.digest
        for item in state.steps.values()
        if item.number == step
        or (isinstance(step, str) and (item.digest == step or step in item.name))
    }
