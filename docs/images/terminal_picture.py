"""Draw the output of a run as an SVG for the README. Reads standard input, writes standard output.

    .venv/bin/cutover pair up
    .venv/bin/cutover pair fault foreign-download
    .venv/bin/pytest -m smoke --env embedded --pair default > output 2>&1
    python3 docs/images/terminal_picture.py < output > docs/images/no-go.svg

Everything before pytest's line "FAILURES" is left out. Long lines are wrapped.
"""

import html
import re
import sys
import textwrap

COLUMNS, LINE, TOP, LEFT, SIZE, CHARACTER = 112, 17, 46, 16, 12, 7.23
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
FAILURES = re.compile(r"^=+ FAILURES =+$")
PLAIN, DIM, RED, GREEN, BLUE = "#c9d1d9", "#8b949e", "#ff7b72", "#7ee787", "#a5d6ff"
COLOURS = (
    (re.compile(r"NO-GO|FAILED|^E |\d failed"), RED),
    (re.compile(r"\bGO\b|passed"), GREEN),
    (re.compile(r"^(expected|got|from|contract|next|check|plan|runbook|waiver)\b|^  "), BLUE),
    (re.compile(r"^([=_-])\1{3,}"), DIM),
)


def main() -> None:
    """Write the picture."""
    lines = list(wrapped(shown(sys.stdin.read())))
    width, height = LEFT * 2 + round(COLUMNS * CHARACTER), TOP + LINE * len(lines)
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="{SIZE}" role="img">'
        "<title>The end of a smoke run with a planted fault: NO-GO</title>"
        '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
    )
    for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        print(f'<circle cx="{LEFT + 6 + 18 * number}" cy="16" r="5" fill="{colour}"/>')
    for number, (line, colour) in enumerate(lines):
        y = TOP + LINE * number
        print(f'<text x="{LEFT}" y="{y}" fill="{colour}" xml:space="preserve">{html.escape(line)}</text>')
    print("</svg>")


def shown(output: str) -> list[str]:
    """Return the lines of the output from "FAILURES" on, or all if there is no such line."""
    lines = [ANSI.sub("", line).rstrip() for line in output.splitlines()]
    start = next((number for number, line in enumerate(lines) if FAILURES.match(line)), 0)
    return lines[start:]


def wrapped(lines: list[str]) -> list[tuple[str, str]]:
    """Return lines of at most COLUMNS characters with their colours. Parts of one line have one colour."""
    result = []
    for line in lines:
        colour = next((colour for pattern, colour in COLOURS if pattern.search(line)), PLAIN)
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        parts = textwrap.wrap(
            line, COLUMNS, subsequent_indent=indent, drop_whitespace=False, break_on_hyphens=False
        ) or [""]
        result += [(part.rstrip(), colour) for part in parts]
    return result


if __name__ == "__main__":
    main()
