"""``envd-jupyter``: the few things one wants from a shell rather than from a cell.

``up`` and ``down`` run a builder of our own for those who have none, ``doctor`` says what is there
and what to do next, ``history`` lists the builds that were run from notebooks.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from envd_jupyter._version import __version__
from envd_jupyter.errors import EnvdJupyterError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 done, 1 failed, 2 wrong usage)."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except EnvdJupyterError as error:
        print(f"envd-jupyter: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="envd-jupyter", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    return parser
