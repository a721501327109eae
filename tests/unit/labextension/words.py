"""What the notebook says of some builds, for the JupyterLab extension's tests to compare with.

``python -m tests.unit.labextension.words`` writes the file again after the words have changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from envd_jupyter.builds.view import MIME_TYPE
from envd_jupyter.notebook import wording
from tests.unit.notebook import views

FILE = Path(__file__).parents[3] / "labextension/tests/words.json"

DURATIONS = (0.0, 0.04, 14.24, 59.94, 59.95, 60.0, 125.2, 3599.4, 3599.6, 3725.0, 90_000.0)
SIZES = (0, 999, 1000, 35_400_000, 999_949, 999_950, 2_000_000_000, 5_600_000_000_000)
LINES = (
    "plain",
    "\x1b[32mgreen\x1b[0m and \x1b]0;title\x07more",
    "10 %\r 50 %\r100 %",
    "bell\x07 and\ttab",
    "long " * 80,
)

VIEWS = ("running", "succeeded", "failed")


def words() -> dict[str, Any]:
    """Return the table."""
    return {
        "mime_type": MIME_TYPE,
        "build_glyphs": wording.BUILD_GLYPHS,
        "build_words": wording.BUILD_WORDS,
        "phase_words": wording.PHASE_WORDS,
        "step_glyphs": wording.STEP_GLYPHS,
        "step_words": wording.STEP_WORDS,
        "durations": [[value, wording.duration(value)] for value in DURATIONS],
        "sizes": [[value, wording.size(value)] for value in SIZES],
        "lines": [[line, wording.clean_line(line)] for line in LINES],
        "views": {name: _said(getattr(views, name)()) for name in VIEWS},
    }


def _said(view: Any) -> dict[str, Any]:
    running = view["state"] == "running"
    return {
        "view": view,
        "headline": wording.headline(view),
        "summary": wording.summary_line(view["summary"], view["elapsed"], running=running),
        **_chosen(view["steps"], running),
    }


def _chosen(steps: Any, running: bool) -> dict[str, Any]:
    shown, folded = wording.choose_steps(steps, 8, finished=not running)
    return {
        "shown": [step["number"] for step in shown],
        "details": [wording.step_detail(step) for step in shown],
        "fold": wording.fold_line(folded, 3),
    }


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(words(), indent=1, ensure_ascii=False) + "\n")
