"""Hosts on a network that the tests make: network namespaces on a bridge of their own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.services.cleaning import new_bridge
from tests.services.tools import ensure_programs

if TYPE_CHECKING:
    from pathlib import Path


class Network:
    """A network without a way out; this machine is in it as `gateway`."""

    def __init__(self, folder: Path) -> None:
        ensure_programs({"ip": "iproute2", "nsenter": "util-linux"})
        folder.mkdir(parents=True)
        self.folder = folder
        self.bridge, self.gateway = new_bridge(folder)
        self._hosts = 0

    def new_host(self) -> Host:
        """Add a host."""
        self._hosts += 1
        return Host(self, self._hosts + 1)

    def close(self) -> None:
        for name in (self.folder / "namespaces").read_text().split() if self._hosts else ():
            _ip("netns", "del", name)
        _ip("link", "del", self.bridge)


class Host:
    """A network namespace with one interface; `command` runs programs in it."""

    def __init__(self, network: Network, number: int) -> None:
        self.name = f"{network.bridge}-{number}"
        self.address = network.gateway.rpartition(".")[0] + f".{number}"
        self._cable = f"{network.bridge}{number}"
        with (network.folder / "namespaces").open("a") as note:
            note.write(f"{self.name}\n")
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "eth0", "netns", self.name)
        _ip("link", "set", self._cable, "master", network.bridge, "up")
        _ip("-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip("-n", self.name, "link", "set", interface, "up")

    @property
    def command(self) -> list[str]:
        """What a command begins with to run on this host; files are those of this machine."""
        return ["nsenter", f"--net=/run/netns/{self.name}", "--"]

    def cut(self) -> None:
        """Pull the cable: nothing arrives, and nobody is told."""
        _ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        """Put the cable back."""
        _ip("link", "set", self._cable, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


__all__ = ["Host", "Network"]
