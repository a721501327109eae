"""The frame of everything shown as HTML but a build itself: texts and tables, without scripts.

Notebooks have rules of their own for the tables, lists and code in an output (JupyterLab sets
tables flush right and stripes them), and would set ``$(…) … $`` of a command as mathematics. What
is put into `frame` looks the same in all of them, and follows their theme.
"""

from __future__ import annotations

import re

__all__ = ["NO_MATH", "frame"]

NO_MATH = "mathjax_ignore tex2jax_ignore"
"""Classes of an element whose text is no mathematics."""

# The class stands twice to outweigh a notebook's rules for tables, lists and code.
_RULES = """
& {
  --dim: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #6b7480));
  --line: var(--jp-border-color2, var(--vscode-panel-border, #8884));
  --ok: var(--jp-success-color1, #1a7f37); --bad: var(--jp-error-color1, #cf222e);
  --warn: var(--jp-warn-color1, #b35900);
  --mono: var(--jp-code-font-family, ui-monospace, monospace);
  font-size: 13px; line-height: 1.5; text-align: left; max-width: 62rem;
}
& p { margin: 3px 0; font-size: 13px; }
& h4 { margin: 14px 0 3px; font-size: 14px; font-weight: 600; line-height: 1.4; }
& table {
  border-collapse: collapse; margin: 4px 0; width: auto; table-layout: auto; font-size: 13px;
}
& tr, & tbody tr:nth-child(even), & tbody tr:hover { background: none; }
& td, & th {
  text-align: left; vertical-align: top; padding: 3px 16px 3px 0; border: 0;
  border-bottom: 1px solid var(--line); white-space: normal; max-width: none;
}
& th { font-weight: 600; color: var(--dim); white-space: nowrap; }
& td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
& td.nowrap, & td.nowrap code { white-space: nowrap; overflow-wrap: normal; }
& code, & :not(pre) > code, & pre {
  font-family: var(--mono); font-size: 12px; background: none; color: inherit; padding: 0;
  border: 0; overflow-wrap: anywhere;
}
& pre { margin: 2px 0 2px 14px; white-space: pre-wrap; line-height: 1.45; }
& ul, & ol { margin: 3px 0; padding-left: 20px; }
& li { margin: 2px 0; }
& small { font-weight: 400; font-size: 12px; }
& .dim { color: var(--dim); }
& .ok { color: var(--ok); } & .warning { color: var(--warn); } & .error { color: var(--bad); }
& summary { cursor: pointer; color: var(--dim); margin: 6px 0 2px; }
"""
_STYLE = (
    re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", _RULES))
    .replace(";}", "}")
    .replace("&", ".envd-view.envd-view")
)


def frame(content: str) -> str:
    """Return HTML in the frame.

    Classes of its parts: ``dim`` for what matters less, ``ok``, ``warning`` and ``error`` for
    colour, ``n`` for a cell with a number, ``nowrap`` for one that is not broken.
    """
    return f'<div class="envd-view {NO_MATH}"><style>{_STYLE}</style>{content}</div>'
