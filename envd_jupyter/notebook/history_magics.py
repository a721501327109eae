"""``%envd_attach``, ``%envd_cancel``, ``%envd_history``, ``%envd_replay`` and ``%envd_doctor``.

All of them look at builds through the records on disk, so they work in any kernel, also one that
was started after the build.
"""

from __future__ import annotations

import dataclasses
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from IPython.core.magic import line_magic, magics_class

from envd_jupyter.builds.line import PROGRESS, HelpWanted, MagicParser, split_words
from envd_jupyter.notebook.pastbuilds import (
    ACTIONS,
    DESCRIPTION,
    Past,
    add_history_flags,
    history_examples,
)
from envd_jupyter.notebook.shellmagics import ShellMagics

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from envd_jupyter.builds.client import Build
    from envd_jupyter.builds.record import History
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.result import BuildResult

__all__ = ["HistoryMagics", "attach_parser", "cancel_parser", "doctor_parser", "history_parser"]

T = TypeVar("T")

_HISTORY = "%envd_history"


def attach_parser() -> MagicParser:
    """Return the parser of ``%envd_attach``."""
    parser = MagicParser(
        "%envd_attach",
        "Show a build from its beginning, in this cell: one that runs in the background, was "
        "started by another kernel, or has ended. An interrupt stops showing it, not the build.",
    )
    parser.add_argument(
        "build", nargs="?", help="its id or a part of it (default: the running one)"
    )
    parser.add_argument(
        "--background", "--bg", action="store_true", help="show it without waiting for its end"
    )
    parser.add_argument("--progress", choices=PROGRESS, help="auto, text or quiet")
    return parser


def cancel_parser() -> MagicParser:
    """Return the parser of ``%envd_cancel``."""
    parser = MagicParser("%envd_cancel", "Cancel a running build and wait until it has ended.")
    parser.add_argument("build", nargs="?", help="its id or a part of it (default: the only one)")
    parser.add_argument("--all", action="store_true", help="cancel every running build")
    return parser


def history_parser() -> MagicParser:
    """Return the parser of ``%envd_history``."""
    parser = MagicParser(_HISTORY, DESCRIPTION, history_examples(_HISTORY))
    add_history_flags(parser)
    return parser


def replay_parser() -> MagicParser:
    """Return the parser of ``%envd_replay``."""
    parser = MagicParser(
        "%envd_replay",
        "Play a recorded build through the live display, labelled as a recording. Pauses of more "
        "than two seconds are cut short; an interrupt shows the end.",
        "examples:\n"
        "  %envd_replay last --speed 10       the latest build, ten times as fast\n"
        "  %envd_replay recordings/cold       the events.jsonl in a folder\n"
        "  %envd_replay build.jsonl           what %envd_history export or buildx wrote\n",
    )
    parser.add_argument(
        "recording",
        help="a build of the history (its id, a part of it, or last), a file of events "
        "(events.jsonl), or a folder that holds one",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="how many times as fast (1); 0: the end at once",
    )
    parser.add_argument("--progress", choices=PROGRESS, help="auto, text or quiet")
    return parser


def _speed(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


# What argparse calls a value that `_speed` refuses.
_speed.__name__ = "speed"


def doctor_parser() -> MagicParser:
    """Return the parser of ``%envd_doctor``."""
    parser = MagicParser(
        "%envd_doctor", "Find out what builds need, what is there, and what to do next."
    )
    parser.add_argument("--builder", help="look at this builder instead of the current one")
    return parser


def with_parser(make: Callable[[], MagicParser]) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Parse the line of a magic before it is called, and show help where it is asked for."""

    def decorate(magic: Callable[..., T]) -> Callable[..., T]:
        @wraps(magic)
        def wrapper(self: ShellMagics, line: str) -> T | None:
            parser = make()
            try:
                given = parser.parse_words(split_words(line, parser.prog))
            except HelpWanted as wanted:
                print(wanted)
                return None
            return magic(self, given)

        wrapper.__doc__ = f"{magic.__doc__}\n\n{make().format_help()}"
        return wrapper  # type: ignore[return-value]

    return decorate


@magics_class
class HistoryMagics(ShellMagics):
    """Look at builds, running and past."""

    @line_magic
    @with_parser(attach_parser)
    def envd_attach(self, given: argparse.Namespace) -> BuildResult | Build:
        """Show a build from its beginning, in this cell."""
        from envd_jupyter.builds.client import attach
        from envd_jupyter.notebook.following import look_and_wait, show_behind
        from envd_jupyter.notebook.historytable import resolve

        build = attach(resolve(_history(), given.build))
        if given.background:
            show_behind(build, self._screens(given.progress or "auto"))
            return build
        return look_and_wait(build, self._screens(given.progress or "auto"))

    @line_magic
    @with_parser(cancel_parser)
    def envd_cancel(self, given: argparse.Namespace) -> None:
        """Cancel a running build and wait until it has ended."""
        from envd_jupyter.builds.client import attach
        from envd_jupyter.notebook.following import cancel_and_wait
        from envd_jupyter.notebook.historytable import resolve

        history = _history()
        if given.all:
            names = [record.id for record in history.list(state="running", limit=500)]
        else:
            names = [resolve(history, given.build, running=True)]
        for name in names:
            print(cancel_and_wait(attach(name)))
        if not names:
            print("No build is running.")

    @line_magic
    @with_parser(history_parser)
    def envd_history(self, given: argparse.Namespace) -> object:
        """List the builds of the past, show or report on one of them, or build it again."""
        from envd_jupyter.notebook.identity import identify

        def adopt(request: BuildRequest) -> BuildRequest:
            here = identify(self._shell)
            return dataclasses.replace(request, notebook=here.notebook, kernel=here.kernel)

        return Past(_history(), _HISTORY, self._screens("auto"), adopt).act(given)

    @line_magic
    @with_parser(replay_parser)
    def envd_replay(self, given: argparse.Namespace) -> BuildResult:
        """Play a recorded build through the live display, labelled as a recording."""
        from envd_jupyter.notebook.display import choose_screen, new_display_id
        from envd_jupyter.notebook.replay import replay

        screen = choose_screen(self._shell, given.progress or "auto", new_display_id("replay"))
        return replay(_recording(given.recording), screen, speed=given.speed)

    @line_magic
    @with_parser(doctor_parser)
    def envd_doctor(self, given: argparse.Namespace) -> object:
        """Find out what builds need, what is there, and what to do next."""
        from envd_jupyter.notebook.doctorview import DoctorView, examine_here

        return DoctorView(examine_here(given.builder))


def _history() -> History:
    from envd_jupyter.builds.record import History

    return History()


def _recording(text: str) -> Path:
    """Return where a recording lies: at a path, or in the history."""
    from envd_jupyter.builds.client import attach
    from envd_jupyter.errors import RecordError
    from envd_jupyter.notebook.historytable import resolve

    path = Path(text).expanduser()
    if path.exists() or "/" in text or path.suffix:
        return path
    try:
        build = attach(resolve(_history(), text))
    except RecordError as error:
        raise RecordError(
            f"there is no recording {text!r}: no such file or folder, and {error.message}",
            hint="%envd_history lists the builds there are.",
        ) from None
    if build.running:
        raise RecordError(f"build {build.id} still runs", hint=f"%envd_attach {build.id} shows it.")
    return build.path


def build_words(words: Sequence[str], word: str) -> Iterable[str]:
    """Complete the id of a build."""
    if words and not words[-1].startswith("-"):
        return ()
    return [record.id for record in _history().list(limit=30)]


def running_words(words: Sequence[str], word: str) -> Iterable[str]:
    """Complete the id of a running build."""
    if words and not words[-1].startswith("-"):
        return ()
    return [record.id for record in _history().list(state="running", limit=30)]


def history_words(words: Sequence[str], word: str) -> Iterable[str]:
    """Complete the actions of ``%envd_history`` and the ids they take."""
    if not words:
        return [*ACTIONS]
    if (len(words) == 1 and words[0] in ACTIONS) or (len(words) == 2 and words[0] == "compare"):
        return ["last", *build_words((), word)]
    return ()


def recording_words(words: Sequence[str], word: str) -> Iterable[str]:
    """Complete a recording: folders and files of events, and the builds of the history."""
    from envd_jupyter.notebook.replay import is_recording

    if words and not words[-1].startswith("-"):
        return ()
    head, slash, begun = word.rpartition("/")
    folder = Path(f"{head}{slash}" or ".").expanduser()
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        entries = []
    found = [
        f"{head}{slash}{entry.name}{'' if is_recording(entry) else '/'}"
        for entry in entries
        if (entry.is_dir() or is_recording(entry))
        and (begun.startswith(".") or not entry.name.startswith("."))
    ]
    return found if slash else [*found, "last", *build_words((), word)]
