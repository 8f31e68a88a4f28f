"""The report as a page of HTML, which needs no other file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from deploy.compare.bundles import Bundle
from deploy.compare.charts import COLOURS, STYLE, marker
from deploy.compare.figures import layer_charts, quality_charts
from deploy.compare.tables import ON_CPU, Section

# By this line the page is known as one of ours.
GENERATOR = '<meta name="generator" content="deploy.compare">'


def html_report(
    bundles: Sequence[Bundle], headline: Sequence[str], sections: Sequence[Section]
) -> str:
    """The headline, the charts and the tables as a page."""
    models = list(dict.fromkeys(bundle.card["name"] for bundle in bundles))
    targets = list(dict.fromkeys(bundle.card["target"] for bundle in bundles))
    names = ", ".join(models)
    body = [
        f"<h1>{escape(names)}: {len(bundles)} bundles compared</h1>",
        "<ul class='headline'>",
        *(f"<li>{_unbroken(escape(sentence))}</li>" for sentence in headline),
        "</ul>",
        "<div class='legend'>",
        *(
            f"<span class='c{k % COLOURS}'><i></i>{escape(model)}</span>"
            for k, model in enumerate(models)
        ),
        *(
            f"<span><svg viewBox='-7 -7 14 14'>{marker(k)}</svg>{escape(target)}</span>"
            for k, target in enumerate(targets)
        ),
        "</div>",
        "<div class='charts'>",
        *quality_charts(bundles, models, targets),
        *layer_charts(bundles, models),
        "</div>",
        *map(_table, sections),
    ]
    title = escape(f"{names}: bundles compared")
    return _FRAME.format(
        generator=GENERATOR, title=title, style=_STYLE + STYLE, body="\n".join(body)
    )


def _unbroken(sentence: str) -> str:
    """Figures stay with their units at a line's end."""
    return re.sub(r"(?<=\d) (?=%|kB|ms|dB)", "\N{NO-BREAK SPACE}", sentence)


def _table(section: Section) -> str:
    header, *rows = section.rows
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in header)
    lines = "\n".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>" + "".join(map(_cell, row[1:])) + "</tr>"
        for row in rows
    )
    remark = f"<p>{escape(section.remark)}</p>" if section.remark else ""
    return (
        f"<section><h2>{escape(section.title)}</h2>{remark}<div class='scroll'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div></section>"
    )


def _cell(text: str) -> str:
    names = []
    if re.match(r"[\d–-]", text):
        names.append("number")
    if text.endswith(f" {ON_CPU}"):
        names.append("fallback")
    kind = f" class='{' '.join(names)}'" if names else ""
    return f"<td{kind}>{escape(text)}</td>"


_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{generator}
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

_STYLE = """\
:root { --text: #1a202c; --muted: #566173; --line: #d7dce5; --ground: #fff; --panel: #f5f7fa;
  --warn: #9c4221; --c0: #2b6cb0; --c1: #c53030; --c2: #2f855a; --c3: #b7791f; --c4: #6b46c1;
  --c5: #0e7490; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ef; --muted: #a3adbd; --line: #363d4a;
  --ground: #14171c; --panel: #1c2128; --warn: #f6ad55; --c0: #63a4ea; --c1: #f08080;
  --c2: #68c993; --c3: #e0b04c; --c4: #b39af0; --c5: #4fc3d9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; color: var(--text);
  background: var(--ground); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
p { margin: .25rem 0 .5rem; color: var(--muted); }
.headline { margin: .5rem 0 1rem; padding: .75rem 1rem .75rem 2rem; background: var(--panel);
  border-radius: .5rem; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1rem; font-size: .875rem; }
.legend span { display: inline-flex; align-items: center; gap: .35rem; }
.legend i { width: .8rem; height: .8rem; border-radius: 50%; background: currentColor; }
.legend svg { width: 1rem; height: 1rem; }
.charts { display: grid; gap: 1rem; align-items: start; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; padding: .5rem; background: var(--panel); border-radius: .5rem; }
figure svg { display: block; width: 100%; }
figure .legend svg { width: 1rem; }
figcaption { font-size: .8rem; color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); max-width: 26rem; }
thead th { color: var(--muted); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; position: sticky; left: 0; background: var(--ground);
  min-width: 6.5rem; max-width: min(22rem, 45vw); overflow-wrap: break-word; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.fallback { color: var(--warn); font-weight: 600; }
"""
