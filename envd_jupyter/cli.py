"""``envd-jupyter``: the few things one wants from a shell rather than from a cell.

``up``, ``down`` and ``status`` run a builder of our own for those who have none, ``doctor`` says
what is there and what to do next, ``history`` lists the builds that were run from notebooks.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from envd_jupyter._version import __version__
from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.notebook.pastbuilds import (
    DESCRIPTION,
    Past,
    add_history_flags,
    history_examples,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envd_jupyter.buildkit.daemon import ManagedBuilder

__all__ = ["main"]

_HISTORY = "envd-jupyter history"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 done, 1 failed, 2 wrong usage)."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except EnvdJupyterError as error:
        print(f"envd-jupyter: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="envd-jupyter",
        description="A builder, a doctor and a history for envd in notebooks.",
        epilog="Exit codes: 0 done, 1 failed or not there, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    up = commands.add_parser(
        "up",
        help="start a BuildKit of your own, installed if need be",
        description="Start a BuildKit of your own; it runs until it is taken down. Without root "
        "it runs in a user namespace. What it takes is installed below the data folder.",
    )
    up.add_argument(
        "--insecure-registry",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a registry to reach over plain HTTP; may be repeated",
    )
    up.set_defaults(run=_up)

    down = commands.add_parser(
        "down",
        aliases=["stop"],
        help="stop it; its cache stays",
        description="Stop the BuildKit of your own. Its cache stays for the next time.",
    )
    down.add_argument("--remove", action="store_true", help="remove its cache, too")
    down.set_defaults(run=_down)

    status = commands.add_parser(
        "status",
        help="tell whether it runs, and its disk use",
        description="Tell whether a BuildKit of your own runs, and how much room its cache takes. "
        "The exit code is 1 if none runs.",
    )
    status.set_defaults(run=_status)

    doctor = commands.add_parser(
        "doctor",
        help="find out what builds need and what is there",
        description="Look at envd, builders, container engines and credentials, and say what to "
        "do next. The exit code is 1 if no build can run.",
    )
    doctor.add_argument("--builder", metavar="BUILDER", help="look at this context or address")
    doctor.add_argument("--fix", action="store_true", help="start a builder if there is none")
    doctor.set_defaults(run=_doctor)

    history = commands.add_parser(
        "history",
        help="look at the builds of the past, and run one again",
        description=DESCRIPTION,
        epilog=history_examples(_HISTORY),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_history_flags(history)
    history.set_defaults(run=_history)
    return parser


def _builder() -> ManagedBuilder:
    from envd_jupyter.buildkit.daemon import ManagedBuilder
    from envd_jupyter.builds.folder import data_dir

    return ManagedBuilder(data_dir())


def _up(arguments: argparse.Namespace) -> int:
    status = _builder().start(insecure=arguments.insecure_registry)
    print(f"BuildKit {status.version or ''} runs at {status.address}")
    print(f"Use it in a cell:  %envd_build --builder {status.address}")
    socket = status.address.removeprefix("unix://")
    print(
        "Or make it envd's: envd context create --name mine --use "
        f"--builder unix --builder-address {socket}"
    )
    return 0


def _down(arguments: argparse.Namespace) -> int:
    builder = _builder()
    if arguments.remove:
        builder.remove()
        print("The builder is stopped and its cache removed.")
    else:
        print("The builder is stopped." if builder.stop() else "No builder of yours was running.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    builder = _builder()
    status = builder.status()
    if not status.running:
        print("No builder of yours is running; start one with: envd-jupyter up")
        return 1
    print(f"BuildKit {status.version or ''} runs at {status.address}")
    print(f"Its cache takes {builder.disk_use() / 1e6:.0f} MB.")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from envd_jupyter.notebook.doctorview import DoctorView, examine_here

    diagnosis = examine_here(arguments.builder)
    if arguments.fix and not diagnosis.ok and arguments.builder is None:
        status = _builder().start()
        print(f"Started a builder of your own: {status.address}\n")
        diagnosis = examine_here(status.address)
    print(DoctorView(diagnosis))
    return 0 if diagnosis.ok else 1


def _history(arguments: argparse.Namespace) -> int:
    from envd_jupyter.builds.record import History
    from envd_jupyter.notebook.display import terminal_screen

    shown = Past(History(), _HISTORY, lambda build: terminal_screen()).act(arguments)
    if shown is not None and arguments.action != "rerun":
        print(shown)
    return 0
