"""One vertex of a build, folded from BuildKit's status events in bounded memory.

BuildKit tells of a vertex several times (seen, started, completed, sometimes started again), of its
transfers, and passes on whatever its process writes. A `Step` keeps the present state, the latest
transfers, and only the tail of the log: a step that writes a million lines costs as much memory as
one that writes twenty.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from calendar import timegm
from typing import TYPE_CHECKING

from envd_jupyter.builds.hints import is_missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envd_jupyter.builds.view import ProgressView, StepView

__all__ = ["Step", "is_cache_export", "kind_of", "seconds", "title_of"]

_TAIL_BYTES = 8192
_MOST_TRANSFERS = 64
_MOST_NAME = 300
_MOST_LINE = 300
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_EXPORTS = ("exporting ", "preparing layers for inline cache", "sending tarball", "pushing ")
# As BuildKit's exporters name themselves (0.25 to 0.34).
_CACHE_EXPORTS = (
    *("exporting cache", "exporting inline cache", "preparing layers for inline cache"),
    "exporting to GitHub Actions Cache",
)
# envd calls every step of its own functions internal, the ones that install packages too (1.3.6).
# What really is nobody's business: BuildKit's own, the making of mount points, and the merges and
# diffs that only put together what other steps have made.
_HOUSEKEEPING = re.compile(
    r"\[internal\] (?:load |settings$|helper |booting |setting \w+ cache mount permissions$"
    r"|prepare language$|language environment and system packages$|build source layers$"
    r"|merge all |build [\w.-]+ env$|install system packages$)"
)
_SHELL = "bash -c set -euo pipefail\n"
_SOURCES = ("docker-image://", "oci-layout://", "git://", "https://", "http://")


def seconds(stamp: str | None) -> float | None:
    """Return an RFC 3339 time in UTC, with any number of decimals, as seconds since the epoch.

    >>> seconds("1970-01-01T00:01:00.5Z")
    60.5
    """
    if not stamp:
        return None
    whole, _, rest = stamp.partition(".")
    if not rest:
        whole, rest = whole.rstrip("Z"), "0"
    date, _, clock = whole.partition("T")
    year, month, day = date.split("-")
    hour, minute, second = clock.split(":")
    base = timegm((int(year), int(month), int(day), int(hour), int(minute), int(second)))
    return base + float("0." + rest.rstrip("Z"))


def kind_of(name: str) -> str:
    """Say what a vertex is, by the name BuildKit or envd gave it.

    Returns
    -------
    str
        ``step``, ``internal``, ``source`` (a base image), ``context`` (files of the client),
        ``import`` (of a cache) or ``export`` (of the image or a cache).
    """
    if name.startswith("importing cache manifest"):
        return "import"
    if name.startswith(_EXPORTS):
        return "export"
    if name.startswith(("local://", "[internal] load build context")):
        return "context"
    if name.startswith(("[auth]", "[envd]")) or _HOUSEKEEPING.match(name):
        return "internal"
    if name.startswith(_SOURCES) or name.startswith("resolve image config"):
        return "source"
    return "step"


def is_cache_export(name: str) -> bool:
    """Return whether a vertex writes a remote cache, and not the image."""
    return name.startswith(_CACHE_EXPORTS)


def title_of(name: str) -> str:
    """Return a vertex's name without what envd puts before it."""
    return name.removeprefix("[internal] ").removeprefix(_SHELL).strip() or name


class Step:
    """The present state of one vertex."""

    __slots__ = (
        "_open_line",
        "_tail",
        "cached",
        "canceled",
        "completed",
        "digest",
        "error",
        "inputs",
        "kind",
        "log_lines",
        "name",
        "number",
        "spent",
        "started",
        "transfers",
    )

    def __init__(self, digest: str, number: int) -> None:
        self.digest = digest
        self.number = number
        self.name = ""
        self.kind = "step"
        self.inputs: tuple[str, ...] = ()
        self.started: float | None = None
        self.completed: float | None = None
        self.spent = 0.0
        self.cached = False
        self.canceled = False
        self.error: str | None = None
        self.transfers: dict[str, ProgressView] = {}
        self.log_lines = 0
        self._tail = b""
        self._open_line = False

    @property
    def state(self) -> str:
        """``waiting``, ``running``, ``cached``, ``done``, ``failed`` or ``canceled``."""
        if self.canceled:
            return "canceled"
        if self.error:
            return "failed"
        if self.cached:
            return "cached"
        if self.completed is not None:
            return "done"
        return "waiting" if self.started is None else "running"

    def vertex(self, event: Mapping[str, Any]) -> None:
        """Take in a vertex event."""
        name = event.get("name")
        if name and name != self.name:
            self.name = name
            self.kind = kind_of(name)
        if event.get("inputs"):
            self.inputs = tuple(event["inputs"])
        started, completed = seconds(event.get("started")), seconds(event.get("completed"))
        if started is not None:
            self._start(started)
        if completed is not None:
            self.completed = completed
        if event.get("cached"):
            self.cached = True
        error = event.get("error")
        if error:
            self.canceled = "context canceled" in error
            self.error = None if self.canceled else error[:4000]

    def stop(self, moment: float | None) -> None:
        """Take in that the build has ended: a step that still ran, of which nothing more comes."""
        if self.state == "running":
            self.canceled = True
            self.completed = moment

    def _start(self, started: float) -> None:
        if self.completed is not None and self.started is not None and started > self.started:
            self.spent += max(min(self.completed, started) - self.started, 0.0)
            self.completed = None
        elif self.started is not None:
            return
        self.started = started

    def status(self, event: Mapping[str, Any]) -> None:
        """Take in a status event: how far a transfer of this step is."""
        key = event.get("id", "")
        if key not in self.transfers and len(self.transfers) >= _MOST_TRANSFERS:
            old = next((k for k, v in self.transfers.items() if v["done"]), None)
            self.transfers.pop(old if old is not None else next(iter(self.transfers)))
        self.transfers[key] = {
            "id": key[:_MOST_NAME],
            "name": (event.get("name") or key)[:_MOST_NAME],
            "current": event.get("current") or 0,
            "total": event.get("total") or None,
            "done": bool(event.get("completed")),
        }

    def log(self, data: str) -> None:
        """Take in a piece of log, base64 as in BuildKit's rawjson."""
        raw = a2b_base64(data)
        if not raw:
            return
        self.log_lines += raw.count(b"\n") + (0 if raw.endswith(b"\n") else 1)
        if self._open_line:
            self.log_lines -= 1
        self._open_line = not raw.endswith(b"\n")
        self._tail = (
            (self._tail + raw)[-_TAIL_BYTES:] if len(raw) < _TAIL_BYTES else raw[-_TAIL_BYTES:]
        )

    def tail(self, lines: int) -> list[str]:
        """Return the last ``lines`` lines of the log as a terminal would show them."""
        if lines <= 0 or not self._tail:
            return []
        raw = self._tail[:-1] if self._tail.endswith(b"\n") else self._tail
        return [_plain(line) for line in raw.split(b"\n")[-lines:]]

    def duration(self, now: float | None) -> float | None:
        """Return the seconds spent in this step so far."""
        if self.started is None:
            return None
        end = self.completed if self.completed is not None else now
        return self.spent + max((end or self.started) - self.started, 0.0)

    def view(self, now: float | None, *, log_lines: int, transfers: int) -> StepView:
        """Return the step as every surface shows it, bounded in size.

        An import that found nothing is ``missing`` there: on a first build that is no failure.
        """
        missing = self.kind == "import" and self.error is not None and is_missing(self.error)
        shown = [item for item in self.transfers.values() if not item["done"]]
        if len(shown) < transfers:
            done = [item for item in self.transfers.values() if item["done"]]
            shown = done[len(shown) - transfers :] + shown
        return {
            "digest": self.digest,
            "number": self.number,
            "name": title_of(self.name)[:_MOST_NAME],
            "kind": self.kind,
            "state": "missing" if missing else self.state,
            "started": self.started,
            "completed": self.completed,
            "duration": self.duration(now),
            "progress": [item.copy() for item in shown[:transfers]],
            "log_tail": self.tail(log_lines),
            "log_lines": self.log_lines,
            "error": self.error[:1000] if self.error and not missing else None,
            "source": None,
        }


def _plain(raw: bytes) -> str:
    text = _ESCAPES.sub("", raw[-4 * _MOST_LINE :].decode("utf-8", "replace").rstrip("\r"))
    return _CONTROLS.sub("", text.rsplit("\r", 1)[-1])[:_MOST_LINE]
