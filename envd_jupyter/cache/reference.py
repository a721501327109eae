"""Image references: ``[HOST[:PORT]/]PATH[:TAG][@DIGEST]``, as registries and BuildKit read them.

The grammar is that of the distribution project; a name without a host means Docker Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ImageReference", "is_digest", "parse_reference"]

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DIGEST = r"[a-z][a-z0-9]*(?:[+._-][a-z][a-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)"
    rf"(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{_DIGEST}))?",
    re.ASCII,
)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class ImageReference:
    """The parts of an image reference.

    Attributes
    ----------
    host
        Registry host and port, or None for Docker Hub.
    path
        The repository, for example ``me/ml``.
    tag, digest
        As given, or None.
    """

    host: str | None
    path: str
    tag: str | None
    digest: str | None

    @property
    def repository(self) -> str:
        """The reference without tag and digest."""
        return f"{self.host}/{self.path}" if self.host else self.path


def is_digest(text: str) -> bool:
    """Return whether the text is a SHA-256 digest as OCI writes it."""
    return _SHA256.fullmatch(text) is not None


def parse_reference(text: str) -> ImageReference:
    """Take an image reference apart.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong with it.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(_fault(text))
    host, path = match["host"], match["path"]
    if host is not None and not _is_host(host):
        host, path = None, f"{host}/{path}"
        if path != path.lower():
            raise ValueError("a repository name is written in lower case")
    if len(path) > 255:
        raise ValueError("a repository name has at most 255 characters")
    digest = match["digest"]
    if digest is not None and digest.startswith("sha256:") and not is_digest(digest):
        raise ValueError("a sha256 digest has 64 hexadecimal digits")
    return ImageReference(host, path, match["tag"], digest)


def _is_host(text: str) -> bool:
    """Tell a registry host from the first part of a Docker Hub name, as the Docker CLI does."""
    return "." in text or ":" in text or text == "localhost" or text != text.lower()


def _fault(text: str) -> str:
    if not text:
        return "it is empty"
    if "://" in text:
        return "a reference has no scheme such as https://"
    if any(character.isspace() for character in text):
        return "a reference has no blanks"
    name = text.partition("@")[0]
    slash = name.rfind("/")
    path = name[: name.rfind(":")] if name.rfind(":") > slash else name
    first, _, rest = path.partition("/")
    if (rest or first) != (rest or first).lower():
        return "a repository name is written in lower case"
    if path.endswith("/") or "//" in path or path.startswith("/"):
        return "a part of the name between two slashes is empty"
    return "it is not [HOST[:PORT]/]NAME[:TAG][@DIGEST]"
