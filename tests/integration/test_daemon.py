"""The builder of our own: it builds, outlives who started it, and leaves others alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from envd_jupyter.buildkit.daemon import ManagedBuilder
from envd_jupyter.errors import BuilderError
from tests.integration.conftest import RANDOM
from tests.services.cleaning import mounts_below, processes_of
from tests.services.tools import OLD_BUILDKIT, buildkit, ensure_programs

CHECKOUT = Path(__file__).parents[2]
TOOLS = buildkit(OLD_BUILDKIT).parent


@pytest.fixture
def place():
    """Return a folder with a short path, and see that nothing of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="ejd-"))
    yield folder
    assert processes_of(folder) == []
    assert mounts_below(folder) == []
    shutil.rmtree(folder)


@pytest.fixture
def builder(place):
    found = ManagedBuilder(place, cache=TOOLS)
    yield found
    found.remove()
    assert list(place.iterdir()) == []


@pytest.mark.shows("builder managed-root")
def test_it_builds_and_keeps_its_cache_over_a_restart(builder, builds, project):
    assert not builder.status().running
    started = builder.start()
    assert started.running
    assert f"v{started.version}" == OLD_BUILDKIT
    assert builder.start().pid == started.pid
    before = builder.disk_use()
    folder = project(RANDOM, "cp /random /copy")
    assert builds.run(folder, started.address).cached == 0
    assert builder.disk_use() > before + 1_000_000

    assert builder.stop()
    assert not builder.status().running
    assert builder.status().pid is None
    assert not builder.stop()
    assert builds.run(folder, builder.start().address).cached == 2


def test_two_data_folders_have_two_builders(builder, tmp_path):
    other = ManagedBuilder(tmp_path / "other", cache=TOOLS)
    try:
        first, second = builder.start(), other.start()
        assert first.address != second.address
        assert first.pid != second.pid
        other.stop()
        assert builder.status().running
    finally:
        other.remove()


#: The step's process changes its user, and so does not hear of the end of its parent.
OUTLIVES = (
    "echo root:x:0:0::/:/bin/sh > /etc/passwd; echo other:x:7:7::/:/bin/sh >> /etc/passwd; "
    "exec su -s /bin/sleep other 6543"
)


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.shows("builder managed-crash")
@pytest.mark.parametrize("then", ["start", "stop", "remove"])
def test_nothing_is_left_of_a_step_that_ran_when_it_crashed(builder, builds, project, then):
    build = builds.start(project(OUTLIVES), builder.start().address)
    deadline = time.monotonic() + 30
    while not any(command(pid).startswith("sleep") for pid in processes_of(builder.folder)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(builder.status().pid, signal.SIGKILL)
    assert build.wait_sync().state == "failed"
    assert not builder.status().running
    assert processes_of(builder.folder), "the step was to outlive it"
    innocent = subprocess.Popen(["sleep", "60"], cwd=builder.root)
    getattr(builder, then)()
    assert not any(command(pid).startswith("sleep") for pid in processes_of(builder.folder))
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()
    if then == "start":
        assert builder.status().running
        builder.stop()
    assert not [*builder.root.glob("*/executor/*/config.json")]
    assert mounts_below(builder.folder) == []


def test_a_process_that_has_its_number_now_is_not_touched(builder):
    builder.start()
    state = builder.folder / "running.json"
    written = json.loads(state.read_text())
    builder.stop()
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        state.write_text(json.dumps(written | {"pid": innocent.pid}))
        assert builder.status().pid is None
        assert not builder.stop()
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_it_goes_on_when_the_command_that_started_it_ends(builder):
    code = (
        "import sys; from pathlib import Path\n"
        "from envd_jupyter.buildkit.daemon import ManagedBuilder\n"
        "print(ManagedBuilder(Path(sys.argv[1]), cache=Path(sys.argv[2])).start().pid)"
    )
    command = [sys.executable, "-c", code, str(builder.folder.parent), str(TOOLS)]
    said = subprocess.run(command, cwd=CHECKOUT, check=True, text=True, capture_output=True)
    status = builder.status()
    assert status.running
    assert status.pid == int(said.stdout)
    assert builder.stop()


def test_started_twice_at_once_it_is_one(builder):
    code = (
        "import sys; from pathlib import Path\n"
        "from envd_jupyter.buildkit.daemon import ManagedBuilder\n"
        "print(ManagedBuilder(Path(sys.argv[1]), cache=Path(sys.argv[2])).start().pid)"
    )
    command = [sys.executable, "-c", code, str(builder.folder.parent), str(TOOLS)]
    running = [
        subprocess.Popen(command, cwd=CHECKOUT, text=True, stdout=subprocess.PIPE) for _ in "ab"
    ]
    assert len({process.communicate()[0] for process in running}) == 1


def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path):
    builder = ManagedBuilder(tmp_path / ("long" * 30), cache=TOOLS)
    try:
        status = builder.start()
        assert status.running
        assert len(status.address) < 108
        socket = Path(status.address.removeprefix("unix://"))
        assert socket.exists()
    finally:
        builder.remove()
    assert not socket.parent.exists()


def test_why_it_does_not_start_is_told(builder):
    with pytest.raises(BuilderError, match=r"did not start: .*unterminated"):
        builder.start(config="nonsense = {")
    assert not builder.status().running
    assert builder.start().running


_ROOTLESS = """
import sys
from pathlib import Path
import asyncio, hashlib, json, tempfile
from envd_jupyter.buildkit.daemon import ManagedBuilder
import os
os.setgroups([]); os.setgid(65534); os.setuid(65534)
builder = ManagedBuilder(Path(sys.argv[1]) / "data", cache=Path(sys.argv[1]) / "tools")
builder.start()
print(json.dumps({"rootless": builder.status().rootless}), flush=True)
sys.stdin.read()
before = builder.disk_use()
builder.remove()
print(json.dumps({"used": before, "left": os.listdir(builder.folder.parent)}))
"""


@pytest.mark.shows("builder managed-rootless")
def test_a_user_has_it_without_root(place, builds, project):
    """A user with subordinate ids, in a mount namespace of its own so that no file is changed."""
    ensure_programs({"rootlesskit": "rootlesskit", "newuidmap": "uidmap", "unshare": "util-linux"})
    home = place / "home"
    shutil.copytree(buildkit(OLD_BUILDKIT), home / "tools" / f"buildkit-{OLD_BUILDKIT}")
    (place / "ids").write_text("nobody:200000:65536\n")
    place.chmod(0o755)
    for path in (home, *home.rglob("*")):
        os.chown(path, 65534, 65534)
    mounts = " && ".join(f"mount --bind {place}/ids /etc/sub{kind}id" for kind in "ug")
    script = f'{mounts} && exec "$0" "$@"'
    process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script, sys.executable, "-c", _ROOTLESS, str(home)],
        cwd=CHECKOUT,
        env=os.environ | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert json.loads(process.stdout.readline()) == {"rootless": True}
    address = f"unix://{home}/data/builder/buildkitd.sock"
    result = builds.run(project("id -u > /who; cat /proc/self/uid_map"), address)
    assert result.ok, result.message
    assert "200000" in result.log("uid_map")
    told = json.loads(process.communicate("")[0])
    assert told["left"] == []
    assert told["used"] > 1_000_000
