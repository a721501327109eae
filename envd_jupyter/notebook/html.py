"""A build as HTML that needs nothing: no script, no network, no Jupyter extension.

One card: what is built and how it stands, a tape of all steps, the failing step first with its
log, the steps that matter now, what became of the remote caches, and the notes. The markup is a
heading line and plain lists, so it still reads in order where a page strips styles (a notebook
that is not trusted, GitHub), and for a screen reader. Its size has a bound whatever the build.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from envd_jupyter.builds.markup import NO_MATH
from envd_jupyter.notebook.stylesheet import STYLESHEET
from envd_jupyter.notebook.wording import (
    BUILD_GLYPHS,
    STEP_GLYPHS,
    STEP_WORDS,
    choose_steps,
    clean_line,
    duration,
    fold_line,
    headline,
    shorten,
    step_detail,
    summary_line,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envd_jupyter.builds.view import BuildView, CacheView, ErrorView, ProgressView, StepView

__all__ = ["MAX_BYTES", "render_html"]

MAX_BYTES = 60_000
"""The most a rendered build takes, in bytes."""


class _Room(NamedTuple):
    """How much of a build is shown."""

    rows: int
    folded: int
    log_lines: int
    facts: int
    width: int


# From generous to tight: the first that fits MAX_BYTES is used.
_ROOMS = (
    _Room(rows=14, folded=60, log_lines=12, facts=12, width=300),
    _Room(rows=12, folded=20, log_lines=8, facts=8, width=200),
    _Room(rows=8, folded=0, log_lines=4, facts=4, width=120),
)

_PULSE_SECONDS = 1.6

_CODE = re.compile(r"`([^`<>]+)`")


def render_html(view: BuildView) -> str:
    """Render a build as one self-contained card.

    Parameters
    ----------
    view
        The build at one moment.

    Returns
    -------
    str
        An HTML fragment without scripts, at most `MAX_BYTES` long.
    """
    fragment = ""
    for room in _ROOMS:
        fragment = _card(view, room)
        if len(fragment.encode()) <= MAX_BYTES:
            break
    return fragment


def _card(view: BuildView, room: _Room) -> str:
    state = view["state"]
    running = state == "running"
    said = summary_line(view["summary"], view["elapsed"], running=running)
    label = f"Build of {view['title']}: {headline(view)}, {said}"
    beat = f' style="--beat:-{(view["elapsed"] or 0.0) % _PULSE_SECONDS:.2f}s"' if running else ""
    return "".join(
        [
            f'<div class="envd-build {NO_MATH}" data-state="{_e(state)}" role="group"',
            f' aria-label="{_e(shorten(label, room.width))}"{beat}>',
            f"<style>{STYLESHEET}</style>",
            _head(view, said, room),
            _tape(view),
            '<div class="eb-body">',
            _error(view["error"], room) if view["error"] else "",
            _steps(view, room),
            _facts(view, room),
            _foot(view, room),
            "</div></div>",
        ]
    )


def _head(view: BuildView, said: str, room: _Room) -> str:
    glyph = BUILD_GLYPHS.get(view["state"], "●")
    image = f"→ <code>{_short(view['image'], room)}</code>" if view["image"] else ""
    recording = '<span class="eb-tag">recording</span>' if view["recording"] else ""
    return (
        f'<div class="eb-head"><span class="eb-mark" aria-hidden="true">{glyph}</span> '
        f'<span class="eb-title">{_short(view["title"], room)}</span> '
        f'<span>{image}</span> <span class="eb-state">{_e(headline(view))}</span> {recording} '
        f'<span class="eb-sum">{_e(said)}</span></div>'
    )


def _tape(view: BuildView) -> str:
    counts = view["summary"]
    total = counts["total"]
    if not total:
        return '<div class="eb-tape" aria-hidden="true"></div>'
    done = counts["completed"] - counts["cached"]
    parts = (
        ("cached", counts["cached"]),
        ("done", done),
        ("failed", counts["failed"]),
        ("running", counts["running"]),
    )
    spans = "".join(
        f'<span class="{name}" style="width:{100 * count / total:.1f}%"></span>'
        for name, count in parts
        if count
    )
    return f'<div class="eb-tape" aria-hidden="true">{spans}</div>'


def _error(error: ErrorView, room: _Room) -> str:
    parts = ['<div class="eb-error">']
    if error["step"]:
        parts.append(f"<p><b>Failed:</b> <code>{_short(error['step'], room)}</code></p>")
    parts.append(f"<p>{_text(error['message'], room)}</p>")
    log = _log(error["log_tail"], room)
    if log:
        parts.append(f"<pre>{log}</pre>")
    if error["hint"]:
        parts.append(f'<p class="eb-hint"><b>Hint:</b> {_text(error["hint"], room)}</p>')
    parts.append("</div>")
    return "".join(parts)


def _steps(view: BuildView, room: _Room) -> str:
    finished = view["state"] != "running"
    shown, folded = choose_steps(view["steps"], room.rows, finished=finished)
    # The failing step's log stands in the error above; say it once.
    told = view["error"]["step"] if view["error"] else None
    parts = []
    if shown:
        rows = "".join(_row(step, view, room, log=step["name"] != told) for step in shown)
        parts.append(f'<ol class="eb-steps">{rows}</ol>')
    if folded or view["steps_omitted"]:
        line = _e(fold_line(folded, view["steps_omitted"]))
        if finished and folded and room.folded:
            rows = "".join(_row(step, view, room, log=False) for step in folded[: room.folded])
            parts.append(
                f'<details><summary>{line}</summary><ol class="eb-steps">{rows}</ol></details>'
            )
        else:
            # A live card is replaced ten times a second: something to unfold would snap shut.
            parts.append(f'<p class="eb-fold">{line}</p>')
    return "".join(parts)


def _row(step: StepView, view: BuildView, room: _Room, *, log: bool) -> str:
    state = step["state"]
    word = STEP_WORDS.get(state, state)
    detail = step_detail(step) if state == "running" else ""
    visible = word if state in ("cached", "failed", "canceled", "missing") else detail
    hidden = "" if visible == word else f'<span class="eb-sr">{_e(word)} </span>'
    name = clean_line(step["name"].replace("\n", " "), room.width)
    title = f"{step['name']} — {step['source']}" if step["source"] else step["name"]
    number = f' value="{step["number"]}"' if step["number"] else ""
    parts = [
        f'<li data-state="{_e(state)}"{number}>',
        f'<span class="eb-glyph" aria-hidden="true">{STEP_GLYPHS.get(state, "·")}</span> ',
        f'<span class="eb-name" title="{_e(shorten(title, 2 * room.width))}">{_e(name)}</span> ',
        f'<span class="eb-word">{_e(visible)}</span>' if visible else "<span></span>",
        f" {hidden}{_track(step, view)} ",
        f'<span class="eb-time">{_e(duration(step["duration"]))}</span>',
    ]
    if state == "running":
        parts.extend(_transfer(item) for item in step["progress"][:4] if item["total"])
    if log and state in ("running", "failed"):
        lines = _log(step["log_tail"], room)
        if lines:
            parts.append(f'<pre class="eb-wide eb-log">{lines}</pre>')
    if log and state == "failed" and step["error"]:
        parts.append(f'<p class="eb-wide">{_text(step["error"], room)}</p>')
    parts.append("</li>")
    return "".join(parts)


def _track(step: StepView, view: BuildView) -> str:
    """Draw when the step ran, on the time line of the whole build."""
    begun, elapsed, spent = view["started"], view["elapsed"], step["duration"]
    if not (step["started"] and begun and elapsed and spent) or step["state"] == "cached":
        return '<span class="eb-track" aria-hidden="true"></span>'
    left = min(max((step["started"] - begun) / elapsed, 0.0), 0.96)
    width = min(spent / elapsed, 1.0 - left)
    return (
        '<span class="eb-track" aria-hidden="true">'
        f'<span style="left:{100 * left:.0f}%;width:{100 * width:.0f}%"></span></span>'
    )


def _transfer(item: ProgressView) -> str:
    total = item["total"] or 1
    current = min(item["current"], total)
    full = ' class="full"' if item["done"] or current == total else ""
    name = _e(shorten(item["name"] or item["id"], 80))
    return (
        f'<div class="eb-wide eb-xfer"><progress{full} max="{total}" value="{current}" '
        f'aria-label="{name}"></progress><span> {100 * current // total} % {name}</span></div>'
    )


def _facts(view: BuildView, room: _Room) -> str:
    rows = [_cache("import", item, room) for item in view["cache"]["imports"][: room.facts]]
    rows += [_cache("export", item, room) for item in view["cache"]["exports"][: room.facts]]
    for note in view["notes"][: room.facts]:
        state = "warning" if note["level"] == "warning" else "note"
        glyph = "!" if state == "warning" else "i"
        rows.append(_fact(state, glyph, _text(note["message"], room), note["hint"], room))
    return f'<ul class="eb-facts">{"".join(rows)}</ul>' if rows else ""


def _cache(direction: str, item: CacheView, room: _Room) -> str:
    state = item["state"]
    glyph = {"ok": "✔", "failed": "✘", "missing": "○", "pending": "·"}.get(state, "○")
    words = {
        "ok": "Imported from" if direction == "import" else "Exported to",
        "failed": f"Cache {direction} failed",
        "missing": "Nothing to import yet at",
        "skipped": f"Cache {direction} not done",
    }.get(state, "Import from" if direction == "import" else "Export to")
    text = f"{words} <code>{_short(item['entry'], room)}</code>"
    if item["message"]:
        text += f": {_text(item['message'].rstrip('.'), room)}."
    return _fact(state, glyph, text, item["hint"], room)


def _fact(state: str, glyph: str, text: str, hint: str | None, room: _Room) -> str:
    more = f' <span class="eb-hint">{_text(hint, room)}</span>' if hint else ""
    return (
        f'<li data-state="{_e(state)}"><span class="eb-glyph" aria-hidden="true">{glyph}</span> '
        f"<span>{text}{more}</span></li>"
    )


def _foot(view: BuildView, room: _Room) -> str:
    parts = []
    if view["digest"]:
        digest = _e(view["digest"])
        parts.append(f'<span>digest <code title="{digest}">{digest[:19]}</code></span>')
    if view["builder"]:
        parts.append(f"<span>builder <code>{_short(view['builder'], room)}</code></span>")
    if view["id"]:
        parts.append(f"<span>build <code>{_short(view['id'], room)}</code></span>")
    return f'<div class="eb-foot">{" ".join(parts)}</div>' if parts else ""


def _log(lines: Sequence[str], room: _Room) -> str:
    return _e("\n".join(clean_line(line, room.width) for line in lines[-room.log_lines :]))


def _short(text: str | None, room: _Room) -> str:
    return _e(clean_line((text or "").replace("\n", " "), room.width))


def _text(text: str | None, room: _Room) -> str:
    lines = [clean_line(line, room.width) for line in (text or "").splitlines()[:12]]
    return _CODE.sub(r"<code>\1</code>", "<br>".join(_e(line) for line in lines))


def _e(text: str) -> str:
    return escape(text, quote=True)
