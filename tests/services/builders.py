"""A buildkitd of its own: root, socket, configuration; stopped with everything it mounted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.services.cleaning import release
from tests.services.process import Process, free_port, listens
from tests.services.tools import buildkit, ensure_programs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.services.hosts import Host
    from tests.services.registry import Registry
    from tests.services.tls import Authority

RUNC = {"runc": "runc", "ip": "iproute2"}


class Buildkitd:
    """A running buildkitd.

    Parameters
    ----------
    folder
        Its place; short, for a socket lies in it.
    version
        Which BuildKit.
    registries
        The registries it may reach, without TLS or trusting their authority.
    environ
        Variables added to its environment.
    tcp
        Listen on a loopback port as well.
    authority
        With ``tcp``: demand TLS with client certificates.
    config
        More lines for its configuration.
    host
        The host of a test network that it runs on; by default this machine.
    """

    def __init__(
        self,
        folder: Path,
        version: str,
        registries: Sequence[Registry] = (),
        *,
        environ: Mapping[str, str] | None = None,
        tcp: bool = False,
        authority: Authority | None = None,
        config: str = "",
        host: Host | None = None,
    ) -> None:
        ensure_programs(RUNC)
        self.folder = folder
        self.version = version
        self.programs = buildkit(version)
        self.socket = folder / "b.sock"
        self.root = folder / "root"
        self._environ = {"AWS_EC2_METADATA_DISABLED": "true", **(environ or {})}
        folder.mkdir(parents=True)
        self._host = host
        self._listens = host.address if host else "127.0.0.1"
        self.port = free_port() if tcp else None
        addresses = [f"unix://{self.socket}"]
        if self.port:
            addresses.append(f"tcp://{self._listens}:{self.port}")
        lines = [f'root = "{self.root}"', "[grpc]", f"  address = {json.dumps(addresses)}"]
        more = ["[otel]", f'  socketPath = "{folder / "otel.sock"}"']  # else one for the machine
        self._tls: dict[str, str] = {}
        if tcp and authority is not None:
            server, client = authority.issue("buildkitd"), authority.issue("client")
            lines += [
                "[grpc.tls]",
                f'  cert = "{server.cert}"',
                f'  key = "{server.key}"',
                f'  ca = "{authority.ca}"',
            ]
            self._tls = {
                "ca": str(authority.ca),
                "cert": str(client.cert),
                "key": str(client.key),
                "servername": "localhost",
            }
        for registry in registries:
            lines.append(f'[registry."{registry.host}"]')
            if registry.authority is None:
                lines.append("  http = true")
            else:
                # Without `http`, BuildKit takes a registry on loopback for one without TLS.
                lines += ["  http = false", f'  ca = ["{registry.authority.ca}"]']
        self._config = folder / "buildkitd.toml"
        self._config.write_text("\n".join([*lines, *more, config, ""]))
        self.start()

    @property
    def address(self) -> str:
        """Its URL by socket."""
        return f"unix://{self.socket}"

    @property
    def tcp_address(self) -> str:
        """Its URL by TCP, with the certificates a client needs."""
        query = f"?{urlencode(self._tls)}" if self._tls else ""
        return f"tcp://{self._listens}:{self.port}{query}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.folder / "buildkitd.log"

    def start(self) -> None:
        prefix = self._host.command if self._host else []
        self.process = Process(
            [*prefix, self.programs / "buildkitd", "--config", self._config],
            self.log,
            env=os.environ | self._environ,
        )
        self.process.wait_until(self._answers)

    def _answers(self) -> bool:
        ready = not self.port or listens(self.port, self._listens)
        return ready and self.socket.exists() and "running server" in self.log.read_text()

    def buildctl(self, *arguments: str) -> str:
        """Run buildctl against it and return what it prints."""
        done = subprocess.run(
            [str(self.programs / "buildctl"), "--addr", self.address, *arguments],
            text=True,
            capture_output=True,
            check=True,
        )
        return done.stdout

    def restart_empty(self) -> None:
        """Stop it, remove all it knows, start it: the only proof of an empty cache."""
        self.stop()
        self._remove_root()
        self.log.unlink()
        self.start()

    def restart(self) -> None:
        """Start it again after it was killed, with what it knows."""
        self.stop()
        self.log.unlink()
        self.start()

    def stop(self) -> None:
        self.process.stop()
        release(self.folder)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    def close(self) -> None:
        """Stop it and leave nothing of it."""
        self.stop()
        self._remove_root()

    def _remove_root(self) -> None:
        release(self.folder)
        shutil.rmtree(self.root, ignore_errors=True)


__all__ = ["Buildkitd"]
