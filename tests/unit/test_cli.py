"""``envd-jupyter`` on records that need no builder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.cli import main
from tests.unit.insight.graphs import chain
from tests.unit.insight.records import Records

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENVD_JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def history(capsys: pytest.CaptureFixture[str], data: Path):
    """Run ``envd-jupyter history`` on two builds; returns the exit code and what it said."""
    records = Records(data)
    records.add(chain("step one", "step two"), image="me/first:1")
    records.add(chain("step one", "step three"), image="me/second:1", cached=["step one"])
    records.add(chain("step one"), image="me/third:1", state="failed")

    def run(*words: str) -> tuple[int, str]:
        code = main(["history", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_builds_are_listed_and_filtered(history):
    code, said = history()
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()[1:]] == ["✘", "✔", "✔"]
    assert "me/second:1" in history("--state", "succeeded")[1]
    assert "me/second:1" not in history("--state", "failed")[1]
    assert "me/first:1" not in history("--limit", "2")[1]
    assert "me/first:1" in history("--text", "ME/FIRST")[1]
    assert "me/first:1" in history("--project", "/p/../p")[1]
    assert history("--project", "/elsewhere")[1] == "No builds yet.\n"
    assert history("--kernel", "r")[1] == "No builds yet.\n"
    assert history("--notebook", "a.ipynb")[1] == "No builds yet.\n"


def test_records_are_printed_as_json(history):
    records = json.loads(history("list", "--json")[1])
    assert [record["state"] for record in records] == ["failed", "succeeded", "succeeded"]
    (record,) = json.loads(history("show", "080001", "--json")[1])
    assert record["image"] == "me/first:1"


def test_a_build_is_shown_and_its_log_and_report(history):
    said = history("show", "080002")[1]
    assert "me/second:1" in said
    assert "step three" in said
    assert history("log", "080002")[0] == 0
    report = history("report", "080002")[1]
    assert "step three" in report
    assert "Its command changed" in report


def test_two_builds_are_compared(history):
    said = history("compare", "080001", "080002")[1]
    assert "step three" in said


@pytest.mark.parametrize(("name", "begins"), [("b.html", "<!DOCTYPE"), ("b.json", "{")])
def test_a_build_is_exported(history, tmp_path, name, begins):
    assert history("export", "080002", name) == (0, f"Wrote {name}\n")
    assert (tmp_path / name).read_text().startswith(begins)


def test_a_build_is_deleted_by_name_only(history, data):
    assert "no build is named" in history("delete")[1]
    code, said = history("delete", "080001")
    assert code == 0
    assert "20270115-080001-aaaaaa" in said
    assert not (data / "builds" / "20270115-080001-aaaaaa").exists()
    assert "me/first:1" not in history()[1]


def test_limits_are_told_kept_and_lifted(history, data):
    assert "the latest 200 builds, of any age" in history("keep")[1]
    said = history("keep", "--builds", "2", "--age", "36500d")[1]
    assert "the latest 2 builds, of the last 36500 days" in said
    assert "1 builds were forgotten" in said
    assert "me/first:1" not in history()[1]
    said = history("keep", "--builds", "all", "--size", "1GB")[1]
    assert "all builds, of the last 36500 days, with logs of 1.0 GB at most" in said
    assert "All builds stay" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fly"], "there is no action 'fly'"),
        (["show", "nowhere"], "there is no build 'nowhere'"),
        (["show", "2027"], "fits 3 builds"),
        (["rerun", "080001"], "it was not recorded what"),
        (["export", "080001", "b.pdf"], "'b.pdf' tells no format"),
        (["export", "080001", "/proc/none/b.html"], "cannot be exported to"),
        (["keep", "--builds", "few"], "'few' is no number"),
        (["keep", "--builds", "0"], "0 builds cannot be kept"),
        (["keep", "--age", "long"], "'long' is no time"),
        (["keep", "--size", "much"], "'much' is no size"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_word_and_a_hint(history, words, message):
    code, said = history(*words)
    assert code == 1
    assert said.startswith("envd-jupyter: ")
    assert message in said
    assert "Hint: " in said


@pytest.mark.parametrize("words", [[], ["fly"], ["history", "--state", "sad"], ["up", "--fast"]])
def test_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: envd-jupyter" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "down", "status", "doctor", "history"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"usage: envd-jupyter {command}" in said
    assert len(said.split("\n\n")) >= 3, "usage, what it does, flags"


def test_the_commands_are_listed(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for command in ("up", "down", "status", "doctor", "history"):
        assert f"\n    {command} " in said
    assert "Exit codes:" in said
