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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envd_jupyter.buildkit.daemon import ManagedBuilder

__all__ = ["main"]


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
        prog="envd-jupyter", description="A builder, a doctor and a history for envd in notebooks."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    up = commands.add_parser("up", help="start a BuildKit of your own, installed if need be")
    up.add_argument(
        "--insecure-registry",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a registry to reach over plain HTTP; may be repeated",
    )
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="stop it; its cache stays")
    down.add_argument("--remove", action="store_true", help="remove its cache, too")
    down.set_defaults(run=_down)

    commands.add_parser("status", help="tell whether it runs, and its disk use").set_defaults(
        run=_status
    )

    doctor = commands.add_parser("doctor", help="find out what builds need and what is there")
    doctor.add_argument("--builder", metavar="BUILDER", help="look at this builder")
    doctor.add_argument("--fix", action="store_true", help="start a builder if there is none")
    doctor.set_defaults(run=_doctor)

    history = commands.add_parser("history", help="list the builds of the past")
    history.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    history.add_argument("--state", metavar="STATE", help="only those that ended so")
    history.add_argument("--project", metavar="DIR", help="only those of this project")
    history.add_argument("--text", metavar="TEXT", help="only those in which this text occurs")
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
    from envd_jupyter.builds.folder import data_dir
    from envd_jupyter.builds.record import History
    from envd_jupyter.notebook.historytable import HistoryTable

    records = History(data_dir()).list(
        project=arguments.project,
        state=arguments.state,
        text=arguments.text,
        limit=arguments.limit,
    )
    print(HistoryTable(records))
    return 0
