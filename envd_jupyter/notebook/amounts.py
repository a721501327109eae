"""Times and sizes as people write them on a line: ``7d``, ``90m``, ``10GB``."""

from __future__ import annotations

import re

from envd_jupyter.errors import RequestError

__all__ = ["read_bytes", "read_seconds"]

_SPANS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def read_seconds(text: str, flag: str) -> float:
    """Read a time, in seconds.

    Parameters
    ----------
    text
        A number and ``s``, ``m``, ``h`` or ``d``.
    flag
        Where it stood, for the message.

    Raises
    ------
    RequestError
        If it is no time.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.lower())
    if match is None:
        raise RequestError(f"{flag} {text!r} is no time", hint="Write 90m, 24h or 7d.")
    return float(match[1]) * _SPANS[match[2]]


def read_bytes(text: str, flag: str) -> int:
    """Read a size, in bytes.

    Parameters
    ----------
    text
        A number, and ``kB``, ``MB``, ``GB`` or ``TB``.
    flag
        Where it stood, for the message.

    Raises
    ------
    RequestError
        If it is no size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]b|)", text.lower())
    if match is None:
        raise RequestError(f"{flag} {text!r} is no size", hint="Write 500MB or 10GB.")
    return int(float(match[1]) * _SIZES[match[2]])
