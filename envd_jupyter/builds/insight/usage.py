"""What a builder keeps on its disk, and what a prune would take away."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from envd_jupyter.builds.insight.figures import amount
from envd_jupyter.builds.insight.losses import day
from envd_jupyter.builds.markup import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from envd_jupyter.buildkit.control import UsageRecord

__all__ = ["KINDS", "PruneView", "UsageView", "prune_builder", "usage_of"]

T = TypeVar("T")

KINDS = {
    "regular": "results of steps and images",
    "source.local": "build contexts",
    "source.git.checkout": "git checkouts",
    "exec.cachemount": "cache mounts (pip, apt, conda)",
    "internal": "BuildKit's own",
    "frontend": "frontends",
}
"""What BuildKit's record types are."""

_UNUSED = "internal", "frontend"


@dataclass(frozen=True)
class UsageView:
    """A builder's disk use; sizes in bytes."""

    builder: str
    records: tuple[UsageRecord, ...]

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(record.size for record in self.records)

    @property
    def reclaimable(self) -> int:
        """Bytes that a prune may take away now."""
        return sum(record.size for record in self.records if record.reclaimable)

    @property
    def shared(self) -> int:
        """Bytes that are shared with images outside the cache."""
        return sum(record.size for record in self.records if record.shared)

    def rows(self) -> list[tuple[str, int, int, int, int]]:
        """Return type, number, bytes, shared and reclaimable bytes, the largest type first."""
        kinds: dict[str, list[UsageRecord]] = {}
        for record in self.records:
            kinds.setdefault(record.kind or "regular", []).append(record)
        found = [
            (
                kind,
                len(records),
                sum(record.size for record in records),
                sum(record.size for record in records if record.shared),
                sum(record.size for record in records if record.reclaimable),
            )
            for kind, records in kinds.items()
        ]
        return sorted(found, key=lambda row: row[2], reverse=True)

    def largest(self, count: int = 10) -> list[UsageRecord]:
        """Return the largest records."""
        return sorted(self.records, key=lambda record: record.size, reverse=True)[:count]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        names = ("type", "records", "size", "shared", "reclaimable")
        return {
            "builder": self.builder,
            "total": self.total,
            "shared": self.shared,
            "reclaimable": self.reclaimable,
            "types": [dict(zip(names, row, strict=True)) for row in self.rows()],
        }

    def __repr__(self) -> str:
        lines = [f"{'type':34} {'records':>7} {'size':>9} {'shared':>9} {'reclaimable':>11}"]
        for kind, count, size, shared, free in self.rows():
            name = KINDS.get(kind, kind)
            lines.append(
                f"{name:34} {count:7} {amount(size):>9} {amount(shared):>9} {amount(free):>11}"
            )
        lines.append(
            f"{'total':34} {len(self.records):7} {amount(self.total):>9} "
            f"{amount(self.shared):>9} {amount(self.reclaimable):>11}"
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = ("type", "records", "size", "shared", "reclaimable")
        rows = [
            (KINDS.get(kind, kind), str(count), *map(amount, sizes))
            for kind, count, *sizes in self.rows()
        ]
        rows.append(
            (
                "total",
                str(len(self.records)),
                *map(amount, (self.total, self.shared, self.reclaimable)),
            )
        )
        return frame(f"{_table(head, rows)}{_details('Largest records', self.largest())}")


@dataclass(frozen=True)
class PruneView:
    """What a prune took away, or what it may take away at most (``dry_run``)."""

    builder: str
    records: tuple[UsageRecord, ...]
    dry_run: bool

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(record.size for record in self.records)

    def __repr__(self) -> str:
        verb = "A prune would remove at most" if self.dry_run else "Removed"
        lines = [f"{verb} {len(self.records)} records, {amount(self.size)}, from {self.builder}."]
        shown = sorted(self.records, key=lambda record: record.size, reverse=True)[:10]
        lines += [f"  {_line(record)}" for record in shown]
        if len(self.records) > len(shown):
            lines.append(f"  … {len(self.records) - len(shown)} smaller records")
        if self.dry_run and self.records:
            lines.append("Nothing was removed. Run it without --dry-run to remove them.")
        return "\n".join(lines)


async def _usage(url: str) -> tuple[UsageRecord, ...]:
    from envd_jupyter.buildkit.control import disk_usage
    from envd_jupyter.buildkit.dialers import BuilderAddress

    return await disk_usage(BuilderAddress.parse(url))


def usage_of(builder: str) -> UsageView:
    """Ask a builder for its disk use.

    Parameters
    ----------
    builder
        Its URL.

    Raises
    ------
    BuilderUnreachable
        If it does not answer.
    """
    return UsageView(builder, _wait(lambda: _usage(builder)))


def prune_builder(
    builder: str,
    *,
    dry_run: bool = True,
    kinds: Sequence[str] = (),
    all_records: bool = False,
    older_than: float = 0.0,
    keep: int = 0,
) -> PruneView:
    """Take records out of a builder's cache, or say which.

    Parameters
    ----------
    builder
        Its URL.
    dry_run
        Only say what would go at most: what is in use then, or needed by what stays, does not go.
    kinds
        Only these types, as in `KINDS`.
    all_records
        Also BuildKit's own and frontends.
    older_than
        Only what was not used for so many seconds.
    keep
        Keep so many bytes.
    """
    if dry_run:
        records = _wait(lambda: _usage(builder))
        chosen = _prunable(records, kinds, all_records=all_records, older_than=older_than)
        return PruneView(builder, tuple(_over(chosen, records, keep)), True)

    async def prune() -> tuple[UsageRecord, ...]:
        from envd_jupyter.buildkit import control
        from envd_jupyter.buildkit.dialers import BuilderAddress

        address = BuilderAddress.parse(builder)
        removed: list[UsageRecord] = []
        # A filter of BuildKit is met by all its terms, so each type is a call of its own.
        for kind in kinds or ("",):
            removed += await control.prune(
                address,
                [f"type=={kind}"] if kind else [],
                all_records=all_records,
                keep_seconds=older_than,
                keep_bytes=keep,
            )
        return tuple(removed)

    return PruneView(builder, _wait(prune), False)


def _prunable(
    records: Iterable[UsageRecord], kinds: Sequence[str], *, all_records: bool, older_than: float
) -> list[UsageRecord]:
    now = time.time()
    return [
        record
        for record in records
        if record.reclaimable
        and (all_records or record.kind not in _UNUSED)
        and (all_records or not record.shared)
        and (not kinds or (record.kind or "regular") in kinds)
        and now - (record.last_used or record.created or 0.0) >= older_than
    ]


def _over(
    chosen: Sequence[UsageRecord], records: Iterable[UsageRecord], keep: int
) -> Iterable[UsageRecord]:
    """Return the records to go until only so many bytes are left, the least used first."""
    left = sum(record.size for record in records)
    for record in sorted(chosen, key=lambda record: record.last_used or record.created or 0.0):
        if keep and left <= keep:
            return
        left -= record.size
        yield record


def _wait(ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a question to its answer, beside a running loop if there is one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def _line(record: UsageRecord) -> str:
    said = " ".join(record.description.split())
    said = said if len(said) <= 70 else said[:69] + "…"
    return f"{amount(record.size):>9}  {day(record.last_used or record.created or 0)}  {said}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _details(title: str, records: Iterable[UsageRecord]) -> str:
    lines = escape("\n".join(_line(record) for record in records))
    return f"<details><summary>{title}</summary><pre>{lines}</pre></details>"
