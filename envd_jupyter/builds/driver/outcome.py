"""How a build ended, told from what BuildKit answered and not from what was printed.

envd's exit code alone misleads: it is 0 for a build that was skipped, and 1 for one that was built
and pushed when the push went through Docker (1.3.6 confuses OS and architecture afterwards). The
relay has seen whether there was a solve and what BuildKit said to it; that decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envd_jupyter.builds.steps import is_cache_export

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envd_jupyter.builds.state import BuildState
    from envd_jupyter.builds.steps import Step

__all__ = ["Outcome", "Solve", "classify"]

_GOOD_CODES = (0, None)
_DIGEST = "containerimage.digest"
_PUSHED = re.compile(r"^pushing manifest for (\S+?)@(sha256:[0-9a-f]{64})$")
_LEVEL = re.compile(r'^time="[^"]*" level=(?:fatal|error) msg="?(.*?)"? ?(?:app=\S+)?')
_EXIT = re.compile(r'process ".*" did not complete successfully: exit code: (\d+)', re.DOTALL)
_ENVD_ERROR = re.compile(r'\berror="((?:[^"\\]|\\.)*)"')


@dataclass
class Solve:
    """One ``Control/Solve`` as the relay saw it.

    Attributes
    ----------
    ref
        BuildKit's reference of the solve.
    exporters
        The types of its exporters.
    response
        BuildKit's answer, or None if there was none.
    error
        The code and message of the error it answered with, or None.
    """

    ref: str
    exporters: tuple[str, ...] = ()
    response: Mapping[str, str] | None = None
    error: tuple[int, str] | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of a build, as in its ``result`` event."""

    state: str
    message: str | None = None
    hint: str | None = None
    digest: str | None = None
    failed_step: str | None = None
    notes: tuple[tuple[str, str | None], ...] = field(default=())


def classify(
    exit_code: int,
    solves: Sequence[Solve],
    state: BuildState,
    *,
    canceled: bool,
    pushes: bool = False,
    fault: tuple[str, str | None] | None = None,
) -> Outcome:
    """Say how the build ended.

    Parameters
    ----------
    exit_code
        Of envd; negative for a signal.
    solves
        What BuildKit was asked and answered, in order.
    state
        The folded events.
    canceled
        Whether somebody asked to stop.
    pushes
        Whether the image was to be pushed by BuildKit.
    fault
        Why the relay lost the builder, if it did, and what to do about it.
    """
    digest = _digest(solves, state)
    finished = bool(solves) and all(solve.response is not None for solve in solves)
    if finished and exit_code == 0:
        return Outcome("succeeded", digest=digest)
    if canceled:
        return Outcome("interrupted", "the build was interrupted", digest=digest)
    if finished and pushes:
        said = _reason(state)
        if not _pushed(state):
            return Outcome(
                "failed",
                f"the image was built, but it was not pushed: {said}",
                "It is in Docker: push it with docker push. envd (1.3.6) cannot push from an "
                "Engine whose BuildKit does not do it.",
                digest=digest,
            )
        note = ("envd reported an error after BuildKit had built and pushed the image", said)
        return Outcome("succeeded", digest=digest, notes=(note,))
    if not solves and exit_code == 0:
        return Outcome("skipped", "envd found nothing changed and built nothing")
    return _failure(exit_code, solves, state, digest, fault)


def _failure(
    exit_code: int,
    solves: Sequence[Solve],
    state: BuildState,
    digest: str | None,
    fault: tuple[str, str | None] | None,
) -> Outcome:
    from envd_jupyter.builds.hints import hint_for

    export = _failed_cache_export(state)
    if export is not None and digest is not None:
        message = f"{export.name}: {export.error}"
        return Outcome(
            "export_failed", message, hint_for(message), digest, failed_step=export.digest
        )
    step = export or state.failed_step()
    if step is not None:
        message = _plain(step.error or "the step failed")
        return Outcome("failed", message, hint_for(step.error or ""), failed_step=step.digest)
    answered = next((solve.error for solve in solves if solve.error), None)
    if fault is not None and (answered is None or answered[0] == 14):
        return Outcome("failed", fault[0], fault[1] or hint_for(fault[0]))
    if answered is not None and answered[1]:
        message = _plain(answered[1])
        return Outcome("failed", message, hint_for(message))
    if exit_code < 0:
        return Outcome(
            "failed",
            f"envd was killed by signal {-exit_code}",
            "Something outside ended it; a machine short of memory does so with signal 9.",
        )
    said = _reason(state) or f"envd ended with exit code {exit_code}"
    return Outcome("failed", said, hint_for(said), digest=digest)


def _failed_cache_export(state: BuildState) -> Step | None:
    for step in state.steps.values():
        if is_cache_export(step.name) and step.state == "failed":
            return step
    return None


def _digest(solves: Sequence[Solve], state: BuildState) -> str | None:
    """Return the image's digest: BuildKit's answer, else the manifest it is seen to have written.

    When a cache export fails there is no answer, although the image was exported before it.
    """
    for solve in reversed(solves):
        if solve.response and solve.response.get(_DIGEST):
            return solve.response[_DIGEST]
    found = None
    for step in state.steps.values():
        if step.kind != "export" or is_cache_export(step.name) or step.error:
            continue
        for transfer in step.transfers.values():
            name = transfer["id"]
            if transfer["done"] and name.startswith("exporting manifest sha256:"):
                found = name.rpartition(" ")[2]
            pushed = _PUSHED.match(name)
            if transfer["done"] and pushed:
                found = pushed.group(2)
    return found


def _pushed(state: BuildState) -> bool:
    """Return whether BuildKit itself is seen to have pushed the image."""
    return any(
        transfer["done"] and transfer["id"].startswith("pushing manifest")
        for step in state.steps.values()
        for transfer in step.transfers.values()
    )


def _reason(state: BuildState) -> str | None:
    """Return what envd itself gave as the reason of its end."""
    for line in reversed(state.output_lines(40)):
        error = _ENVD_ERROR.search(line)
        if error:
            return error.group(1).replace('\\"', '"').replace("\\n", "\n")
    lines = state.output_lines(1)
    return lines[0] if lines else None


def _plain(message: str) -> str:
    """Return what BuildKit said without its stack trace and the command, which is the step."""
    message = message.split("\n\tgithub.com/", 1)[0].strip()
    ended = _EXIT.fullmatch(message)
    return f"the step ended with exit code {ended.group(1)}" if ended else message
