"""A bar for each comparison, as SVG: how many times as long the peer takes, logarithmic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rows import Row

LABELS, BARS, HEIGHT, MARGIN = 620, 460, 20, 28  # pixels
SHORTER, LONGER = "#b3541e", "#2b6cb0"


def svg(rows: list[Row]) -> str:
    """Draw all rows that compare two times."""
    drawn = [
        (f"{row.name}, against {row.peer}", row.theirs.median / row.ours.median)
        for row in rows
        if row.ours and row.theirs
    ]
    top = max(10.0, *(ratio for _, ratio in drawn))
    bottom = min(0.1, *(ratio for _, ratio in drawn))
    width, height = LABELS + BARS + 80, MARGIN * 2 + HEIGHT * len(drawn)
    body = [*axis(bottom, top, height), *bars(drawn, bottom, top)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""])


def place(ratio: float, bottom: float, top: float) -> float:
    """Say where on the horizontal axis a ratio stands."""
    return LABELS + BARS * math.log(ratio / bottom) / math.log(top / bottom)


def axis(bottom: float, top: float, height: int) -> Iterator[str]:
    for power in range(math.ceil(math.log10(bottom)), math.floor(math.log10(top)) + 1):
        x, colour = place(10.0**power, bottom, top), "#333" if power == 0 else "#ccc"
        ends = f'x1="{x:.0f}" y1="{MARGIN}" x2="{x:.0f}" y2="{height - MARGIN}"'
        yield f'<line {ends} stroke="{colour}"/>'
        yield f'<text x="{x:.0f}" y="{MARGIN - 8}" text-anchor="middle">{10.0**power:g} x</text>'


def bars(drawn: list[tuple[str, float]], bottom: float, top: float) -> Iterator[str]:
    one = place(1, bottom, top)
    for number, (label, ratio) in enumerate(drawn):
        y, x = MARGIN + HEIGHT * number, place(ratio, bottom, top)
        left, right, colour = min(x, one), max(x, one), LONGER if ratio >= 1 else SHORTER
        yield f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>'
        yield (
            f'<rect x="{left:.1f}" y="{y + 3}" width="{max(right - left, 1):.1f}" '
            f'height="{HEIGHT - 6}" fill="{colour}"/>'
        )
        yield f'<text x="{right + 4:.0f}" y="{y + 14}">{ratio:.2g} x</text>'
