"""The stylesheet of the form, and the few pieces of HTML in it.

Colours are those of the page's theme where it has one, so dark and light follow the notebook. All
rules stay inside ``.envd-form``.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["STYLESHEET", "copy_button", "heading", "message", "note"]

_SOURCE = """
.envd-form {
  --ef-fg: var(--jp-ui-font-color1, #1f2328); --ef-dim: var(--jp-ui-font-color2, #59636e);
  --ef-bg: var(--jp-layout-color1, #fff); --ef-line: var(--jp-border-color2, #d8dee4);
  --ef-bad: var(--jp-error-color1, #cf222e); --ef-brand: var(--jp-brand-color1, #0969da);
  --ef-warn: color-mix(in srgb, var(--jp-warn-color1, #b35900) 66%, var(--ef-fg));
  --ef-ok: color-mix(in srgb, var(--jp-success-color1, #1a7f37) 66%, var(--ef-fg));
  max-width: 62rem; border: 1px solid var(--ef-line); border-radius: 6px; overflow: hidden;
  padding: 4px 16px 12px; background: var(--ef-bg); color: var(--ef-fg);
  font: 13px/1.5 var(--jp-ui-font-family, system-ui, sans-serif);
}
.envd-form, .envd-form .widget-box { overflow: visible; }
.envd-form .widget-html, .envd-form .widget-html-content { height: auto; line-height: 1.5; }
.envd-form .ef-h { font-weight: 600; font-size: 13px; margin: 10px 0 2px; }
.envd-form .ef-h small { font-weight: 400; color: var(--ef-dim); font-size: 12px; }
.envd-form .ef-title { font-size: 15px; margin: 6px 0 0; }
.envd-form .ef-grid.widget-box {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(165px, 100%), 1fr));
  column-gap: 14px; align-items: start;
}
.envd-form .ef-field { margin: 0 0 5px; min-width: 0; }
.envd-form .ef-wide { grid-column: span 2; }
.envd-form .ef-full { grid-column: 1 / -1; }
.envd-form { container-type: inline-size; }
@container (max-width: 420px) { .envd-form .ef-wide { grid-column: 1 / -1; } }
.envd-form .ef-field .widget-text, .envd-form .ef-field .widget-dropdown,
.envd-form .ef-field .widget-combobox, .envd-form .ef-field .widget-password,
.envd-form .ef-field .widget-textarea {
  flex-direction: column; align-items: stretch; height: auto; width: 100%; margin: 0;
}
.envd-form .ef-field .widget-label {
  width: auto; text-align: left; color: var(--ef-dim); font-size: 12px; line-height: 18px;
  height: 18px; margin: 0; padding: 0 1px;
}
.envd-form .ef-need .widget-label::after { content: " *"; color: var(--ef-bad); }
.envd-form .ef-field input, .envd-form .ef-field select, .envd-form .ef-field textarea {
  width: 100%; flex: 0 0 auto;
}
.envd-form .ef-field select, .envd-form .widget-dropdown select {
  height: 28px; appearance: auto; background-image: none;
}
.envd-form .ef-field > .widget-text + .widget-password { margin-top: 3px; }
.envd-form .ef-field > .widget-dropdown + .widget-text { margin-top: 3px; }
.envd-form .ef-field input[disabled], .envd-form .ef-field select[disabled] { opacity: .55; }
.envd-form input:focus-visible, .envd-form select:focus-visible,
.envd-form textarea:focus-visible, .envd-form button:focus-visible {
  outline: 2px solid var(--ef-brand); outline-offset: 1px;
}
.envd-form .ef-wrong input, .envd-form .ef-wrong select { border-color: var(--ef-bad); }
.envd-form .ef-msg { display: block; font-size: 12px; line-height: 16px; color: var(--ef-dim); }
.envd-form .ef-msg.ef-error { color: var(--ef-bad); }
.envd-form .ef-msg.ef-warning { color: var(--ef-warn); }
.envd-form .ef-msg.ef-ok { color: var(--ef-ok); }
.envd-form .ef-msg b { font-weight: 600; }
.envd-form .ef-row {
  border-left: 3px solid var(--ef-line); padding: 4px 0 2px 12px; margin: 2px 0 8px;
}
.envd-form .ef-row:focus-within { border-left-color: var(--ef-brand); }
.envd-form .ef-line textarea {
  font-family: var(--jp-code-font-family, monospace); font-size: 12px; line-height: 17px;
  background: var(--jp-layout-color2, #f6f8fa); border-radius: 4px;
}
.envd-form .jupyter-button {
  height: 28px; line-height: 28px; border-radius: 4px; width: auto; min-width: 84px;
}
.envd-form .jupyter-button.ef-quiet {
  background: none; color: var(--ef-brand); padding: 0 4px; box-shadow: none; min-width: 0;
  border: 0; align-self: flex-start;
}
.envd-form .jupyter-button.ef-quiet:hover { box-shadow: none; text-decoration: underline; }
.envd-form .ef-said { justify-content: space-between; align-items: flex-start; }
.envd-form .ef-said > .widget-html { flex: 1 1 0; min-width: 0; }
.envd-form .ef-said > .widget-box { flex: 0 0 auto; }
.envd-form .ef-foot { position: relative; margin-top: 8px; }
.envd-form .ef-foot > .widget-html {
  position: absolute; right: 2px; top: -2px; z-index: 1; margin: 0;
}
.envd-form .ef-copy {
  border: 0; background: none; color: var(--ef-brand); cursor: pointer; font: inherit;
  font-size: 12px; padding: 0 2px;
}
.envd-form .ef-copy:hover { text-decoration: underline; }
.envd-form code { font-size: 12px; background: none; overflow-wrap: anywhere; }
.envd-form .widget-checkbox { width: auto; margin-right: 18px; }
.envd-form .envd-build { margin-top: 10px; }
"""

STYLESHEET = re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", _SOURCE)).replace(";}", "}")
"""The rules without the white space that is there for their authors."""


def heading(text: str, more: str = "", *, title: bool = False) -> str:
    """Return a heading of a section."""
    kind = "ef-h ef-title" if title else "ef-h"
    small = f" <small>{escape(more)}</small>" if more else ""
    level = 2 if title else 3
    return f'<div class="{kind}" role="heading" aria-level="{level}">{escape(text)}{small}</div>'


def message(level: str, text: str, hint: str | None = None) -> str:
    """Return what is said beside a field; ``level`` is missing, error, warning, ok or note."""
    if not text:
        return ""
    role = "alert" if level == "error" else "status"
    mark = {"error": "✘ ", "warning": "! ", "ok": "✔ "}.get(level, "")
    more = f" {_marked(hint)}" if hint else ""
    if hint and text[-1] not in ".:!?…":
        text += "."
    return f'<span class="ef-msg ef-{level}" role="{role}">{mark}{_marked(text)}{more}</span>'


def note(text: str) -> str:
    """Return a quiet line of explanation."""
    return f'<span class="ef-msg">{_marked(text)}</span>' if text else ""


def copy_button(text: str) -> str:
    """Return a button that puts a text on the clipboard, and selects it where there is none."""
    script = (
        "const t=this.dataset.line,b=this,say=w=>{b.textContent=w;"
        "setTimeout(()=>b.textContent='Copy',1500)};"
        "const old=()=>{const a=document.createElement('textarea');a.value=t;"
        "document.body.append(a);a.select();const ok=document.execCommand('copy');a.remove();"
        "say(ok?'Copied':'Select the line and press Ctrl+C')};"
        "navigator.clipboard?navigator.clipboard.writeText(t).then(()=>say('Copied'),old):old()"
    )
    return (
        f'<button type="button" class="ef-copy" title="Copy the line" aria-live="polite" '
        f'data-line="{escape(text, quote=True)}" onclick="{escape(script, quote=True)}">'
        "Copy</button>"
    )


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
