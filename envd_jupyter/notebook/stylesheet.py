"""The one stylesheet of a build shown as HTML.

It travels inside every output, so it is small, touches nothing outside ``.envd-build`` and asks
for nothing from a network. Colours come from the theme of the page where it has one (JupyterLab,
VS Code) and otherwise follow the reader's light or dark preference; the card then brings its own
background, so it stays readable on any page.
"""

from __future__ import annotations

import re

__all__ = ["STYLESHEET"]

_SOURCE = """
.envd-build {
  --w-fg: #1f2328; --w-dim: #59636e; --w-bg: #ffffff; --w-line: #d8dee4;
  --w-ok: #1a7f37; --w-hit: #0969da; --w-run: #b35900; --w-bad: #cf222e;
  --fg: var(--jp-ui-font-color1, var(--vscode-foreground, var(--w-fg)));
  --dim: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, var(--w-dim)));
  --bg: var(--jp-layout-color1, var(--vscode-editor-background, var(--w-bg)));
  --well: color-mix(in srgb, var(--fg) 5%, var(--bg));
  --line: var(--jp-border-color2, var(--vscode-panel-border, var(--w-line)));
  --ok: var(--jp-success-color1, var(--vscode-charts-green, var(--w-ok)));
  --hit: var(--jp-brand-color1, var(--vscode-charts-blue, var(--w-hit)));
  --run: var(--jp-warn-color1, var(--vscode-charts-orange, var(--w-run)));
  --bad: var(--jp-error-color1, var(--vscode-charts-red, var(--w-bad)));
  --tone: var(--dim);
  color-scheme: light dark; color: var(--fg); background: var(--bg);
  border: 1px solid var(--line); border-radius: 6px; overflow: hidden;
  max-width: 62rem; margin: 2px 0; text-align: left;
  font: 13px/1.5 var(--jp-ui-font-family, system-ui, -apple-system, "Segoe UI", sans-serif);
}
@media (prefers-color-scheme: dark) {
  .envd-build {
    --w-fg: #e6edf3; --w-dim: #9198a1; --w-bg: #0d1117; --w-line: #30363d;
    --w-ok: #3fb950; --w-hit: #58a6ff; --w-run: #e3a03c; --w-bad: #ff7b72;
  }
}
/* Themes choose colours for fills: as the colour of text they are mixed with the text's own. */
.envd-build, .envd-build li { --said: color-mix(in srgb, var(--tone) 66%, var(--fg)); }
.envd-build[data-state=running] { --tone: var(--run); }
.envd-build[data-state=succeeded] { --tone: var(--ok); }
.envd-build[data-state=skipped] { --tone: var(--hit); }
.envd-build[data-state=failed], .envd-build[data-state=export_failed],
.envd-build[data-state=lost] { --tone: var(--bad); }
.envd-build * { box-sizing: border-box; }
.envd-build p, .envd-build ol, .envd-build ul, .envd-build pre { margin: 0; padding: 0; }
.envd-build .eb-head {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: 1px 8px; padding: 7px 12px 6px;
}
.envd-build .eb-mark { color: var(--said); font-weight: 700; }
.envd-build .eb-title { font-weight: 600; font-size: 14px; }
.envd-build .eb-state { color: var(--said); font-weight: 600; }
.envd-build .eb-sum {
  margin-left: auto; color: var(--dim); font-variant-numeric: tabular-nums; white-space: nowrap;
}
.envd-build :not(pre) > code, .envd-build code, .envd-build pre, .envd-build .eb-name {
  font-family: var(--jp-code-font-family, ui-monospace, SFMono-Regular, Menlo, Consolas, monospace);
  font-size: 12px; color: inherit; background: none; border: 0; padding: 0;
}
.envd-build code { overflow-wrap: anywhere; }
.envd-build .eb-tape {
  display: flex; height: 4px; background: var(--line); overflow: hidden;
}
.envd-build .eb-tape span { height: 100%; }
.envd-build .eb-tape .cached { background: var(--hit); }
.envd-build .eb-tape .done { background: var(--ok); }
.envd-build .eb-tape .running { background: var(--run); opacity: .75; }
.envd-build .eb-tape .failed { background: var(--bad); }
.envd-build .eb-body { padding: 5px 12px 8px; }
.envd-build .eb-steps { list-style: none; padding-bottom: 2px; }
.envd-build .eb-steps li {
  display: grid; grid-template-columns: 14px minmax(0, 1fr) auto 72px 74px;
  column-gap: 8px; align-items: baseline; margin: 0; padding: 0; line-height: 21px;
}
.envd-build li { --tone: var(--dim); }
.envd-build li[data-state=running] { --tone: var(--run); }
.envd-build li[data-state=cached] { --tone: var(--hit); }
.envd-build li[data-state=done], .envd-build li[data-state=ok] { --tone: var(--ok); }
.envd-build li[data-state=failed] { --tone: var(--bad); }
.envd-build li[data-state=warning] { --tone: var(--run); }
.envd-build .eb-glyph { color: var(--said); font-weight: 700; text-align: center; }
.envd-build .eb-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.envd-build li[data-state=waiting] .eb-name, .envd-build li[data-state=canceled] .eb-name {
  color: var(--dim);
}
.envd-build .eb-word { color: var(--dim); font-size: 12px; white-space: nowrap; }
.envd-build li[data-state=cached] .eb-word {
  color: var(--said); border: 1px solid currentColor; border-radius: 9px; padding: 0 7px;
  line-height: 15px; font-size: 11px; align-self: center;
}
.envd-build li[data-state=failed] .eb-word { color: var(--said); font-weight: 600; }
.envd-build .eb-track {
  position: relative; height: 5px; align-self: center;
}
.envd-build .eb-track span {
  position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: 3px;
  background: var(--tone);
}
.envd-build .eb-time {
  color: var(--dim); text-align: right; font-size: 12px; font-variant-numeric: tabular-nums;
  white-space: nowrap;
}
.envd-build .eb-wide { grid-column: 2 / -1; }
.envd-build .eb-xfer {
  display: flex; gap: 8px; align-items: center; color: var(--dim); font-size: 12px;
  line-height: 18px; font-variant-numeric: tabular-nums;
}
.envd-build .eb-xfer span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.envd-build progress {
  appearance: none; -webkit-appearance: none; flex: 0 0 160px; width: 160px; height: 5px;
  border: 0; border-radius: 3px; overflow: hidden; background: var(--line); color: var(--run);
}
.envd-build progress::-webkit-progress-bar { background: var(--line); }
.envd-build progress::-webkit-progress-value { background: var(--run); }
.envd-build progress::-moz-progress-bar { background: var(--run); }
.envd-build progress.full::-webkit-progress-value { background: var(--ok); }
.envd-build progress.full::-moz-progress-bar { background: var(--ok); }
.envd-build pre {
  white-space: pre-wrap; overflow-wrap: anywhere; line-height: 17px;
}
.envd-build .eb-log {
  margin: 1px 0 4px; padding: 4px 8px; background: var(--well); border-radius: 4px;
  color: var(--dim);
}
.envd-build .eb-error {
  margin: 3px 0 8px; padding: 6px 10px 7px; border-left: 3px solid var(--tone);
  background: var(--well); border-radius: 0 4px 4px 0;
}
.envd-build .eb-error pre { margin: 4px 0; }
.envd-build .eb-error strong, .envd-build .eb-error b { color: var(--said); }
.envd-build .eb-hint { color: var(--fg); }
.envd-build .eb-facts {
  list-style: none; margin-top: 6px; padding-top: 5px; border-top: 1px solid var(--line);
}
.envd-build .eb-facts li {
  display: grid; grid-template-columns: 14px minmax(0, 1fr); column-gap: 8px; margin: 0;
  padding: 1px 0;
}
.envd-build .eb-facts .eb-hint { color: var(--dim); }
.envd-build details { margin-top: 2px; }
.envd-build summary, .envd-build .eb-fold {
  color: var(--dim); font-size: 12px; line-height: 21px; cursor: default;
}
.envd-build summary { cursor: pointer; }
.envd-build .eb-fold { padding-left: 22px; }
.envd-build .eb-foot {
  display: flex; flex-wrap: wrap; gap: 1px 14px; margin-top: 5px; color: var(--dim);
  font-size: 12px;
}
.envd-build .eb-foot code { font-size: 11px; }
.envd-build .eb-tag {
  color: var(--hit); border: 1px solid currentColor; border-radius: 3px; padding: 0 5px;
  font-size: 11px;
}
.envd-build .eb-sr {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
@media (prefers-reduced-motion: no-preference) {
  .envd-build[data-state=running] .eb-mark, .envd-build li[data-state=running] > .eb-glyph {
    animation: envd-build-pulse 1.6s ease-in-out infinite; animation-delay: var(--beat, 0s);
  }
}
@keyframes envd-build-pulse { 50% { opacity: .3; } }
@media (max-width: 560px) {
  .envd-build .eb-steps li { grid-template-columns: 14px minmax(0, 1fr) auto 62px; }
  .envd-build .eb-track { display: none; }
}
"""

STYLESHEET = (
    re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"/\*.*?\*/|\s+", " ", _SOURCE))
    .replace(";}", "}")
    # Twice, to outweigh the rules that notebooks have for lists and code in an output.
    .replace(".envd-build ", ".envd-build.envd-build ")
)
"""The rules without the white space that is there for their authors."""
