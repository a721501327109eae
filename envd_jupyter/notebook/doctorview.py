"""What ``%envd_doctor`` shows."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from envd_jupyter.builds.markup import frame

if TYPE_CHECKING:
    from envd_jupyter.builds.doctor import Diagnosis

__all__ = ["DoctorView", "examine_here"]

_GLYPHS = {"ok": "✔", "info": "i", "warning": "!", "error": "✘"}
_TONES = {"ok": "ok", "info": "dim", "warning": "warning", "error": "error"}


class DoctorView:
    """A diagnosis that shows itself.

    Parameters
    ----------
    diagnosis
        What was found.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis

    def __repr__(self) -> str:
        found = self.diagnosis
        width = max((len(finding.subject) for finding in found.findings), default=0)
        lines = []
        for finding in found.findings:
            glyph = _GLYPHS[finding.level]
            lines.append(f"{glyph} {finding.subject:<{width}}  {finding.message}")
            if finding.hint and finding.level == "info":
                lines.append(f"  {'':<{width}}  {finding.hint}")
        if found.capabilities:
            lines += ["", "Remote cache at this builder:"]
            for capability in found.capabilities:
                export = "export" if capability.exports else "-"
                imports = "import" if capability.imports else "-"
                note = capability.note or ""
                lines.append(f"  {capability.type:<9} {export:<7} {imports:<7} {note}".rstrip())
        lines += ["", "Next:"]
        lines += [f"  {number}. {step}" for number, step in enumerate(found.advice(), 1)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        found = self.diagnosis
        rows = "".join(
            f'<tr><td class="{_TONES[f.level]}" title="{f.level}" aria-label="{f.level}">'
            f"{_GLYPHS[f.level]}</td><td><b>{escape(f.subject)}</b></td><td>{escape(f.message)}"
            + (f'<br><span class="dim">{_marked(f.hint)}</span>' if f.hint else "")
            + "</td></tr>"
            for f in found.findings
        )
        parts = [f"<table>{rows}</table>"]
        if found.capabilities:
            table = "".join(
                f"<tr><td><code>{c.type}</code></td><td>{'✔' if c.exports else '–'}</td>"
                f"<td>{'✔' if c.imports else '–'}</td><td>{escape(c.note or '')}</td></tr>"
                for c in found.capabilities
            )
            parts.append(
                '<h4>Remote caches at this builder</h4><table><thead><tr><th scope="col">type</th>'
                '<th scope="col">export</th><th scope="col">import</th><th></th>'
                f"</tr></thead><tbody>{table}</tbody></table>"
            )
        steps = "".join(f"<li>{_marked(step)}</li>" for step in found.advice())
        parts.append(f"<h4>Next</h4><ol>{steps}</ol>")
        return frame("".join(parts))


def _marked(text: str) -> str:
    """Set backquoted words in code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def examine_here(builder: str | None, envd: str | None = None) -> Diagnosis:
    """Look at everything a build needs, from a cell."""
    from envd_jupyter.builds.doctor import examine
    from envd_jupyter.notebook.loop import run_to_end

    return run_to_end(examine(builder, envd=envd), lambda count: None)
