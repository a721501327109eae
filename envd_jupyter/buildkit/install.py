"""Getting a buildkitd for those who have none.

It is looked for on ``PATH``, else taken from BuildKit's official release (its checksum verified),
else built with Go from BuildKit's module. What is made is kept in a cache folder by version.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import BuilderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "BUILDKIT_VERSION",
    "build_from_source",
    "build_go_tools",
    "download_release",
    "find_buildkitd",
]

#: The BuildKit that is installed unless another is asked for.
BUILDKIT_VERSION = "v0.25.1"

RELEASES = "https://github.com/moby/buildkit/releases/download"
_MODULE = "github.com/moby/buildkit"
_PROGRAMS = ("buildkitd", "buildctl")
_SECONDS = 20.0
_BUILD_SECONDS = 1800
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm-v7", "s390x": "s390x"}


def find_buildkitd(
    cache: Path,
    environ: Mapping[str, str] | None = None,
    version: str = BUILDKIT_VERSION,
    *,
    releases: str = RELEASES,
) -> Path:
    """Return the path of a buildkitd, installed if need be.

    Parameters
    ----------
    cache
        The folder where an installed one is kept, by version.
    environ
        The environment, for ``PATH``.
    version
        The version to install if there is none on ``PATH``.
    releases
        The address below which the releases lie.

    Raises
    ------
    BuilderError
        If none of the three ways works; says why each one failed.
    """
    environ = os.environ if environ is None else environ
    if found := shutil.which("buildkitd", path=environ.get("PATH")):
        return Path(found)
    place = cache / f"buildkit-{version}"
    if (place / "buildkitd").exists():
        return place / "buildkitd"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"buildkit-{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _install(version, place, releases)
    return place / "buildkitd"


def _install(version: str, place: Path, releases: str) -> None:
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=place.parent))
    reasons = []
    try:
        for way in (functools.partial(download_release, releases=releases), build_from_source):
            try:
                way(version, partial)
            except BuilderError as error:
                reasons.append(error.message)
            else:
                partial.chmod(0o755)
                partial.rename(place)
                return
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    raise BuilderError(
        "there is no buildkitd on PATH, and none could be installed: " + "; ".join(reasons),
        hint="Install BuildKit's release archive or Go, or use Docker as the builder.",
    )


def download_release(version: str, folder: Path, *, releases: str = RELEASES) -> None:
    """Put the programs of an official release into a folder.

    The archive is held against the digest in the release's own provenance statement, which lies
    beside it and names every file with its SHA-256.

    Parameters
    ----------
    version
        For example ``v0.25.1``.
    folder
        Where the programs go.
    releases
        The address below which the releases lie.

    Raises
    ------
    BuilderError
        If it cannot be fetched, or is not what the statement says.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or platform.system() != "Linux":
        raise BuilderError(f"BuildKit has no release for {platform.system()} {platform.machine()}")
    name = f"buildkit-{version}.linux-{machine}.tar.gz"
    address = f"{releases}/{version}/{name}"
    archive = _fetch(address)
    statement = _fetch(address.removesuffix(".tar.gz") + ".provenance.json")
    if hashlib.sha256(archive).hexdigest() not in _digests(statement, name):
        raise BuilderError(f"the checksum of {name} is not the one of the release")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files.getmembers():
            program = Path(member.name).name
            if member.isfile() and member.name.startswith("bin/"):
                source = files.extractfile(member)
                assert source is not None
                with (folder / program).open("wb") as target:
                    shutil.copyfileobj(source, target)
                (folder / program).chmod(0o755)
    if not (folder / "buildkitd").exists():
        raise BuilderError(f"{name} holds no buildkitd")


def _fetch(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise BuilderError(f"{address} cannot be fetched: {reason}") from None
    return content


def _digests(statement: bytes, name: str) -> set[str]:
    """Return the SHA-256 that an in-toto statement gives to a file; none if it is no statement."""
    try:
        subjects = json.loads(statement)["subject"]
        return {
            subject["digest"]["sha256"]
            for subject in subjects
            if str(subject["name"]).rpartition("/")[2] == name
        }
    except (ValueError, LookupError, TypeError):
        return set()


def build_from_source(version: str, folder: Path) -> None:
    """Build buildkitd and buildctl with Go into a folder; takes minutes.

    Raises
    ------
    BuilderError
        If there is no Go, or it fails.
    """
    stamp = f"-X {_MODULE}/version.Version={version} -X {_MODULE}/version.Package={_MODULE}"
    build_go_tools([f"{_MODULE}/cmd/{name}" for name in _PROGRAMS], version, folder, stamp)


def build_go_tools(
    packages: Sequence[str], version: str, folder: Path, linker_flags: str = ""
) -> None:
    """Build commands of a Go module.

    ``go install`` refuses modules with exclude directives, as BuildKit's is; a module of tools that
    requires them takes them.

    Raises
    ------
    BuilderError
        If there is no Go, or it fails.
    """
    go = shutil.which("go")
    if go is None:
        raise BuilderError("there is no Go to build it with")
    environ = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    with tempfile.TemporaryDirectory(prefix="envd-jupyter-go-") as module:

        def run(*arguments: str) -> None:
            done = subprocess.run(
                [go, *arguments],
                cwd=module,
                env=environ,
                text=True,
                capture_output=True,
                timeout=_BUILD_SECONDS,
            )
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines()[-3:]
                raise BuilderError(f"go {arguments[0]} failed: {' / '.join(said)}")

        run("mod", "init", "tools")
        run("get", "-tool", *(f"{package}@{version}" for package in packages))
        flags = f"-s -w {linker_flags}".strip()
        run("build", "-trimpath", "-ldflags", flags, "-o", f"{folder}{os.sep}", *packages)
