"""派工单 as a sheet to print: one SVG page (A5, landscape) with what to make, when, where, and a QR code to scan.

The code holds `TAKT/JOB/<id>`, which a station's reader takes as that job.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import segno

from mes.domain.job_card import JobCard

WIDTH_MM, HEIGHT_MM = 210, 148
QR_MM = 46
FONT = "Noto Sans CJK SC, Noto Sans SC, Microsoft YaHei, PingFang SC, sans-serif"


def code_of(job_id: int) -> str:
    """What the QR code of a job holds."""
    return f"TAKT/JOB/{job_id}"


def svg_of(card: JobCard) -> str:
    """The card as an SVG document."""
    fields = (
        ("生产订单 Order", card.order), ("产品 Product", f"{card.item}  {card.product}"),
        ("版本 Revision", card.revision),
        ("工序 Operation", card.operation), ("产线 Line", card.line), ("班次 Shift", card.shift),
        ("数量 Quantity", card.quantity), ("计划 Planned", f"{card.start} – {card.end}"),
    )  # fmt: skip
    body = [_text(12, 18, f"派工单 Job {card.job_id}", size=8, bold=True)]
    for no, (label, value) in enumerate(fields):
        body.append(_text(12, 30 + 8.5 * no, label, size=3.4, grey=True))
        body.append(_text(52, 30 + 8.5 * no, value, size=4.6, bold=True))
    body += _parts(card.parts)
    qr = segno.make(code_of(card.job_id), error="m", micro=False)
    side = qr.symbol_size(border=0)[0]
    drawing = qr.svg_inline(border=0, scale=QR_MM / side, omitsize=False)
    body.append(f'<g transform="translate({WIDTH_MM - QR_MM - 12} 12)">{drawing}</g>')
    body.append(_text(WIDTH_MM - QR_MM - 12, QR_MM + 18, code_of(card.job_id), size=3.4))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm" '
        f'viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}" font-family="{FONT}">'
        f'<rect width="{WIDTH_MM}" height="{HEIGHT_MM}" fill="#fff"/>{"".join(body)}</svg>'
    )


PARTS_MAX = 7
"""More do not fit the sheet; the terminal lists them all."""


def _parts(parts: Sequence[tuple[str, str, str]]) -> list[str]:
    found = [_text(12, 101, "用料 Components", size=3.4, grey=True)] if parts else []
    for no, (item, name, quantity) in enumerate(parts[:PARTS_MAX]):
        y = 107 + 5.2 * no
        found += [_text(12, y, item, size=3.6), _text(62, y, name, size=3.6), _text(160, y, quantity, size=3.6)]
    if len(parts) > PARTS_MAX:
        found.append(_text(12, 107 + 5.2 * PARTS_MAX, f"… +{len(parts) - PARTS_MAX}", size=3.6))
    return found


def _text(x: float, y: float, text: str, *, size: float, bold: bool = False, grey: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{"#555" if grey else "#000"}"{weight}>{escape(text)}</text>'
