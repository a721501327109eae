"""Real services for the tests, the benchmarks and the demo, started when first asked for.

Each has a folder, sockets and ports of its own, so several runs do not collide; all of them end
with `Services.close`, and with the process that started them, whatever it dies of. By hand:
``python -m tests.services run``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.services.baseimage import push_base_image
from tests.services.builders import Buildkitd
from tests.services.cleaning import Warden
from tests.services.process import Process
from tests.services.registry import Registry
from tests.services.tls import Authority
from tests.services.tools import NEW_BUILDKIT, OLD_BUILDKIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.services.containers import ContainerBuilder, StandIns
    from tests.services.docker import DockerEngine
    from tests.services.faults import FaultyProxy
    from tests.services.gha import ActCache, ActionsCache
    from tests.services.hosts import Network
    from tests.services.s3 import ObjectStore

__all__ = ["NEW_BUILDKIT", "OLD_BUILDKIT", "Buildkitd", "Registry", "Services"]


class Services:
    """All services of one run; use it as a context manager.

    Parameters
    ----------
    ports
        Ports for ``registry`` and ``s3``, which then are at ``localhost``: for outputs that people
        read. By default free ports.
    """

    def __init__(self, ports: Mapping[str, int] | None = None) -> None:
        self._ports = dict(ports or {})
        self.folder = Path(tempfile.mkdtemp(prefix="ejs-"))  # short: sockets lie below it
        self._warden = Warden(self.folder)
        self._closing = contextlib.ExitStack()
        self._count = 0
        self._registry: Registry | None = None
        self._authority: Authority | None = None
        self._builders: dict[str, Buildkitd] = {}
        self._pushed: dict[str, str] = {}
        self._caches: dict[str, str] = {}
        self._home()

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything and leave nothing."""
        try:
            self._closing.close()
        finally:
            self._warden.dismiss()

    def place(self, name: str) -> Path:
        """Return the path of a new folder, which is not made yet."""
        self._count += 1
        return self.folder / f"{name}{self._count}"

    # Services

    @property
    def authority(self) -> Authority:
        """The certificate authority that the TLS services share."""
        if self._authority is None:
            self._authority = Authority(self.place("ca"))
        return self._authority

    @property
    def registry(self) -> Registry:
        """The plain registry that most tests share."""
        if self._registry is None:
            port = self._ports.get("registry")
            host = "localhost" if port else "127.0.0.1"
            self._registry = self.new_registry(host=host, port=port)
        return self._registry

    def new_registry(
        self,
        *,
        auth: tuple[str, str] | None = None,
        tls: bool = False,
        host: str = "127.0.0.1",
        port: int | None = None,
    ) -> Registry:
        """Start a registry; envd and the builders started later may reach it."""
        authority = self.authority if tls else None
        registry = Registry(self.place("reg"), auth=auth, authority=authority, host=host, port=port)
        self._closing.callback(registry.stop)
        self._trust(registry)
        return registry

    def buildkitd(self, version: str = OLD_BUILDKIT) -> Buildkitd:
        """Return the builder of this version that most tests share."""
        if version not in self._builders:
            self._builders[version] = self.new_buildkitd(version)
        return self._builders[version]

    def second_builder(self, version: str = OLD_BUILDKIT) -> Buildkitd:
        """Return the builder that tests empty to prove where a step came from."""
        name = f"second {version}"
        if name not in self._builders:
            self._builders[name] = self.new_buildkitd(version)
        return self._builders[name]

    def new_buildkitd(
        self,
        version: str = OLD_BUILDKIT,
        registries: Sequence[Registry] = (),
        **options: Any,
    ) -> Buildkitd:
        """Start an empty builder of its own; it reaches the shared registry and those given."""
        known = [self.registry, *registries]
        builder = Buildkitd(self.place("bk"), version, known, **options)
        self._closing.callback(builder.close)
        return builder

    def base_image(self, registry: Registry | None = None, kind: str = "py") -> str:
        """Return a base image's reference in a registry, put there the first time.

        ``py`` has Python and pip, ``tiny`` a shell.
        """
        registry = registry or self.registry
        key = f"{registry.host} {kind}"
        if key not in self._pushed:
            self._pushed[key] = push_base_image(registry, kind)
        return self._pushed[key]

    def docker(self, *, containerd: bool = False) -> DockerEngine:
        """Start a Docker Engine: Debian's 20.10, or a newer one with the containerd image store."""
        from tests.services.docker import DockerEngine

        engine = DockerEngine(self.place("dk"), [self.registry], containerd=containerd)
        self._closing.callback(engine.close)
        return engine

    def docker_container(
        self, engine: DockerEngine | None = None, version: str = OLD_BUILDKIT
    ) -> ContainerBuilder:
        """Start a builder in a container of a Docker Engine."""
        from tests.services.containers import in_docker

        image = self.base_image(kind=f"buildkit-{version}")
        known = [self.registry]
        builder = in_docker(self.place("dc"), engine or self.docker(), image, known)
        self._closing.callback(builder.stop)
        return builder

    def podman_container(self, version: str = OLD_BUILDKIT) -> ContainerBuilder:
        """Start a builder in a container of Podman."""
        from tests.services.containers import Podman, in_podman

        image = self.base_image(kind=f"buildkit-{version}")
        engine = Podman(self.place("pm"), [self.registry])
        self._closing.callback(engine.close)
        builder = in_podman(self.place("pc"), engine, image, [self.registry])
        self._closing.callback(builder.stop)
        return builder

    def stand_ins(self, builder: Buildkitd) -> StandIns:
        """Make ``kubectl`` and ``nerdctl`` commands that reach a builder of ours as ``builder``."""
        from tests.services.containers import StandIns

        return StandIns(self.place("bin"), builder)

    def object_store(self, kind: str = "versitygw") -> ObjectStore:
        """Start an S3 server: ``versitygw`` or ``moto``."""
        from tests.services.s3 import ObjectStore

        store = ObjectStore(self.place("s3"), kind, port=self._ports.get("s3"))
        self._closing.callback(store.stop)
        return store

    def actions_cache(self) -> ActionsCache:
        """Start a GitHub Actions cache service of our own (v1 and v2)."""
        from tests.services.gha import ActionsCache

        cache = ActionsCache()
        self._closing.callback(cache.stop)
        return cache

    def act_cache(self) -> ActCache:
        """Start the GitHub Actions cache service (v1) of ``act``."""
        from tests.services.gha import ActCache

        cache = ActCache(self.place("act"))
        self._closing.callback(cache.stop)
        return cache

    def proxy(self, target: Registry | ObjectStore) -> FaultyProxy:
        """Start a proxy before a registry or an S3 server that makes chosen requests fail."""
        from tests.services.faults import FaultyProxy

        proxy = FaultyProxy(f"127.0.0.1:{target.port}")
        self._closing.callback(proxy.stop)
        return proxy

    def network(self) -> Network:
        """Make a network to put hosts on."""
        from tests.services.hosts import Network

        network = Network(self.place("net"))
        self._closing.callback(network.close)
        return network

    def small_disk(self, megabytes: int) -> Path:
        """Return a folder that is a file system of this size."""
        folder = self.place("disk")
        folder.mkdir()
        size = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(folder)], check=True)
        return folder

    def start_process(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None
    ) -> Process:
        """Start some other program that ends with the services."""
        log = self.place("process").with_suffix(".log")
        process = Process(command, log, env=env, cwd=cwd)
        self._closing.callback(process.stop)
        return process

    # The environment of their users

    @property
    def envd(self) -> Path:
        """The envd program."""
        beside = str(Path(sys.executable).parent)
        found = shutil.which("envd") or shutil.which("envd", path=beside)
        if found is None:
            raise FileNotFoundError("envd is not installed beside the tests")
        return Path(found)

    @property
    def home(self) -> Path:
        """A home directory of our own, with envd's and the clients' settings."""
        return self.folder / "home"

    @property
    def environ(self) -> dict[str, str]:
        """What a build needs in its environment to find the services and nothing else."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "ACTIONS_", "DOCKER_", "BUILDKIT_", "ENVD_"))
        }
        kept |= {
            "HOME": str(self.home),
            "DOCKER_CONFIG": str(self.home / ".docker"),
            "ENVD_ANALYTICS": "false",
            "ENVD_JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_CONFIG_DIR": str(self.home / ".jupyter"),
            "JUPYTER_DATA_DIR": str(self.home / ".local" / "share" / "jupyter"),
            "JUPYTER_RUNTIME_DIR": str(self.home / ".local" / "share" / "jupyter" / "runtime"),
            "IPYTHONDIR": str(self.home / ".ipython"),
        }
        if self._authority is not None:
            kept["SSL_CERT_FILE"] = str(self._bundle())
        return kept

    def notebook_environ(self, builder: Buildkitd | None = None) -> dict[str, str]:
        """Return `environ` with what the example notebooks ask for.

        A registry, a base image, two builders of which the second is empty, an S3 bucket with its
        credentials, and the variables that a step of a GitHub Actions workflow sees.

        Parameters
        ----------
        builder
            The first builder; by default the one that tests share.
        """
        first, second = builder or self.buildkitd(), self.new_buildkitd()
        self.use_context("notebooks", first.address)
        return (
            self.environ
            | self._notebook_caches()
            | {
                "NOTEBOOK_REGISTRY": self.registry.host,
                "NOTEBOOK_BASE_IMAGE": self.base_image(),
                "NOTEBOOK_SECOND_BUILDER": second.address,
            }
        )

    def _notebook_caches(self) -> dict[str, str]:
        """Start S3 and the Actions cache for the notebooks, once."""
        if not self._caches:
            store, actions = self.object_store(), self.act_cache()
            store.new_bucket("build-cache")
            self._caches = (
                store.credentials
                | actions.environ()
                | {
                    "NOTEBOOK_S3_ENDPOINT": store.endpoint,
                    "AWS_BUCKET": "build-cache",
                    "AWS_REGION": store.region,
                }
            )
        return self._caches

    def use_context(self, name: str, address: str) -> None:
        """Make a builder the current context of envd, as a user would."""
        builder, _, target = address.partition("://")
        known = self._envd("context", "ls", "--format", "json")
        if f'"{name}"' in known:
            self._envd("context", "use", "--name", name)
            return
        self._envd(
            *("context", "create", "--name", name, "--builder", builder),
            *("--builder-address", target, "--use"),
        )

    def use_docker(self) -> None:
        """Make the Docker Engine of ``$DOCKER_HOST`` the current context of envd: its default."""
        self._envd("context", "use", "--name", "default")

    def _envd(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.envd), *arguments], env=self.environ, text=True, capture_output=True
        )
        if done.returncode:
            raise RuntimeError(f"envd {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def _home(self) -> None:
        for name in (".docker", ".config/containers"):
            (self.home / name).mkdir(parents=True)
        (self.home / ".docker" / "config.json").write_text("{}")
        self._registries: list[Registry] = []

    def _trust(self, registry: Registry) -> None:
        """Let envd and its libraries reach a registry, as their own settings files say it."""
        self._registries.append(registry)
        lines = [
            f'[[registry]]\nlocation = "{known.host}"\ninsecure = true\n'
            for known in self._registries
            if known.authority is None
        ]
        (self.home / ".config" / "containers" / "registries.conf").write_text("\n".join(lines))
        auths: dict[str, Any] = {}
        for known in self._registries:
            auths |= known.docker_config().get("auths", {})
        (self.home / ".docker" / "config.json").write_text(json.dumps({"auths": auths}))

    def _bundle(self) -> Path:
        """Return the host's CA bundle with our authority in it."""
        path = self.folder / "bundle.pem"
        if not path.exists():
            system = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
            known = Path(system).read_text() if Path(system).exists() else ""
            path.write_text(known + self.authority.ca.read_text())
        return path
