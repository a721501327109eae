"""What can be done with the builds of the past: the actions of ``%envd_history``.

The command ``envd-jupyter history`` has the same actions and flags, declared here once. An action
returns what is to be shown; what it returns shows itself, in a cell as in a shell.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import RequestError
from envd_jupyter.notebook.wording import BUILD_WORDS, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from envd_jupyter.builds.client import Build
    from envd_jupyter.builds.record import History
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.result import BuildResult
    from envd_jupyter.builds.retention import Retention
    from envd_jupyter.notebook.display import Screen

__all__ = ["ACTIONS", "DESCRIPTION", "Past", "add_history_flags", "history_examples"]

DESCRIPTION = "The builds of the past, from every notebook."

_LOG_LINES = 200
_MOST_WIDTH = 2000
_UNLIMITED = "all"


def history_examples(prog: str) -> str:
    """Return the examples below the help; ``prog`` is what one types, ``%envd_history``."""
    rows = {
        "": "the latest builds",
        "--state failed": "those that failed",
        "show 3fa9c1": "one build, as its cell showed it",
        "log last --step pip": "what its steps with pip in their name wrote",
        "report": "what was cached, what it saved, why steps ran again",
        "rerun 3fa9c1": "build the same once more",
        "compare 3fa9c1 last": "two builds side by side",
        "export last build.html": "a page for somebody without the record",
        "keep --builds 500 --age 90d": "how much of the past is kept",
    }
    lines = [f"  {prog} {words:28}  {what}".rstrip() for words, what in rows.items()]
    return "\n".join(["examples:", *lines, ""])


def add_history_flags(parser: argparse.ArgumentParser) -> None:
    """Add the actions and flags to a parser."""
    parser.add_argument("action", nargs="?", default="list", help=f"{', '.join(ACTIONS)}")
    parser.add_argument("build", nargs="?", help="id, part of an id, or last")
    parser.add_argument(
        "other",
        nargs="?",
        help="for compare: another build; for export: a file (.html, .json or .jsonl)",
    )
    parser.add_argument("--json", action="store_true", help="print records as JSON")
    which = parser.add_argument_group("which builds to list")
    which.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    which.add_argument(
        "--state", choices=[*BUILD_WORDS], metavar="STATE", help=f"{', '.join(BUILD_WORDS)}"
    )
    which.add_argument("--project", metavar="DIR", help="of this project")
    which.add_argument("--notebook", metavar="FILE", help="of this notebook")
    which.add_argument("--kernel", metavar="NAME", help="of this kernel (python3)")
    which.add_argument("--text", metavar="TEXT", help="in which this text occurs")
    log = parser.add_argument_group("for log")
    log.add_argument("--step", help="number, digest or part of the name of a step")
    log.add_argument(
        "--lines",
        type=int,
        default=_LOG_LINES,
        metavar="N",
        help=f"only the last N lines, 0 for all ({_LOG_LINES})",
    )
    keep = parser.add_argument_group("for keep (all lifts a limit)")
    keep.add_argument("--builds", metavar="N", help="so many builds")
    keep.add_argument("--age", metavar="TIME", help="builds of so long ago: 24h, 90d")
    keep.add_argument("--size", metavar="SIZE", help="so many bytes of logs: 500MB, 2GB")


@dataclass(frozen=True)
class Past:
    """The builds of the past, with what it takes to show one or to repeat it.

    Attributes
    ----------
    history
        The index of builds.
    prog
        What one types to get here, for messages.
    screen_for
        Where a build is painted.
    adopt
        Makes the request of a build that is run again one of the present notebook and kernel.
    """

    history: History
    prog: str
    screen_for: Callable[[Build], Screen]
    adopt: Callable[[BuildRequest], BuildRequest] = lambda request: request

    def act(self, given: argparse.Namespace) -> object:
        """Carry out what a line asks for and return what is to be shown.

        Raises
        ------
        RequestError, RecordError
            If there is no such action, or no such build.
        """
        action = ACTIONS.get(given.action)
        if action is None:
            raise RequestError(
                f"{self.prog}: there is no action {given.action!r}",
                hint=f"The actions are {', '.join(ACTIONS)}.",
            )
        return action(self, given)

    def build(self, name: str | None) -> Build:
        """Return the build that is meant by an id, a part of one, or ``last``."""
        from envd_jupyter.builds.client import Build
        from envd_jupyter.builds.folder import BuildFolder
        from envd_jupyter.notebook.historytable import resolve

        build_id = resolve(self.history, name or "last")
        return Build(BuildFolder.find(build_id, self.history.data))


def _list(past: Past, given: argparse.Namespace) -> object:
    from envd_jupyter.notebook.historytable import HistoryTable

    table = HistoryTable(
        past.history.list(
            project=_absolute(given.project),
            notebook=_absolute(given.notebook),
            kernel=given.kernel,
            state=given.state,
            text=given.text,
            limit=given.limit,
        )
    )
    if given.json:
        print(table.to_json())
        return None
    return table


def _absolute(path: str | None) -> str | None:
    # As the record has it: a link is not followed.
    return os.path.abspath(Path(path).expanduser()) if path else None  # noqa: PTH100


def _show(past: Past, given: argparse.Namespace) -> None:
    from envd_jupyter.notebook.historytable import HistoryTable

    build = past.build(given.build)
    if given.json:
        print(HistoryTable([past.history.get(build.id)]).to_json())
        return
    past.screen_for(build).paint(build.state().view(), final=True)


def _log(past: Past, given: argparse.Namespace) -> None:
    from envd_jupyter.notebook.wording import clean_line

    result = past.build(given.build).result()
    step = int(given.step) if given.step and given.step.isdigit() else given.step
    lines = result.log(step).splitlines()
    cut = max(len(lines) - given.lines, 0) if given.lines > 0 else 0
    if cut:
        print(f"… {cut} lines before; --lines 0 prints all, {result.path} holds them")
    for line in lines[cut:]:
        print(clean_line(line, _MOST_WIDTH))


def _report(past: Past, given: argparse.Namespace) -> object:
    return past.build(given.build).result().report()


def _rerun(past: Past, given: argparse.Namespace) -> BuildResult:
    from envd_jupyter.builds.again import request_again
    from envd_jupyter.notebook.following import build_and_wait

    request = past.adopt(request_again(past.build(given.build).folder))
    result = build_and_wait(request, past.screen_for)
    result.raise_for_state()
    return result


def _compare(past: Past, given: argparse.Namespace) -> object:
    from envd_jupyter.builds.insight.history import compare_builds

    return compare_builds(past.build(given.build).path, past.build(given.other).path)


def _export(past: Past, given: argparse.Namespace) -> None:
    from envd_jupyter.builds.insight.history import export_build

    build = past.build(given.build)
    target = Path(given.other or f"{build.id}.html").expanduser()
    print(f"Wrote {export_build(build.path, target)}")


def _delete(past: Past, given: argparse.Namespace) -> None:
    if given.build is None:
        raise RequestError(
            f"{past.prog} delete: no build is named", hint="Name its id, a part of it, or last."
        )
    build_id = past.build(given.build).id
    past.history.delete(build_id)
    print(f"Deleted the record and the log of {build_id}.")


def _keep(past: Past, given: argparse.Namespace) -> None:
    from envd_jupyter.builds.retention import Retention
    from envd_jupyter.notebook.amounts import read_bytes, read_seconds

    limits = Retention.load(past.history.data)
    changes: dict[str, int | float | None] = {}
    for text, name, read in (
        (given.builds, "count", _read_count),
        (given.age, "age", read_seconds),
        (given.size, "size", read_bytes),
    ):
        if text is not None:
            changes[name] = None if text == _UNLIMITED else read(text, f"--{_FLAGS[name]}")
    if changes:
        limits = dataclasses.replace(limits, **changes)  # type: ignore[arg-type]
        limits.save(past.history.data)
    print(_limits_text(limits))
    if changes:
        forgotten = past.history.retain(limits)
        print(f"{len(forgotten)} builds were forgotten." if forgotten else "All builds stay.")


_FLAGS = {"count": "builds", "age": "age", "size": "size"}


def _read_count(text: str, flag: str) -> int:
    if not text.isdigit():
        raise RequestError(f"{flag} {text!r} is no number", hint="Write 500, or all.")
    return int(text)


def _limits_text(limits: Retention) -> str:
    count = "all builds" if limits.count is None else f"the latest {limits.count} builds"
    age = "of any age" if limits.age is None else f"of the last {limits.age / 86400:g} days"
    most = "of any size" if limits.size is None else f"of {size(limits.size)} at most"
    return f"Kept are {count}, {age}, with logs {most}; running ones always."


ACTIONS: dict[str, Callable[[Past, argparse.Namespace], object]] = {
    "list": _list,
    "show": _show,
    "log": _log,
    "report": _report,
    "rerun": _rerun,
    "compare": _compare,
    "export": _export,
    "delete": _delete,
    "keep": _keep,
}
