"""The builds of the history as a table, and finding one by a few letters of its id."""

from __future__ import annotations

import json
import time
from html import escape
from typing import TYPE_CHECKING, overload

from envd_jupyter.builds.markup import frame
from envd_jupyter.errors import RecordError
from envd_jupyter.notebook.wording import BUILD_GLYPHS, BUILD_WORDS, duration, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envd_jupyter.builds.record import BuildRecord, History

__all__ = ["HistoryTable", "resolve"]

_COLUMNS = ("", "build", "when", "image", "steps", "time")
_CODE = ("build", "image")
_TONES = {"succeeded": "ok", "failed": "error", "export_failed": "warning", "lost": "error"}


class HistoryTable:
    """Builds, latest first: a sequence of records that shows itself as a table.

    Parameters
    ----------
    records
        The builds.
    """

    def __init__(self, records: Sequence[BuildRecord]) -> None:
        self._records = tuple(records)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[BuildRecord]:
        return iter(self._records)

    @overload
    def __getitem__(self, index: int) -> BuildRecord: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[BuildRecord, ...]: ...

    def __getitem__(self, index: int | slice) -> BuildRecord | tuple[BuildRecord, ...]:
        return self._records[index]

    def to_json(self) -> str:
        """Return the records as JSON."""
        return json.dumps([record.to_json() for record in self._records], indent=2)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for record in self._records:
            percent = f" ({round(100 * record.cached / record.total)} %)" if record.total else ""
            yield (
                BUILD_GLYPHS.get(record.state, "●"),
                record.id,
                _ago(record.started),
                shorten(record.image or record.title or "", 48),
                f"{record.total}, {record.cached} cached{percent}" if record.total else "",
                duration(record.duration) or BUILD_WORDS.get(record.state, record.state),
            )

    def __repr__(self) -> str:
        rows = [_COLUMNS, *self._rows()]
        if len(rows) == 1:
            return "No builds yet."
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        if not self._records:
            return "<p>No builds yet.</p>"
        head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in _COLUMNS)
        body = []
        for record, row in zip(self._records, self._rows(), strict=True):
            word = escape(BUILD_WORDS.get(record.state, record.state), quote=True)
            tone = _TONES.get(record.state, "")
            mark = f'<td class="{tone}" title="{word}" aria-label="{word}">{row[0]}</td>'
            cells = "".join(_cell(*pair) for pair in zip(_COLUMNS[1:], row[1:], strict=True))
            body.append(
                f'<tr title="{escape(record.message or word, quote=True)}">{mark}{cells}</tr>'
            )
        return frame(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>")


def _cell(column: str, text: str) -> str:
    said = f"<code>{escape(text)}</code>" if column in _CODE else escape(text)
    return f'<td class="nowrap">{said}</td>'


def _ago(moment: float | None) -> str:
    if moment is None:
        return ""
    passed = max(time.time() - moment, 0.0)
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if passed < limit:
            return f"{int(passed // unit)} {name} ago"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def resolve(history: History, text: str | None, *, running: bool = False) -> str:
    """Return the id of the build that is meant.

    Parameters
    ----------
    history
        Where to look.
    text
        An id, a part of one that fits one build only, ``last``, or None for the only running
        build, else the latest.
    running
        Look among running builds only.

    Raises
    ------
    RecordError
        If no build fits, or several do.
    """
    records = history.list(state="running" if running else None, limit=500)
    if not records:
        raise RecordError(
            "no build is running" if running else "there are no builds yet",
            hint="%envd_history lists the builds there are.",
        )
    if text is None or text == "last":
        alive = [record for record in records if record.state == "running"]
        if running and len(alive) > 1 and text is None:
            names = ", ".join(record.id for record in alive)
            raise RecordError(f"{len(alive)} builds are running: {names}", hint="Name one of them.")
        return (alive or records)[0].id if text is None else records[0].id
    fitting = [record.id for record in records if text in record.id]
    if text in fitting or len(fitting) == 1:
        return text if text in fitting else fitting[0]
    if fitting:
        raise RecordError(
            f"{text!r} fits {len(fitting)} builds: {', '.join(fitting[:5])}",
            hint="Write more of the id.",
        )
    raise RecordError(
        f"there is no {'running ' if running else ''}build {text!r}",
        hint="%envd_history lists the builds there are.",
    )
