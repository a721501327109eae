from __future__ import annotations

import pytest

from envd_jupyter.notebook.text import one_line, render_text
from tests.unit.notebook import views


@pytest.mark.parametrize("make", [views.running, views.succeeded, views.failed, views.huge])
def test_text_is_small_and_plain(make) -> None:
    text = render_text(make())
    assert len(text) < 20_000
    assert "\x1b" not in text
    assert "\r" not in text
    assert not text.endswith("\n")


def test_a_finished_build_reads_from_top_to_bottom() -> None:
    lines = render_text(views.succeeded()).splitlines()
    assert lines[0] == (
        "✔ churn-model → localhost:5000/ada/churn:dev: built, 10/10 steps, 7 cached (70 %), 38.1 s"
    )
    assert any(line.startswith("  ≡ set up user envd") for line in lines)
    assert (
        "  ✔ cache export type=registry,ref=localhost:5000/ada/churn-cache,mode=max: exported"
        in (lines)
    )


def test_the_failure_comes_first() -> None:
    lines = render_text(views.failed()).splitlines()
    assert lines[1] == "  Failed: pip install nunpy pandas"
    assert "    | ERROR: No matching distribution found for nunpy" in lines[:7]
    assert "  Hint: pip found no package `nunpy`: did you mean `numpy`?" in lines[:8]


def test_a_recording_says_so() -> None:
    assert one_line(views.view(recording=True)).endswith("(a recording)")
