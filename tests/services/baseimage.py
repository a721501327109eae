"""The base images of the test builds, made once and kept as OCI layouts.

``py`` is Debian with Python and pip, made with mmdebstrap; it installs packages as this machine
does: the host's CA certificates and pip configuration go into it, whatever they are. ``tiny`` is a
shell and the usual commands in three megabytes, for builds whose steps do not matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tests.services.tools import buildkit, ensure_programs, locked, made_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.services.registry import Registry

_PROGRAMS = {"mmdebstrap": "mmdebstrap", "skopeo": "skopeo"}
_SUITE = "bookworm"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def base_layout(kind: str = "py") -> Path:
    """Return the OCI layout of a base image: ``py``, ``tiny``, or ``buildkit-VERSION``."""
    if kind.startswith("buildkit-"):
        version = kind.removeprefix("buildkit-")
        return made_once(f"base-image-{kind}-1", lambda folder: _make_builder(folder, version))
    make = _make_python if kind == "py" else _make_tiny
    return made_once(f"base-image-{kind}-1", make)


def push_base_image(registry: Registry, kind: str = "py") -> str:
    """Put a base image into a registry; returns its reference."""
    ensure_programs(_PROGRAMS)
    reference = registry.ref(f"base:{kind}")
    source = f"oci:{base_layout(kind)}:latest"
    command = ["skopeo", "copy", "--quiet", source, f"docker://{reference}"]
    if registry.authority is None:
        command.insert(2, "--dest-tls-verify=false")
    else:
        certificates = registry.folder / "trust"
        certificates.mkdir(exist_ok=True)
        shutil.copy(registry.authority.ca, certificates / "ca.crt")
        command.insert(2, f"--dest-cert-dir={certificates}")
    if registry.auth is not None:
        command.insert(2, f"--dest-creds={':'.join(registry.auth)}")
    subprocess.run(command, check=True, capture_output=True)
    return reference


def _make_tiny(folder: Path) -> None:
    _pack(folder, _tiny_tree(folder))


def _make_builder(folder: Path, version: str) -> None:
    """Make the image of a builder that runs in a container: BuildKit and runc."""
    ensure_programs({"runc": "runc"})
    tree = _tiny_tree(folder)
    for program in buildkit(version).iterdir():
        shutil.copy(program, tree / "bin" / program.name)
    runc = shutil.which("runc", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert runc is not None
    shutil.copy(runc, tree / "bin" / "runc")
    needed = subprocess.run(["ldd", runc], check=True, text=True, capture_output=True).stdout
    for library in re.findall(r"(/\S+) \(0x", needed):
        place = tree / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    _pack(folder, tree, ["buildkitd"])


def _tiny_tree(folder: Path) -> Path:
    tree = folder / "tree"
    for name in ("bin", "tmp", "etc", "root"):
        (tree / name).mkdir(parents=True)
    unpacked = folder / "debian"
    with locked("apt"):
        command = ["apt-get", "download", "-qq", "busybox-static", "bash-static"]
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
        package.unlink()
    shutil.copy(next(unpacked.rglob("bin/busybox")), tree / "bin" / "busybox")
    shutil.copy(next(unpacked.rglob("bin/bash-static")), tree / "bin" / "bash")
    shutil.rmtree(unpacked)
    applets = subprocess.run(
        [str(tree / "bin" / "busybox"), "--list"], check=True, text=True, capture_output=True
    )
    for applet in applets.stdout.split():
        if applet not in ("bash", "busybox"):
            (tree / "bin" / applet).symlink_to("busybox")
    return tree


def _make_python(folder: Path) -> None:
    ensure_programs(_PROGRAMS)
    tree = folder / "tree"
    command = ["mmdebstrap", "--quiet", "--variant=minbase"]
    command += ["--include=python3,python3-pip,ca-certificates", _SUITE, str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    _finish(tree)
    _pack(folder, tree)


def _pack(folder: Path, tree: Path, command: Sequence[str] = ("bash",)) -> None:
    layer = folder / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        for place in sorted(tree.iterdir()):
            archive.add(place, arcname=place.name, filter=_plain)
    shutil.rmtree(tree)
    _write_layout(folder, layer, command)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.isdev() else member


def _finish(tree: Path) -> None:
    for marker in tree.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    (tree / "usr/bin/python").symlink_to("python3")
    bundle = Path(os.environ.get("SSL_CERT_FILE") or _BUNDLE)
    if bundle.exists():
        shutil.copy(bundle, tree / _BUNDLE.lstrip("/"))
    (tree / "etc/pip.conf").write_text(_pip_configuration())
    for cached in (*tree.glob("var/cache/apt/*.bin"), *tree.glob("var/lib/apt/lists/*_*")):
        cached.unlink()


def _pip_configuration() -> str:
    """Return the host's own pip settings as one file."""
    done = subprocess.run(
        ["python3", "-m", "pip", "config", "list"], text=True, capture_output=True, check=False
    )
    settings = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout"):
            settings[key] = value.strip("'\"")
    for variable, key in (("PIP_INDEX_URL", "index-url"), ("PIP_TRUSTED_HOST", "trusted-host")):
        if os.environ.get(variable):
            settings[key] = os.environ[variable]
    settings["cert"] = _BUNDLE
    settings["break-system-packages"] = "true"
    return "".join(["[global]\n", *(f"{key} = {value}\n" for key, value in settings.items())])


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def _write_layout(folder: Path, layer: Path, command: Sequence[str]) -> None:
    """Write an OCI layout with one uncompressed layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    with layer.open("rb") as stream:
        diff = _sha256(stream)
    size = layer.stat().st_size
    layer.rename(blobs / diff)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = put(
        json.dumps(
            {
                "architecture": machine,
                "os": "linux",
                "config": {
                    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                    "Cmd": list(command),
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]},
                "history": [{"created_by": "tests"}],
            }
        ).encode()
    )
    oci = "application/vnd.oci.image"
    manifest = put(
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{oci}.manifest.v1+json",
                "config": {"mediaType": f"{oci}.config.v1+json", **config},
                "layers": [
                    {
                        "mediaType": f"{oci}.layer.v1.tar",
                        "digest": f"sha256:{diff}",
                        "size": size,
                    }
                ],
            }
        ).encode()
    )
    names = {"org.opencontainers.image.ref.name": "latest"}
    index = {
        "schemaVersion": 2,
        "manifests": [
            {"mediaType": f"{oci}.manifest.v1+json", **manifest, "annotations": names},
        ],
    }
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


__all__ = ["base_layout", "push_base_image"]
