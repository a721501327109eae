from __future__ import annotations

import pytest

from envd_jupyter.notebook import wording
from tests.unit.notebook import views


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (14.24, "14.2 s"),
        (59.96, "1 min 00 s"),
        (125.2, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3725, "1 h 02 min"),
    ],
)
def test_duration(seconds: float | None, said: str) -> None:
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (35_400_000, "35.4 MB"), (999_960, "1.0 MB"), (4e12, "4.0 TB")],
)
def test_size(count: float, said: str) -> None:
    assert wording.size(count) == said


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("\x1b[31mred\x1b[0m\n", "red"),
        (" 10%\r 50%\r100%\n", "100%"),
        ("\x1b]0;title\x07text", "text"),
        ("tab\tstays, bell\x07 goes", "tab\tstays, bell goes"),
        ("x" * 400, "x" * 299 + "…"),
        ("", ""),
    ],
)
def test_clean_line(raw: str, seen: str) -> None:
    assert wording.clean_line(raw) == seen


def test_chosen_steps_keep_their_order_and_failed_and_running_ones_are_always_there() -> None:
    steps = [views.step(i, f"s{i}", "cached") for i in range(100)]
    steps[3]["state"] = "failed"
    steps[50]["state"] = "running"
    steps[98]["kind"] = "internal"
    shown, folded = wording.choose_steps(steps, 6, finished=False)
    assert [s["number"] for s in shown] == [3, 50, 95, 96, 97, 99]
    assert len(shown) + len(folded) == 100
    assert [s["number"] for s in folded] == sorted(s["number"] for s in folded)


def test_the_longest_steps_are_chosen_when_the_build_is_over() -> None:
    steps = [views.step(i, f"s{i}", "done", took=float(i % 10)) for i in range(30)]
    shown, _ = wording.choose_steps(steps, 3, finished=True)
    assert [s["number"] for s in shown] == [9, 19, 29]


def test_fold_line_counts_by_state() -> None:
    steps = [views.step(1, "a", "cached"), views.step(2, "b", "done", took=1.0)]
    assert wording.fold_line(steps, 3) == "5 more steps: 1 cached, 1 done"
    assert wording.fold_line(steps[:1], 0) == "1 more step: 1 cached"


def test_summary_line() -> None:
    summary = views.view()["summary"]
    assert wording.summary_line(summary, 14.2) == "12/15 steps, 9 cached (60 %), 14.2 s"
    nothing = {**summary, "total": 0, "completed": 0, "cached": 0}
    assert wording.summary_line(nothing, 0.3, running=True) == "0.3 s"  # type: ignore[arg-type]
