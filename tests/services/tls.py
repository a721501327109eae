"""A certificate authority of our own, and the certificates it signs for services on loopback."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.services.tools import ensure_programs

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Paths of PEM files."""

    cert: Path
    key: Path


class Authority:
    """Makes certificates in a folder; ``ca`` is what its clients must trust."""

    def __init__(self, folder: Path) -> None:
        ensure_programs({"openssl": "openssl"})
        folder.mkdir(parents=True)
        self._folder = folder
        self.ca = folder / "ca.pem"
        self._key = folder / "ca-key.pem"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "30", "-subj", "/CN=envd-jupyter tests", "-keyout", self._key),
            *("-out", self.ca, "-addext", "keyUsage=critical,keyCertSign"),
        )

    def issue(self, name: str) -> Certificate:
        """Sign a certificate for 127.0.0.1 and localhost, for servers and clients."""
        key, cert = self._folder / f"{name}-key.pem", self._folder / f"{name}.pem"
        request = self._folder / f"{name}.csr"
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", key, "-out", request),
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key),
            *("-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", cert),
        )
        return Certificate(cert, key)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
