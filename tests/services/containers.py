"""Builders in containers: real ones in Docker and Podman, and commands that stand in for others.

A container is made from the built buildkitd (`tests.services.baseimage`). There is no Kubernetes
and no nerdctl on a test machine: `StandIns` are commands of these names that take the arguments the
real ones take and connect to a buildkitd beside them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from tests.services.cleaning import release
from tests.services.tools import ensure_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.services.builders import Buildkitd
    from tests.services.docker import DockerEngine
    from tests.services.registry import Registry

# What a builder needs of --privileged, which asks for rights that a sandboxed machine cannot give.
_RIGHTS = (
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--device-cgroup-rule", "a *:* rwm", "-v", "/sys/fs/cgroup:/sys/fs/cgroup"),
)


class ContainerBuilder:
    """A buildkitd in a container of the machine's network.

    Parameters
    ----------
    folder
        Where its state lies.
    kind
        ``docker`` or ``podman``: the scheme of its address.
    command
        Runs the engine's command with arguments and returns what it prints.
    environ
        What makes that command find the engine.
    image
        The builder's image.
    registries
        The registries it may reach.
    """

    def __init__(
        self,
        folder: Path,
        kind: str,
        command: Callable[..., str],
        environ: dict[str, str],
        image: str,
        registries: Sequence[Registry],
    ) -> None:
        self.folder = folder
        self.kind = kind
        self.name = f"builder-{folder.name}-{os.getpid()}"
        self.environ = environ
        self._command = command
        (folder / "state").mkdir(parents=True)
        config = folder / "buildkitd.toml"
        config.write_text(
            "".join(
                f'[registry."{r.host}"]\n  http = true\n' for r in registries if not r.authority
            )
        )
        command(
            *("run", "-d", "--name", self.name, "--network", "host", *_RIGHTS, *_limits(kind)),
            *("-v", f"{folder / 'state'}:/var/lib/buildkit"),
            *("-v", f"{config}:/etc/buildkit/buildkitd.toml:ro", image),
        )
        command("exec", self.name, "buildctl", "--wait", "debug", "workers")

    @property
    def address(self) -> str:
        return f"{self.kind}-container://{self.name}"

    def stop(self) -> None:
        self._command("rm", "-f", self.name)
        release(self.folder)


def _limits(kind: str) -> list[str]:
    """Return arguments that keep Podman from raising limits, which root may not be free to do."""
    return ["--ulimit", "nofile=4096", "--ulimit", "nproc=4096"] if kind == "podman" else []


def in_docker(
    folder: Path, engine: DockerEngine, image: str, registries: Sequence[Registry]
) -> ContainerBuilder:
    """Start a builder in a container of a Docker Engine."""
    return ContainerBuilder(folder, "docker", engine.docker, engine.environ, image, registries)


class Podman:
    """Debian's Podman with storage and settings of its own."""

    def __init__(self, folder: Path, registries: Sequence[Registry]) -> None:
        ensure_programs({"podman": "podman", "runc": "runc"})
        self.folder = folder
        folder.mkdir(parents=True)
        storage, settings = folder / "storage.conf", folder / "containers.conf"
        known, policy = folder / "registries.conf", folder / "policy.json"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder / "graph"}"\n'
            f'runroot = "{folder / "run"}"\n'
        )
        settings.write_text(
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n'
            f'tmp_dir = "{folder / "tmp"}"\nstatic_dir = "{folder / "libpod"}"\n'
            f'volume_path = "{folder / "volumes"}"\n'
        )
        known.write_text(
            "".join(
                f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n'
                for registry in registries
            )
        )
        policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self.environ = {
            "CONTAINERS_STORAGE_CONF": str(storage),
            "CONTAINERS_CONF": str(settings),
            "CONTAINERS_REGISTRIES_CONF": str(known),
        }

    def podman(self, *arguments: str) -> str:
        """Run the podman command and return what it prints."""
        done = subprocess.run(
            ["podman", *arguments],
            env=os.environ | self.environ,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"podman {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def close(self) -> None:
        release(self.folder)


def in_podman(
    folder: Path, engine: Podman, image: str, registries: Sequence[Registry]
) -> ContainerBuilder:
    """Start a builder in a container of Podman."""
    return ContainerBuilder(folder, "podman", engine.podman, engine.environ, image, registries)


class StandIns:
    """``kubectl`` and ``nerdctl`` commands in a folder for ``PATH``; they run what is asked here.

    `calls` is the file where they note their arguments, one call a line.
    """

    def __init__(self, folder: Path, builder: Buildkitd) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        folder.mkdir(parents=True)
        programs = shlex.quote(str(builder.programs))
        common = (
            f'printf "%s\\n" "$(basename "$0") $*" >> {shlex.quote(str(self.calls))}\n'
            f"export BUILDKIT_HOST={shlex.quote(builder.address)} PATH={programs}:$PATH\n"
        )
        self._write("nerdctl", common + _NERDCTL)
        self._write("kubectl", common + _KUBECTL)

    def _write(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}{os.pathsep}{os.environ.get('PATH', '')}"}


_NERDCTL = """
[ "$1 $2" = "exec -i" ] || { echo "nerdctl: unknown command: $*" >&2; exit 1; }
[ "$3" = builder ] || { echo "nerdctl: no such container: $3" >&2; exit 1; }
shift 3
exec "$@"
"""

_KUBECTL = """
namespace=default
while [ $# -gt 0 ]; do
  case "$1" in
    --namespace) namespace=$2; shift 2;;
    --context|--kubeconfig) shift 2;;
    *) break;;
  esac
done
[ "$1 $2" = "exec -i" ] || { echo "error: unknown command: $*" >&2; exit 1; }
[ "$3" = builder ] || {
  echo "Error from server (NotFound): pods \\"$3\\" not found in $namespace" >&2; exit 1; }
shift 3
[ "$1" = -c ] && shift 2
[ "$1" = -- ] && shift
exec "$@"
"""

__all__ = ["ContainerBuilder", "Podman", "StandIns", "in_docker", "in_podman"]
