"""What ``%load_ext envd_jupyter`` costs in a shell that has just started.

Fresh interpreters are started; each imports IPython, makes a shell and then loads the extension.
The figure is the median of the last part, and which of the heavy modules came with it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from bench.report import report

RUNS = 15
GOAL_MS = 100.0
HEAVY = ("ipywidgets", "google.protobuf", "h2", "sqlite3", "rich", "nest_asyncio2", "jupyter_core")

PROBE = f"""
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
begun = time.perf_counter()
shell.run_line_magic("load_ext", "envd_jupyter")
spent = time.perf_counter() - begun
heavy = [name for name in {HEAVY!r} if name in sys.modules and name not in before]
print(json.dumps([spent, heavy]))
"""


def main() -> None:
    """Measure and print."""
    spent, heavy = [], set()
    for _ in range(RUNS + 1):
        done = subprocess.run(
            [sys.executable, "-c", PROBE], check=True, capture_output=True, text=True
        )
        seconds, modules = json.loads(done.stdout.splitlines()[-1])
        spent.append(1000 * seconds)
        heavy.update(modules)
    # The first run pays for a cold disk and compiles what was never imported before.
    median = statistics.median(spent[1:])
    report("load_ext_median", median, "ms", f"<={GOAL_MS:.0f}", median <= GOAL_MS)
    report("load_ext_heavy_modules", len(heavy), "modules", "==0", not heavy)


if __name__ == "__main__":
    main()
