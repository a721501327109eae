"""What became of a build: the pushed image, unpacked, looked into and run."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.registry import Registry


def read_file(registry: Registry, reference: str, path: str) -> bytes:
    """Return a file of a pushed image, from the topmost layer that has it."""
    name = reference.removeprefix(f"{registry.host}/").partition(":")[0]
    for layer in reversed(registry.layers(reference)):
        content = registry.blob(name, layer["digest"])
        with tarfile.open(fileobj=io.BytesIO(content)) as files:
            for member in files.getmembers():
                if member.name.lstrip("./") == path.lstrip("/") and member.isfile():
                    found = files.extractfile(member)
                    assert found is not None
                    return found.read()
    raise FileNotFoundError(path)


def run_image(registry: Registry, reference: str, folder: Path, command: list[str]) -> str:
    """Unpack a pushed image and run a command in it; returns what it prints."""
    name = reference.removeprefix(f"{registry.host}/").partition(":")[0]
    folder.mkdir()
    for layer in registry.layers(reference):
        subprocess.run(
            ["tar", "-xz", "-C", str(folder)],
            input=registry.blob(name, layer["digest"]),
            check=True,
        )
    done = subprocess.run(
        ["chroot", str(folder), *command], check=True, text=True, capture_output=True
    )
    return done.stdout
