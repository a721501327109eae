"""The event log: whole lines or none, with any number of readers, on any disk."""

from __future__ import annotations

import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.events import EventLog, EventReader, own_event, read_events


def test_what_is_appended_is_read_once(tmp_path):
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    log = EventLog(path)
    log.append({"a": 1})
    log.append({"b": "ü\n"})
    assert reader.read() == [{"a": 1}, {"b": "ü\n"}]
    assert reader.read() == []
    assert reader.caught_up
    log.append({"c": 1})
    assert reader.read() == [{"c": 1}]
    log.close()


@given(cuts=st.lists(st.integers(1, 60), max_size=12))
def test_a_line_is_read_when_it_is_whole(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    events = [{"n": n, "text": "x" * n} for n in range(6)]
    data = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    reader, read = EventReader(path), []
    with path.open("ab", buffering=0) as file:
        for cut in [*cuts, len(data)]:
            file.write(data[:cut])
            data = data[cut:]
            read += reader.read()
    assert read == events


def test_a_torn_line_is_passed_over(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":\n[1]\n{"c":1}\n')
    assert list(read_events(path)) == [{"a": 1}, {"c": 1}]


def test_lines_longer_than_a_read(tmp_path):
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    long = {"text": "y" * 3_000_000}
    for event in ({"a": 1}, long, {"b": 1}):
        log.append(event)
    log.close()
    assert list(read_events(path)) == [{"a": 1}, long, {"b": 1}]


def test_readers_are_woken_after_each_line(tmp_path):
    woken = []
    log = EventLog(tmp_path / "events.jsonl", lambda: woken.append(1))
    log.append(own_event("phase", phase="building"))
    log.append({})
    log.close()
    assert len(woken) == 2


_FULL = """
import sys, resource, signal
from pathlib import Path
from envd_jupyter.builds.events import EventLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = EventLog(Path(sys.argv[1]))
log.reserve()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
n = 0
while log.append({"n": n, "text": "z" * 100}):
    n += 1
assert log.full and not (Path(sys.argv[1]).parent / "reserve").exists()
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
assert not log.append({"n": "bulk"})
assert log.append({"envd": {"kind": "result"}}, vital=True)
log.close()
print(n)
"""


def test_a_full_disk_leaves_whole_lines_and_room_for_the_end(tmp_path):
    path = tmp_path / "events.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(path)], capture_output=True, text=True, check=True
    )
    events = list(read_events(path))
    assert [event.get("n") for event in events[:-1]] == list(range(int(done.stdout)))
    assert events[-1] == {"envd": {"kind": "result"}}


def test_the_reserve_is_gone_after_the_end(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    log.reserve()
    assert (tmp_path / "reserve").stat().st_size == 65536
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
