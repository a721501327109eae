"""What it costs to explain a build, and to look through a long history.

Two graphs of 1,000 vertices are read and compared: once with a command changed at the bottom, once
with the variables of every step in another order, where nothing can be paired the quick way. The
history has 10,000 builds.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import report
from envd_jupyter.builds.insight.explain import explain_build
from envd_jupyter.builds.insight.past import load_earlier, load_past
from envd_jupyter.builds.record import BuildRecord, History
from tests.unit.insight.graphs import Definition, chain
from tests.unit.insight.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable

VERTICES = 1000
BUILDS = 10_000
ROUNDS = 9
GRAPH_GOAL = 100.0
HISTORY_GOAL = 50.0
NAMES = [f"V{number}=1" for number in range(12)]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        _explain(Path(folder), "changed", _graph("one"), _graph("two"))
        _explain(Path(folder), "shuffled", _graph("one", 1), _graph("one", 2))
        _history(Path(folder) / "data")


def _graph(first: str, order: int = 0) -> bytes:
    names = random.Random(order).sample(NAMES, len(NAMES))
    if not order:
        return chain(first, *(f"step {n}" for n in range(VERTICES - 2)), environment=names)
    made = Definition()
    last = made.image()
    for number in range(VERTICES - 1):
        last = made.run(last, f"step {number}", environment=names)
    return made.end(last)


def _explain(folder: Path, name: str, before: bytes, after: bytes) -> None:
    from envd_jupyter.builds.insight.compare import compare_graphs
    from envd_jupyter.builds.insight.graph import decode_graph

    spent = _median(lambda: compare_graphs(decode_graph(before), decode_graph(after)))
    ok = spent < GRAPH_GOAL
    report(f"insight_graph_{name}", spent, "ms", f"<{GRAPH_GOAL:.0f}", ok)
    records = Records(folder / name)
    records.add(before)
    last = load_past(records.add(after))
    earlier = load_earlier(last, records.builds / last.id)
    spent = _median(lambda: explain_build(last, earlier))
    report(f"insight_explain_{name}", spent, "ms", f"<{GRAPH_GOAL:.0f}", spent < GRAPH_GOAL)


def _history(data: Path) -> None:
    history = History(data)
    for number in range(BUILDS):
        build_id = f"20270101-{number // 3600 % 24:02}{number // 60 % 60:02}{number % 60:02}"
        build_id += f"-{number:06x}"
        folder = data / "builds" / build_id
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_text("")
        state = "failed" if number % 7 == 0 else "succeeded"
        project = f"/projects/p{number % 20}"
        history.put(BuildRecord(build_id, state, project=project, started=float(number)))
    for name, arguments in (
        ("list", {}),
        ("filter", {"project": "/projects/p3", "state": "failed"}),
        ("search", {"text": "projects/p7"}),
        ("search_in_vain", {"text": "nowhere"}),
        ("look", None),
    ):
        work = history.look if arguments is None else partial(history.list, **arguments)
        spent = _median(work)
        report(f"history_{name}", spent, "ms", f"<{HISTORY_GOAL:.0f}", spent < HISTORY_GOAL)


def _median(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - began))
    return statistics.median(spent)


if __name__ == "__main__":
    main()
