"""GitHub's own client of the Actions cache service (npm: ``@actions/cache``), run as in a workflow.

It speaks version 2 of the service, for which there is no server to be had but ours: what this
client can save and restore there is a witness that ours behaves as GitHub's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.services.tools import ServiceError, made_once

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ACTIONS_CACHE = "6.3.0"

# save KEY FILE prints the number of the entry, or -1; restore KEY FILE the key that fitted.
_PROGRAM = """
import * as cache from '@actions/cache'
const [task, key, file, ...more] = process.argv.slice(2)
const answer =
  task === 'save' ? await cache.saveCache([file], key) : await cache.restoreCache([file], key, more)
console.log(`answer: ${answer}`)
"""


def actions_client() -> Path:
    """Return the folder of the client, installed the first time."""

    def install(folder: Path) -> None:
        (folder / "package.json").write_text('{"type": "module", "private": true}')
        (folder / "client.js").write_text(_PROGRAM)
        command = ["npm", "install", "--no-audit", "--no-fund", f"@actions/cache@{ACTIONS_CACHE}"]
        done = subprocess.run(command, cwd=folder, text=True, capture_output=True)
        if done.returncode:
            raise ServiceError(f"{' '.join(command)} failed:\n{done.stderr}")

    return made_once(f"actions-cache-{ACTIONS_CACHE}", install)


def run_client(environ: Mapping[str, str], cwd: Path, *words: str) -> str:
    """Run the client in a folder with what a step of a workflow sees; returns its answer."""
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(actions_client() / "client.js"), *words],
        cwd=cwd,
        env=environ | {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(cwd), "HOME": str(cwd)},
        text=True,
        capture_output=True,
        timeout=120,
    )
    if done.returncode:
        raise ServiceError(f"the client of the Actions cache failed:\n{done.stdout}{done.stderr}")
    return next(
        line.removeprefix("answer: ")
        for line in done.stdout.splitlines()
        if line.startswith("answer: ")
    )
