"""What to do about the errors that builders, registries and object stores are known to give."""

from __future__ import annotations

import re

__all__ = ["hint_for", "is_missing"]

_MISSING = re.compile(r"cache importer: .*\bnot found\b|manifest unknown|NoSuchKey")
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"server gave HTTP response to HTTPS client",
        "The registry speaks plain HTTP. Allow that in buildkitd.toml "
        '([registry."HOST:PORT"] http = true), and for envd in registries.conf (insecure = true).',
    ),
    (
        r"certificate signed by unknown authority|x509:",
        "The builder does not trust the server's certificate: give buildkitd its CA "
        '([registry."HOST"] ca = ["FILE"]).',
    ),
    (
        r"\b401\b|[Uu]nauthorized|no basic auth credentials|authentication required",
        "Log in to the registry (docker login HOST): the credentials of ~/.docker/config.json "
        "are sent along.",
    ),
    (r"\b403\b.*SignatureDoesNotMatch|SignatureDoesNotMatch", "The secret access key is wrong."),
    (r"InvalidAccessKeyId", "The access key id is not known there."),
    (
        r"ExpiredToken|token (?:is|has) expired",
        "The credentials have expired: fetch new ones and build again.",
    ),
    (
        r"\b403\b|[Ff]orbidden|access denied|AccessDenied|denied:",
        "The credentials are known there, but may not do this.",
    ),
    (r"NoSuchBucket", "The bucket does not exist: make it, or correct bucket= and region=."),
    (
        r"no EC2 IMDS role found|failed to (?:refresh cached|retrieve) credentials|"
        r"get credentials|static credentials are empty",
        "The builder has no AWS credentials: it reads its own environment, not yours. Send yours "
        "with --inject-aws env (or profile:NAME).",
    ),
    (r"\b429\b|[Tt]oo [Mm]any [Rr]equests|toomanyrequests", "The server limits requests: wait."),
    (
        r"no such host|server misbehaving|name resolution",
        "The builder cannot resolve this name; it uses its own network, not yours.",
    ),
    (
        r"connection refused|i/o timeout|no route to host|connection reset",
        "The builder cannot reach this address; it uses its own network, not yours.",
    ),
    (
        r"unknown cache (?:exporter|importer)",
        "This builder does not know that cache type: choose a newer or another builder.",
    ),
    (
        r"[Cc]annot connect to the Docker daemon|docker daemon is not running",
        "Start Docker, or choose another output, such as --output type=image,name=…,push=true.",
    ),
    (r"no space left on device", "A disk is full: the builder's, or the one written to."),
    (
        r"blob .*not found|failed to copy: .*not found",
        "Part of the cache has been removed there: build again without this import.",
    ),
    (
        r"unexpected commit digest",
        "A layer of an imported cache is damaged: build without that import, and export it anew.",
    ),
    (
        r"exit code: 137\b",
        "The step was killed: most likely the builder ran out of memory.",
    ),
    (r"exec format error", "The image is for another architecture than the builder's."),
    (
        r"failed to get the image config|check if the image\(",
        "envd cannot read the base image: check its name, and that its registry can be reached.",
    ),
)
_COMPILED = tuple((re.compile(pattern), hint) for pattern, hint in _HINTS)


def hint_for(message: str) -> str | None:
    """Return what to do about an error, or None if it is not a known one."""
    return next((hint for pattern, hint in _COMPILED if pattern.search(message)), None)


def is_missing(message: str) -> bool:
    """Say whether a cache import failed only because nothing has been exported there yet."""
    return _MISSING.search(message) is not None and "NoSuchBucket" not in message
