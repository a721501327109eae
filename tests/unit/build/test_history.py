"""The index of builds: what is found in it, and what is forgotten."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.builds.folder import BuildFolder
from envd_jupyter.builds.record import History
from envd_jupyter.builds.retention import Retention
from envd_jupyter.errors import RecordError, RequestError

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400.0


class Builds:
    """Writes builds as their drivers leave them."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.count = 0

    def add(
        self, state: str | None = "succeeded", *, ago: float = 0.0, size: int = 0, **start: str
    ) -> str:
        self.count += 1
        name = f"20270101-0000{self.count:02}-{self.count:06x}"
        folder = self.data / "builds" / name
        folder.mkdir(parents=True)
        begun = {"kind": "start", "time": time.time() - ago, "id": name, "project": "/p/ml"}
        events: list[dict[str, object]] = [{"envd": begun | start}]
        if state is not None:
            events.append({"envd": {"kind": "result", "time": time.time() - ago, "state": state}})
        file = folder / "events.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
        (folder / "padding").write_bytes(b"x" * size)
        os.utime(file, (time.time() - ago,) * 2)
        return name


@pytest.fixture
def builds(tmp_path: Path) -> Builds:
    return Builds(tmp_path)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def ids(history: History, **given: object) -> list[str]:
    return [record.id for record in history.list(**given)]


def test_the_latest_come_first_and_no_more_than_asked_for(builds, history):
    names = [builds.add() for _ in range(5)]
    assert ids(history) == names[::-1]
    assert ids(history, limit=2) == names[:2:-1]


def test_each_filter_alone_and_together(builds, history):
    one = builds.add("failed", notebook="/n/a.ipynb", kernel="python3", project="/p/one")
    two = builds.add("failed", notebook="/n/b.ipynb", kernel="python3", project="/p/two")
    three = builds.add("skipped", notebook="/n/a.ipynb", kernel="r", project="/p/one")
    assert ids(history, state="failed") == [two, one]
    assert ids(history, project="/p/one") == [three, one]
    assert ids(history, notebook="/n/b.ipynb") == [two]
    assert ids(history, kernel="python3") == [two, one]
    assert ids(history, kernel="python3", project="/p/one", state="failed") == [one]
    assert ids(history, kernel="r", state="failed") == []


def test_text_is_found_in_capitals_or_not(builds, history):
    name = builds.add(image="registry.example.com/me/Training:1")
    builds.add(image="other")
    assert ids(history, text="TRAINING") == [name]
    assert ids(history, text="example.com/me") == [name]
    assert ids(history, text="100%") == []


def test_what_is_not_in_the_index_is_taken_in_and_what_is_gone_goes(builds, history):
    one, two = builds.add(), builds.add()
    assert ids(history) == [two, one]
    for file in (history.data / "builds" / one).iterdir():
        file.unlink()
    (history.data / "builds" / one).rmdir()
    three = builds.add()
    assert ids(history) == [three, two]


def test_a_damaged_index_is_made_again(builds, history):
    name = builds.add()
    assert ids(history) == [name]
    history.path.write_bytes(b"no database" * 1000)
    assert ids(history) == [name]
    assert list(history.data.glob("history.sqlite.damaged-*"))


def test_a_build_whose_driver_is_gone_is_closed_as_lost(builds, history):
    name = builds.add(None)
    assert [record.state for record in history.list()] == ["lost"]
    assert history.get(name).message


def test_a_running_build_is_not_deleted(builds, history):
    name = builds.add(None)
    lock = BuildFolder.find(name, history.data).lock()
    with pytest.raises(RecordError, match="still runs"):
        history.delete(name)
    os.close(lock)
    history.delete(name)
    assert ids(history) == []


def test_limits_by_number(builds, history):
    names = [builds.add() for _ in range(5)]
    assert history.retain(Retention(count=2)) == tuple(names[2::-1])
    assert ids(history) == [names[4], names[3]]


def test_limits_by_age(builds, history):
    names = [builds.add(ago=ago * DAY) for ago in (9, 5, 1)]
    assert history.retain(Retention(age=6 * DAY)) == (names[0],)
    assert ids(history) == [names[2], names[1]]


def test_limits_by_size(builds, history):
    names = [builds.add(size=4000) for _ in range(4)]
    assert history.retain(Retention(size=10_000)) == tuple(names[1::-1])
    assert ids(history) == [names[3], names[2]]


def test_a_large_build_that_went_makes_room_for_a_small_one(builds, history):
    small, large, latest = builds.add(), builds.add(size=50_000), builds.add()
    assert history.retain(Retention(size=10_000)) == (large,)
    assert ids(history) == [latest, small]


def test_no_limits_no_losses(builds, history):
    for _ in range(3):
        builds.add(ago=9999 * DAY)
    assert history.retain(Retention(count=None, age=None, size=None)) == ()


def test_the_latest_build_and_running_ones_stay(builds, history):
    old = builds.add(None, ago=99 * DAY)
    lock = BuildFolder.find(old, history.data).lock()
    latest = builds.add(ago=9 * DAY, size=5000)
    assert history.retain(Retention(count=1, age=DAY, size=1)) == ()
    assert ids(history) == [latest, old]
    os.close(lock)


def test_limits_are_stored_with_the_builds(builds, history):
    assert Retention.load(history.data) == Retention()
    limits = Retention(count=3, age=None, size=None)
    limits.save(history.data)
    assert Retention.load(history.data) == limits
    names = [builds.add() for _ in range(5)]
    assert history.retain() == (names[1], names[0])


@pytest.mark.parametrize(
    "stored", ['{"count": "many"}', '{"count": 0}', "[]", "{", '{"age": true}']
)
def test_limits_that_nobody_can_read_are_those_by_default(history, stored):
    (history.data / "retention.json").write_text(stored)
    assert Retention.load(history.data) == Retention()


def test_at_least_one_build_is_kept():
    with pytest.raises(RequestError, match="0 builds cannot be kept"):
        Retention(count=0)
