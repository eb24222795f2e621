"""Draws what a run printed as an SVG, for the README. Not part of the suite.

.venv/bin/pytest -m smoke --env embedded 2>&1 | .venv/bin/python docs/images/terminal_picture.py > docs/images/no-go.svg
"""

import html
import re
import sys

WIDTH, LINE, TOP, LEFT, SIZE = 150, 17, 22, 14, 12
COLOURS = (
    (re.compile(r"NO-GO|FAILED|^E |failed"), "#ff7b72"),
    (re.compile(r"\bGO\b|passed"), "#7ee787"),
    (re.compile(r"^(expected|got|from|contract|next|check|plan|runbook|waiver)\b|^  "), "#a5d6ff"),
)


def main() -> None:
    """Standard input to standard output. Long lines are cut."""
    lines = [line.rstrip()[:WIDTH] for line in sys.stdin.read().splitlines()]
    height = TOP + LINE * len(lines)
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT * 2 + int(WIDTH * 7.25)} {height}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{SIZE}" role="img">'
        "<title>A smoke run with a planted defect</title>"
        '<rect width="100%" height="100%" rx="6" fill="#0d1117"/>'
    )
    for number, line in enumerate(lines):
        colour = next((colour for pattern, colour in COLOURS if pattern.search(line)), "#c9d1d9")
        y = TOP + LINE * number
        print(f'<text x="{LEFT}" y="{y}" fill="{colour}" xml:space="preserve">{html.escape(line)}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
