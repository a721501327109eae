"""What a relay is to write into the requests that pass, and whom it tells what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from envd_jupyter.buildkit.grpc import RpcError

    WireEntry: TypeAlias = tuple[str, Mapping[str, str]]

__all__ = ["Observer", "Plan", "SolveInfo"]


class SolveInfo(NamedTuple):
    """What a ``Control/Solve`` asks for.

    Attributes
    ----------
    exporters
        The types of its exporters, for example ``("image",)``.
    exports
        The cache exports that were sent, ``(type, options)``.
    """

    exporters: tuple[str, ...]
    exports: tuple[tuple[str, dict[str, str]], ...]


class Observer(Protocol):
    """Is told what passes; called on the event loop, so it must be quick."""

    def status(self, ref: str, event: dict[str, Any]) -> None:
        """Take in BuildKit's progress of a solve, in rawjson shape."""

    def solve(self, ref: str, request: SolveInfo) -> None:
        """Take in a ``Control/Solve`` on its way to BuildKit."""

    def solved(self, ref: str, response: dict[str, str] | None, error: RpcError | None) -> None:
        """Take in how BuildKit answered a ``Control/Solve``, or that it broke it off."""

    def graph(self, definition: bytes) -> None:
        """Take in a build graph (``pb.Definition``) on its way to BuildKit."""

    def connected(self) -> None:
        """Take in that envd and BuildKit have been connected."""

    def fault(self, message: str, hint: str | None = None) -> None:
        """Take in that BuildKit is out of reach or gone, or that a peer is not understood."""


@dataclass(frozen=True)
class Plan:
    """What to write into the requests.

    Attributes
    ----------
    exports
        Take the place of the cache exports of every ``Control/Solve``; None leaves them alone.
    imports
        Are added to every ``LLBBridge/Solve``.
    """

    exports: Sequence[WireEntry] | None = None
    imports: Sequence[WireEntry] = ()
