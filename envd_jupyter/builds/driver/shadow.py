"""A home directory for one run of envd, in which only its contexts differ from the user's.

envd takes its builder from a context file under ``$HOME`` and knows no other way (1.3.6). To point
it at our relay without touching the user's contexts, it runs with a home that holds links to
everything in the real one, but for that file. This module is imported before the build's clock
matters, so it imports nothing, not even `pathlib`.
"""

# ruff: noqa: PTH102, PTH208, PTH211

from __future__ import annotations

import os

__all__ = ["context_command", "make_home"]

_DIFFERENT = ("contexts", "contexts.lock")


def make_home(shadow: str, real: str) -> None:
    """Fill a new directory with links to a home, envd's contexts left out.

    Parameters
    ----------
    shadow
        The directory to make.
    real
        The user's home.
    """
    config, envd = f"{real}/.config", f"{real}/.config/envd"
    _link_all(shadow, real, without=(".config",))
    _link_all(f"{shadow}/.config", config, without=("envd",))
    _link_all(f"{shadow}/.config/envd", envd, without=_DIFFERENT)


def _link_all(into: str, source: str, *, without: tuple[str, ...]) -> None:
    os.mkdir(into, 0o700)
    try:
        names = os.listdir(source)
    except FileNotFoundError:
        return
    for name in names:
        if name not in without:
            os.symlink(f"{source}/{name}", f"{into}/{name}")


def context_command(envd: str, socket: str) -> list[str]:
    """Return the command that makes our context, the one in use, in the home it runs in."""
    return [
        envd, "context", "create", "--name", "envd-jupyter", "--use",
        "--builder", "unix", "--builder-address", socket,
    ]  # fmt: skip
