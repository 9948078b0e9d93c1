"""The page's style: one sheet, light and dark, readable on a phone and on paper. No font or file from elsewhere."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --faint: #6b7480; --line: #d5dae0; --panel: #f5f7f9; --band: #dbe6ef;
  --series0: #0072b2; --series1: #c04f00; --series2: #007a5a; --series3: #9c4a80;
  --good: #00674b; --bad: #a63a00; --open: #6d5600; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --ink: #e8ebee; --faint: #9aa4af; --line: #343b43; --panel: #1d2228; --band: #2b3a47;
  --series0: #56b4e9; --series1: #f0a04b; --series2: #3cc99f; --series3: #dd9cc4;
  --good: #4fd1a5; --bad: #ff9a6b; --open: #e6c84f; } }
@media print { :root { color-scheme: light;
  --paper: #ffffff; --ink: #000000; --faint: #555555; --line: #bbbbbb; --panel: #ffffff; --band: #dddddd;
  --series0: #0072b2; --series1: #c04f00; --series2: #007a5a; --series3: #9c4a80;
  --good: #00674b; --bad: #a63a00; --open: #6d5600; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.25rem 0 0.5rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 0.5rem; padding-top: 0.6rem; border-top: 1px solid var(--line); }
p, ul, ol { margin: 0.5rem 0; } ul, ol { padding-left: 1.3rem; }
nav a { color: inherit; margin-right: 0.9rem; white-space: nowrap; } nav { font-size: 0.9rem; }
.quiet { color: var(--faint); font-size: 0.92rem; }
.verdict { border-left: 0.45rem solid var(--faint); background: var(--panel); padding: 0.7rem 0.9rem;
  margin: 0.8rem 0; }
.verdict strong { font-size: 1.05rem; }
.PASS, .EXACT, .ESTABLISHED, .AGREES { color: var(--good); }
.FAIL, .INVALID, .CONTRADICTED, .DIFFERS, .INCONSISTENT { color: var(--bad); }
.INCONCLUSIVE, .DIRECTION, .NOT, .UNSUPPORTED, .CONFOUNDED, .SUSPECT, .MISSING { color: var(--open); }
.verdict.PASS, .verdict.EXACT { border-color: var(--good); color: inherit; }
.verdict.FAIL, .verdict.INVALID { border-color: var(--bad); color: inherit; }
.verdict.INCONCLUSIVE { border-color: var(--open); color: inherit; }
.word { font-weight: 650; white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 0.8rem; }
figure { margin: 0; min-width: 0; } figure svg { display: block; width: 100%; height: auto; max-width: 34rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.32rem 0.6rem 0.32rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td, th { overflow-wrap: normal; } td.name, th.name { white-space: nowrap; }
td.digest { overflow-wrap: anywhere; min-width: 12rem; }
td.words { min-width: 15rem; }
code, pre { font: 0.88em ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", monospace; }
pre { background: var(--panel); padding: 0.7rem; overflow-x: auto; }
.key { display: inline-block; width: 0.75em; height: 0.75em; border-radius: 50%; border: 2px solid currentColor; }
.key.full { background: currentColor; }
.series0 { color: var(--series0); } .series1 { color: var(--series1); }
.series2 { color: var(--series2); } .series3 { color: var(--series3); }
.series1 .key { border-radius: 0; }
.bar { display: inline-block; width: 1.6em; height: 0.75em; background: var(--band); }
@media screen and (max-width: 640px) {
  .cards, .cards tbody, .cards tr { display: block; } .cards thead { display: none; }
  .cards tr { padding: 0.45rem 0; border-bottom: 1px solid var(--line); }
  .cards td { display: grid; grid-template-columns: 8.2rem minmax(0, 1fr); border: 0; padding: 0.08rem 0; }
  .cards td, .cards td.n, .cards td.name { text-align: left; white-space: normal; min-width: 0; }
  .cards td::before { content: attr(data-label); color: var(--faint); } }
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; } nav { display: none; }
  figure, tr, .verdict { break-inside: avoid; } h2, thead { break-after: avoid; }
  .wide { overflow: visible; } table { font-size: 7.6pt; } th, td { padding-right: 0.35rem; }
  td.n, th.n, td.name, th.name, .word { white-space: normal; } td.words, td.digest { min-width: 0; } }
"""
"""The sheet, to stand in the page."""
