"""Run every benchmark, or those named: ``python -m bench [NAME ...]``.

The package is compiled first, as pip compiles what it installs; a checkout never is where Python
was told to write no bytecode.

Prints one line a figure, ``name value unit goal ok|short``, and exits with 1 if one is short.
"""

from __future__ import annotations

import compileall
import importlib
import sys
from pathlib import Path

from bench.report import short_figures

NOT_BENCHMARKS = {"__init__", "__main__", "project", "report"}


def main(names: list[str]) -> int:
    """Run the benchmarks in a fixed order; returns the exit code."""
    folder = Path(__file__).parent
    known = sorted(path.stem for path in folder.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    compileall.compile_dir(folder.parent / "envd_jupyter", quiet=1)
    for name in names or known:
        importlib.import_module(f"bench.{name}").main()
    return 1 if short_figures() else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
