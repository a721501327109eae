"""What ``%envd_doctor`` shows."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from envd_jupyter.builds.view import NO_MATH

if TYPE_CHECKING:
    from envd_jupyter.builds.doctor import Diagnosis

__all__ = ["DoctorView", "examine_here"]

_GLYPHS = {"ok": "✔", "info": "i", "warning": "!", "error": "✘"}
_TONES = {
    "ok": "var(--jp-success-color1,#1a7f37)",
    "info": "var(--jp-ui-font-color2,#59636e)",
    "warning": "var(--jp-warn-color1,#b35900)",
    "error": "var(--jp-error-color1,#cf222e)",
}
_STYLE = (
    ".envd-doctor{font-size:13px;line-height:1.5;text-align:left}"
    ".envd-doctor table{border-collapse:collapse;margin:4px 0 8px}"
    ".envd-doctor td,.envd-doctor th{text-align:left;vertical-align:top;padding:1px 14px 1px 0}"
    ".envd-doctor th{font-weight:600;opacity:.75}"
    ".envd-doctor code{font-size:12px;background:none}"
    ".envd-doctor ol{margin:2px 0;padding-left:22px}"
    ".envd-doctor .hint{opacity:.75}"
)


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
            f'<tr><td style="color:{_TONES[f.level]}" title="{f.level}" aria-label="{f.level}">'
            f"{_GLYPHS[f.level]}</td><td><b>{escape(f.subject)}</b></td><td>{escape(f.message)}"
            + (f'<br><span class="hint">{_marked(f.hint)}</span>' if f.hint else "")
            + "</td></tr>"
            for f in found.findings
        )
        parts = [f'<style>{_STYLE}</style><div class="envd-doctor {NO_MATH}"><table>{rows}</table>']
        if found.capabilities:
            table = "".join(
                f"<tr><td><code>{c.type}</code></td><td>{'✔' if c.exports else '–'}</td>"
                f"<td>{'✔' if c.imports else '–'}</td><td>{escape(c.note or '')}</td></tr>"
                for c in found.capabilities
            )
            parts.append(
                "<table><thead><tr><th>remote cache</th><th>export</th><th>import</th><th></th>"
                f"</tr></thead><tbody>{table}</tbody></table>"
            )
        steps = "".join(f"<li>{_marked(step)}</li>" for step in found.advice())
        parts.append(f"<b>Next</b><ol>{steps}</ol></div>")
        return "".join(parts)


def _marked(text: str) -> str:
    """Set backquoted words in code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def examine_here(builder: str | None, envd: str | None = None) -> Diagnosis:
    """Look at everything a build needs, from a cell."""
    from envd_jupyter.builds.doctor import examine
    from envd_jupyter.notebook.loop import run_to_end

    return run_to_end(examine(builder, envd=envd), lambda count: None)
