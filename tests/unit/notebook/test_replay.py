"""Recordings are played as the builds were, on the recordings of real builds that binder/ shows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell

from envd_jupyter.builds.insight.history import export_build
from envd_jupyter.errors import RecordError
from envd_jupyter.notebook import register, unregister
from envd_jupyter.notebook.completion import complete_magic
from envd_jupyter.notebook.display import LinesScreen
from envd_jupyter.notebook.replay import ReplayInterrupted, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envd_jupyter.builds.view import BuildView

RECORDINGS = Path(__file__).parents[3] / "binder" / "recordings"
COLD, CACHED, REBUILD, FAILING = sorted(RECORDINGS.iterdir())


class Film:
    """A screen that keeps every picture."""

    def __init__(self) -> None:
        self.views: list[BuildView] = []
        self.finals = 0

    def paint(self, view: BuildView, *, final: bool) -> None:
        self.views.append(view)
        self.finals += final


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    shutil.copytree(RECORDINGS, tmp_path / "recordings")
    (tmp_path / ".data").mkdir()
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENVD_JUPYTER_DATA_DIR", str(tmp_path / ".data"))
    shell = InteractiveShell()
    register(shell)
    yield shell
    unregister(shell)


def test_the_end_at_once() -> None:
    film = Film()
    result = replay(CACHED, film, speed=0)
    assert (result.state, result.cached, result.total) == ("succeeded", 4, 4)
    assert len(film.views) == film.finals == 1
    assert film.views[0]["recording"]
    assert result.imports[0]["state"] == "ok"


def test_time_goes_as_it_went_and_every_picture_says_recording() -> None:
    film = Film()
    result = replay(CACHED / "events.jsonl", film, speed=4)
    times = [view["elapsed"] or 0.0 for view in film.views]
    assert len(times) > 3
    assert times == sorted(times)
    assert times[-1] == pytest.approx(result.duration, abs=0.2)
    assert film.views[0]["state"] == "running"
    assert all(view["recording"] for view in film.views)


def test_the_clock_does_not_stand_still_in_a_pause(tmp_path: Path) -> None:
    lines = (CACHED / "events.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "pause.jsonl").write_text(lines[0] + lines[-1])
    film = Film()
    result = replay(tmp_path / "pause.jsonl", film, speed=1)
    assert result.duration is not None
    assert any(0.2 < (view["elapsed"] or 0) < result.duration - 0.1 for view in film.views)


def test_the_log_of_a_failing_build() -> None:
    result = replay(FAILING, Film(), speed=0)
    assert result.state == "failed"
    assert "numpy==0.0.1" in (result.failed_step or "")
    assert "No matching distribution found" in "\n".join(result.log_tail)


def test_the_report_works_on_a_recording() -> None:
    report = replay(REBUILD, Film(), speed=0).report()
    assert [step.cause.kind for step in report.explanations] == ["files", "files"]
    assert "settings/model.toml" in report.explanations[0].cause.text


def test_an_interrupt_shows_the_end() -> None:
    film = Film()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(ReplayInterrupted):
        replay(COLD, film, speed=0.001)
    assert film.views[-1]["state"] == "succeeded"
    assert film.views[-2]["state"] == "running"


def test_lines_are_labelled_from_the_first() -> None:
    written: list[str] = []
    replay(CACHED, LinesScreen(written.append), speed=20)
    assert written[0].startswith("churn (a recording): ")


def test_what_other_tools_write_is_played_too(tmp_path: Path) -> None:
    for folder, state in ((CACHED, "succeeded"), (FAILING, "failed")):
        film = Film()
        result = replay(export_build(folder, tmp_path / "theirs.jsonl"), film, speed=0)
        assert result.state == state
        assert film.views[-1]["title"] == "theirs"
        assert film.views[-1]["recording"]
        assert (film.views[-1]["elapsed"] or 0) > 0.1
    assert "numpy==0.0.1" in (result.failed_step or "")


def test_a_recording_that_breaks_off(tmp_path: Path) -> None:
    content = (COLD / "events.jsonl").read_bytes()
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(content[: len(content) // 2])
    film = Film()
    result = replay(torn, film, speed=0)
    assert result.state == "lost"
    assert "breaks off" in (result.message or "")
    assert not any(step["state"] == "running" for step in film.views[-1]["steps"])


@pytest.mark.parametrize("line", ['{"vertexes": [1]}', '{"statuses": {"a": 1}}', '{"envd": "x"}'])
def test_a_damaged_event_is_named(tmp_path: Path, line: str) -> None:
    lines = (CACHED / "events.jsonl").read_text().splitlines()
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text("\n".join([*lines[:3], line, *lines[3:], ""]))
    with pytest.raises(RecordError, match=r"is damaged: its event 4 cannot be read"):
        replay(damaged, Film(), speed=0)


def test_what_is_no_recording(tmp_path: Path) -> None:
    for content in (b"", b"\0\x80" * 5000, b'{"a": 1}\n[]\n', json.dumps({"a": 1}).encode()):
        (tmp_path / "other.jsonl").write_bytes(content)
        with pytest.raises(RecordError, match="no recording of a build"):
            replay(tmp_path / "other.jsonl", Film())
    with pytest.raises(RecordError, match="there is no recording"):
        replay(tmp_path, Film())


# The magic


def test_the_magic_plays_and_returns_the_result(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    result = shell.run_line_magic(
        "envd_replay", "recordings/2-cached-build --speed 0 --progress text"
    )
    assert result.cached == 4
    said = capsys.readouterr().out
    assert "(a recording)" in said
    assert "pip install numpy pandas scikit-learn" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nowhere", "there is no recording 'nowhere': no such file or folder"),
        ("recordings/5", "there is no recording recordings/5"),
        ("plain", "there is no recording plain"),
        ("recordings/2-cached-build --speed fast", "argument --speed: invalid speed value: 'fast'"),
        ("recordings/2-cached-build --speed -1", "invalid speed value: '-1'"),
        ("recordings/2-cached-build --speed nan", "invalid speed value: 'nan'"),
        ("", "the following arguments are required: recording"),
    ],
)
def test_what_the_magic_cannot_play(shell: InteractiveShell, line: str, said: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        shell.run_line_magic("envd_replay", line)
    assert said in str(caught.value)
    assert "Hint: " in str(caught.value)


def test_help(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.run_line_magic("envd_replay", "--help") is None
    said = capsys.readouterr().out
    for word in ("recording", "--speed X", "an interrupt shows", "examples:"):
        assert word in said


def test_completion_offers_recordings_folders_and_builds(shell: InteractiveShell) -> None:
    def texts(line: str) -> tuple[str, ...]:
        found = complete_magic(line)
        assert found is not None
        return found.texts

    assert texts("%envd_replay ")[:2] == ("plain/", "recordings/")
    assert "last" in texts("%envd_replay ")
    below = tuple(f"recordings/{folder.name}" for folder in sorted(RECORDINGS.iterdir()))
    assert texts("%envd_replay recordings/") == below
    assert texts("%envd_replay recordings/3") == (below[2],)
    assert texts("%envd_replay --sp") == ("--speed",)
