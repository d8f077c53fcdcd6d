"""An address as a QR code: for a terminal, and as SVG for a page."""

from __future__ import annotations

import io

import segno

_MARGIN = 2  # modules; on a dark terminal the margin is printed too, as phones need it


def qr_text(content: str, *, colours: bool = True) -> str:
    """Lines of half blocks, two modules high each; dark on light whatever the terminal's colours are.

    colours: False for what takes none (a file, a log): right where text is light on dark.
    """
    out = io.StringIO()
    rows = [list(row) for row in segno.make(content, error="m").matrix_iter(border=_MARGIN)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    for top, bottom in zip(rows[::2], rows[1::2], strict=True):
        # Black on white: the foreground draws the upper half, the background the lower one.
        line = "".join(_half(upper, lower) for upper, lower in zip(top, bottom, strict=True))
        out.write(f"\x1b[40;97m{line}\x1b[0m\n" if colours else f"{line}\n")
    return out.getvalue()


def qr_svg(content: str) -> bytes:
    """A whole SVG document, black on white, that scales to any size."""
    out = io.BytesIO()
    segno.make(content, error="m").save(out, kind="svg", border=_MARGIN, light="#fff", omitsize=True, xmldecl=False)
    return out.getvalue()


def _half(upper: int, lower: int) -> str:
    """White ink on black ground: a light module is inked."""
    return {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}[bool(upper), bool(lower)]
