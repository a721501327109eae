"""A builder's address, as one writes it: a URL.

::

    unix:///run/buildkit/buildkitd.sock
    tcp://HOST:PORT[?ca=FILE&cert=FILE&key=FILE&servername=NAME]
    docker-container://NAME  podman-container://NAME  nerdctl-container://NAME
    kube-pod://POD[?namespace=NS&context=CTX&container=NAME&kubeconfig=FILE]
    docker://[CONTEXT]  docker+unix:///var/run/docker.sock  docker+tcp://HOST:PORT  docker+ssh://HOST
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from envd_jupyter.errors import BuilderAddressError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_DOCKER", "ENGINES", "BuilderAddress"]

DEFAULT_DOCKER = "/var/run/docker.sock"
#: The command line that gets into the containers of each kind.
ENGINES = {
    "docker-container": "docker",
    "podman-container": "podman",
    "nerdctl-container": "nerdctl",
}
_PARAMETERS = {
    "tcp": ("ca", "cert", "key", "servername"),
    "docker+tcp": ("ca", "cert", "key", "servername"),
    "kube-pod": ("namespace", "context", "container", "kubeconfig"),
}
_KINDS = (
    "unix",
    "tcp",
    *ENGINES,
    "kube-pod",
    "docker",
    "docker+unix",
    "docker+tcp",
    "docker+ssh",
)


@dataclass(frozen=True)
class BuilderAddress:
    """Where a builder is.

    Attributes
    ----------
    kind
        The URL's scheme.
    target
        A socket's path, ``HOST:PORT``, or a name.
    params
        The URL's parameters.
    """

    kind: str
    target: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_docker(self) -> bool:
        """Whether BuildKit lies behind a Docker Engine's API."""
        return self.kind == "docker" or self.kind.startswith("docker+")

    @classmethod
    def parse(cls, url: str) -> BuilderAddress:
        """Read a URL.

        Raises
        ------
        BuilderAddressError
            With what is wrong with it.
        """
        kind, separator, _ = url.partition("://")
        if not separator or kind not in _KINDS:
            raise BuilderAddressError(
                f"the builder {url!r} is no address that is understood",
                hint=f"Write SCHEME://…, where SCHEME is one of {', '.join(_KINDS)}.",
            )
        parts = urlsplit(url)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        allowed = _PARAMETERS.get(kind, ())
        for name in params:
            if name not in allowed:
                takes = f"It takes {', '.join(allowed)}." if allowed else "It takes none."
                raise BuilderAddressError(
                    f"the builder {url!r} has an unknown parameter {name!r}", hint=takes
                )
        if kind in ("unix", "docker+unix"):
            target = parts.netloc + parts.path
            if not target.startswith("/"):
                raise BuilderAddressError(
                    f"the builder {url!r} names no absolute path", hint=f"Write {kind}:///PATH."
                )
        else:
            target = (parts.netloc + parts.path).rstrip("/")
        if kind in ("tcp", "docker+tcp"):
            _check_tcp(url, target, params)
        elif not target and kind != "docker":
            raise BuilderAddressError(
                f"the builder {url!r} names nothing", hint=f"Write {kind}://NAME."
            )
        return cls(kind, target, params)

    def to_url(self) -> str:
        """Write the address as `parse` reads it."""
        query = f"?{urlencode(self.params, quote_via=quote)}" if self.params else ""
        return f"{self.kind}://{self.target}{query}"


def _check_tcp(url: str, target: str, params: Mapping[str, str]) -> None:
    host, colon, port = target.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BuilderAddressError(
            f"the builder {url!r} names no host and port", hint="Write tcp://HOST:PORT."
        )
    if ("cert" in params) != ("key" in params):
        raise BuilderAddressError(
            f"the builder {url!r} has a client certificate without its key, or the reverse",
            hint="Give both cert=FILE and key=FILE.",
        )
