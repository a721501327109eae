"""A Docker Engine of its own: data, sockets and containerd in its folder, a bridge to nowhere.

Steps have a network interface, for the Engine insists, but no way out of the machine: what they
need is in their base image. No packet filter and no route of the machine is changed.

Debian's 20.10 knows inline cache only; a newer one with the containerd image store exports and
imports the other types as well. Neither is installed: their files are unpacked into the tool cache.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from typing import TYPE_CHECKING

from tests.services.cleaning import clear, new_bridge
from tests.services.process import Process
from tests.services.tools import docker_programs, ensure_programs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.services.registry import Registry


class DockerEngine:
    """A running dockerd.

    Parameters
    ----------
    folder
        Its place; short, for sockets lie in it.
    registries
        The registries it may reach; those on loopback it reaches without TLS anyway.
    containerd
        Take the newer Engine, with the containerd image store.
    """

    def __init__(
        self, folder: Path, registries: Sequence[Registry] = (), *, containerd: bool = False
    ) -> None:
        ensure_programs({"runc": "runc", "ip": "iproute2"})
        self.folder = folder
        self.programs = docker_programs("sid" if containerd else "bookworm")
        self.socket = folder / "d.sock"
        folder.mkdir(parents=True)
        settings: dict[str, object] = {
            "data-root": str(folder / "data"),
            "exec-root": str(folder / "exec"),
            "pidfile": str(folder / "pid"),
            "hosts": [f"unix://{self.socket}"],
            "bridge": new_bridge(folder)[0],
            "iptables": False,
            "ip-forward": False,
            "ip-masq": False,
            "userland-proxy": False,
            "ip6tables": False,
            "insecure-registries": [r.host for r in registries if r.authority is None],
        }
        if containerd:
            settings["features"] = {"containerd-snapshotter": True}
        self._config = folder / "daemon.json"
        self._config.write_text(json.dumps(settings))
        self.start()

    @property
    def address(self) -> str:
        """Its URL as a builder."""
        return f"docker+unix://{self.socket}"

    @property
    def environ(self) -> dict[str, str]:
        """What makes the ``docker`` command find it."""
        return {"DOCKER_HOST": f"unix://{self.socket}", "PATH": self._path()}

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def version(self) -> str:
        return self.docker("version", "--format", "{{.Server.Version}}").strip()

    def _path(self) -> str:
        ours = [self.programs / "usr/bin", self.programs / "usr/sbin"]
        return os.pathsep.join([*map(str, ours), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

    def start(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        triplet = f"{platform.machine()}-linux-gnu"
        libraries = [str(self.programs / place / triplet) for place in ("lib", "usr/lib")]
        self.process = Process(
            [self.programs / "usr/sbin/dockerd", "--config-file", self._config],
            self.folder / "dockerd.log",
            env=os.environ | {"PATH": self._path(), "LD_LIBRARY_PATH": ":".join(libraries)},
        )
        self.process.wait_until(self._answers)

    def _answers(self) -> bool:
        return self.socket.exists() and not self._docker("version").returncode

    def docker(self, *arguments: str) -> str:
        """Run the docker command against it and return what it prints."""
        done = self._docker(*arguments)
        if done.returncode:
            raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.programs / "usr/bin/docker"), *arguments],
            env=os.environ | self.environ | {"DOCKER_CONFIG": str(self.folder / "client")},
            text=True,
            capture_output=True,
            check=False,
        )

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    def close(self) -> None:
        """Stop it and leave nothing of it."""
        self.stop()
        clear(self.folder)


__all__ = ["DockerEngine"]
