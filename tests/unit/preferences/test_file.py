from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from envd_jupyter.builds.preferences import Identity, Preferences
from envd_jupyter.builds.sharedfile import SharedFile
from envd_jupyter.cache.entry import make_cache_entry
from envd_jupyter.errors import PreferenceError

PROCESSES, UPDATES = 8, 1000


def _update_often(number: int, data: str, scope: str) -> None:
    """Count upwards in one cache of eight; see that nobody's count was ever taken back."""
    root = Path(data)
    preferences = Preferences(
        Identity("/nb.ipynb", "python3", "k"), root / "project", data=root, environ={}
    )
    seen: dict[str, int] = {}
    for count in range(1, UPDATES + 1):

        def edit(entries, count=count):
            found = {}
            for entry in entries:
                name, _, tag = entry.get("ref").partition(":")
                found[name] = int(tag)
            for name, before in seen.items():
                assert found.get(name, 0) >= before, (name, before, found)
            own = f"p{number}"
            assert found.get(own, 0) == count - 1, (own, count, found)
            found[own] = count
            seen.update(found)
            return tuple(
                make_cache_entry("export", "registry", {"ref": f"{name}:{tag}"})
                for name, tag in found.items()
            )

        preferences.edit(scope, "exports", edit)


@pytest.mark.timeout(280)
@pytest.mark.parametrize("scope", ["notebook", "project"])
def test_eight_processes_lose_and_corrupt_nothing(tmp_path, scope):
    (tmp_path / "project").mkdir()
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_update_often, args=(number, str(tmp_path), scope))
        for number in range(PROCESSES)
    ]
    stop, torn = threading.Event(), []

    def read_meanwhile() -> None:
        reader = Preferences(
            Identity("/nb.ipynb", "python3", "k"), tmp_path / "project", data=tmp_path
        )
        while not stop.wait(0.01):
            torn.extend(reader.effective().messages)

    watcher = threading.Thread(target=read_meanwhile)
    watcher.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    watcher.join()
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    assert torn == []
    preferences = Preferences(
        Identity("/nb.ipynb", "python3", "k"), tmp_path / "project", data=tmp_path
    )
    counts = sorted(entry.get("ref") for entry in preferences.layer(scope).values["exports"])
    assert counts == [f"p{number}:{UPDATES}" for number in range(PROCESSES)]
    left = [path.name for path in tmp_path.rglob("*") if ".partial" in path.name]
    assert left == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 99, "settings": {}}', "\x00" * 40, '{"settings": {}}']
)
def test_a_damaged_file_is_set_aside_with_a_message(open_preferences, tmp_path, content):
    preferences = open_preferences()
    preferences.change("user", {"output": "type=docker"})
    path = preferences.layer("user").where
    path.write_text(content)
    settings = preferences.effective()
    assert settings.output is None
    assert "set aside as user.json.damaged-" in settings.messages[0]
    aside = [found for found in path.parent.iterdir() if "damaged" in found.name]
    assert [found.read_text() for found in aside] == [content]
    preferences.change("user", {"output": "type=oci,dest=/x.tar"})
    fresh = open_preferences()
    assert fresh.effective().output == "type=oci,dest=/x.tar"
    assert fresh.effective().messages == ()


def test_a_file_that_is_damaged_between_two_changes_is_set_aside_too(open_preferences):
    preferences = open_preferences()
    preferences.change("kernel", {"output": "type=docker"})
    path = preferences.layer("kernel").where
    path.write_bytes(b"\xff\xfe")
    preferences.change("kernel", {"builder": "unix:///b"})
    assert preferences.effective().builder == "unix:///b"
    assert "set aside" in preferences.effective().messages[0]


def test_a_value_that_cannot_work_is_left_out_and_said(open_preferences):
    preferences = open_preferences()
    preferences.change("user", {"output": "type=docker", "builder": "unix:///b"})
    path = preferences.layer("user").where
    content = json.loads(path.read_text())
    content["settings"].update(
        {"output": "type=nowhere", "colour": "red", "path": "/x", "use-proxy": "yes"}
    )
    content["settings"]["export-cache"] = ["type=registry"]
    path.write_text(json.dumps(content))
    settings = preferences.effective()
    assert settings.provenance == {"builder": "user"}
    assert len(settings.messages) == 5
    assert all(str(path) in message for message in settings.messages)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_is_full_changes_nothing(open_preferences, monkeypatch, step):
    preferences = open_preferences()
    preferences.change("user", {"output": "type=docker"})

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(os, "fdopen", full)
        elif step == "fsync":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(PreferenceError, match="No space left"):
            preferences.change("user", {"output": "type=oci,dest=/x"})
    assert open_preferences().effective().output == "type=docker"
    folder = preferences.layer("user").where.parent
    assert [path.name for path in folder.iterdir() if "partial" in path.name] == []


_DIE = """
import os, sys
from pathlib import Path
from envd_jupyter.builds.sharedfile import SharedFile
step = sys.argv[2]
if step == "fsync":
    os.fsync = lambda fd: os._exit(9)
else:
    Path.replace = lambda self, target: os._exit(9)
SharedFile(Path(sys.argv[1])).update(lambda content: {"settings": {"output": "type=docker"}})
"""


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_while_it_writes_leaves_the_file_as_it_was(tmp_path, step):
    path = tmp_path / "user.json"
    SharedFile(path).update(lambda content: {"settings": {"builder": "unix:///b"}})
    before = path.read_bytes()
    died = subprocess.run([sys.executable, "-c", _DIE, str(path), step])
    assert died.returncode == 9
    assert path.read_bytes() == before
    assert len([p for p in tmp_path.iterdir() if "partial" in p.name]) == 1
    SharedFile(path).update(lambda content: {**content, "more": 1})
    assert [p for p in tmp_path.iterdir() if "partial" in p.name] == []
    assert SharedFile(path).read() == {"settings": {"builder": "unix:///b"}, "more": 1}


def test_files_are_for_their_owner_only(open_preferences):
    preferences = open_preferences()
    preferences.change("user", {"output": "type=docker"})
    assert preferences.layer("user").where.stat().st_mode & 0o077 == 0


def test_kernels_of_long_ago_are_forgotten(open_preferences):
    old, present = open_preferences("old"), open_preferences("present")
    old.change("kernel", {"output": "type=docker"})
    path = old.layer("kernel").where
    os.utime(path, (1e9, 1e9))
    present.change("kernel", {"output": "type=docker"})
    assert not path.exists()
    assert present.effective().output == "type=docker"
