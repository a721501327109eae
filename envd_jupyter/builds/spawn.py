"""Start the driver of a build, a process that depends on nobody.

Everything the driver must know, secrets among it, goes through a pipe to its standard input: an
argument list can be read by every process of the machine, and a file could be left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter._version import __version__
from envd_jupyter.builds.client import Build
from envd_jupyter.builds.contexts import envd_version, home
from envd_jupyter.builds.events import EventLog, own_event
from envd_jupyter.builds.folder import BuildFolder, data_dir, private_dir
from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envd_jupyter.builds.request import PreparedBuild

__all__ = ["spawn"]

# Not `-m`: that would put the notebook's folder on sys.path, where a file named `random.py` or
# `queue.py` is no rarity. The package is found where this process found it.
_BOOT = (
    "import sys; sys.path.pop(0); sys.path.append(sys.argv[1]);"
    "from envd_jupyter.builds.driver.boot import main; main()"
)
_ROOT = str(Path(__file__).resolve().parent.parent.parent)


def spawn(prepared: PreparedBuild, environ: Mapping[str, str]) -> Build:
    """Start the driver and return the handle of its build.

    The folder, the lock and the first event exist when this returns, and so does everything that a
    later look needs to tidy up after a driver that died at once.

    Raises
    ------
    RequestError
        If the data directory cannot be written.
    """
    try:
        folder = BuildFolder.create(data_dir(environ))
        lock = folder.lock()
        assert lock is not None
        private = private_dir()
    except OSError as error:
        raise RequestError(
            f"the build cannot be recorded: {error}",
            hint="Free some room, or set ENVD_JUPYTER_DATA_DIR to a directory that can be written.",
        ) from None
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    try:
        log = EventLog(folder.events)
        log.reserve()
        log.append(own_event("start", **_start(prepared, folder, private)), vital=True)
        os.close(log.detach())
        order = _order(prepared, folder, private, environ) | {"lock": lock, "wake": write}
        _launch(folder, order, environ, (lock, write))
    except BaseException:
        os.close(read)
        _discard(folder, private)
        raise
    finally:
        os.close(lock)
        os.close(write)
    return Build(folder, read)


def _launch(
    folder: BuildFolder, order: dict[str, Any], environ: Mapping[str, str], fds: tuple[int, int]
) -> None:
    with (folder.path / "driver.log").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, _ROOT, "envd-jupyter driver", folder.id],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=dict(environ),
            pass_fds=fds,
            start_new_session=True,
        )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(json.dumps(order).encode())
    threading.Thread(target=process.wait, name="envd-jupyter-reaper", daemon=True).start()


def _discard(folder: BuildFolder, private: Path) -> None:
    import shutil

    shutil.rmtree(private, ignore_errors=True)
    shutil.rmtree(folder.path, ignore_errors=True)


def _start(prepared: PreparedBuild, folder: BuildFolder, private: Path) -> dict[str, Any]:
    request = prepared.request
    return {
        "id": folder.id,
        "project": str(prepared.project),
        "title": prepared.project.name,
        "from": request.from_,
        "image": prepared.image,
        "argv": [prepared.envd, *prepared.envd_arguments()],
        "builder": prepared.builder,
        "versions": {
            "envd": envd_version(prepared.envd),
            "envd_jupyter": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
        },
        "exports": [entry.redacted().to_csv() for entry in prepared.exports],
        "imports": [entry.redacted().to_csv() for entry in prepared.imports],
        "notebook": request.notebook,
        "kernel": request.kernel,
        "platform": list(request.platform),
        "request": prepared.asked(),
        "pid": os.getpid(),
        "private": str(private),
    }


def _order(
    prepared: PreparedBuild, folder: BuildFolder, private: Path, environ: Mapping[str, str]
) -> dict[str, Any]:
    request = prepared.request
    return {
        "folder": str(folder.path),
        "private": str(private),
        "home": str(home(environ)),
        "envd": prepared.envd,
        "arguments": prepared.envd_arguments(),
        "project": str(prepared.project),
        "from": request.from_,
        "source": request.source,
        "builder": prepared.builder,
        "docker": prepared.docker,
        "exports": [entry.to_json() for entry in prepared.exports],
        "imports": [entry.to_json() for entry in prepared.imports],
        "pushes": bool(prepared.output and prepared.output.pushes),
        "shown": {
            "exports": [entry.redacted().to_csv() for entry in prepared.exports],
            "imports": [entry.redacted().to_csv() for entry in prepared.imports],
        },
        "notes": [list(note) for note in prepared.notes],
        "require_cached": request.require_cached,
    }
