"""A QR code is on the terminal and on the page what its content makes it."""

from __future__ import annotations

import re

import segno

from huozhong.server.qr import qr_svg, qr_text

LINK = "https://192.168.1.5:8000/page/login.html#join=ABCD2345"


def test_half_blocks_are_the_codes_modules() -> None:
    modules = [[int(dark) for dark in row] for row in segno.make(LINK, error="m").matrix_iter(border=2)]
    lines = qr_text(LINK, colours=False).splitlines()
    rows: list[list[int]] = []
    for line in lines:
        rows.append([int(half in " ▄") for half in line])  # what is inked is light
        rows.append([int(half in " ▀") for half in line])
    assert rows[: len(modules)] == modules
    assert len(rows) - len(modules) in (0, 1)
    coloured = qr_text(LINK)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines() == lines
    assert coloured.count("\x1b[40;97m") == coloured.count("\x1b[0m") == len(lines)


def test_the_picture_holds_neither_scripts_nor_foreign_addresses() -> None:
    picture = qr_svg(LINK).decode()
    assert picture.startswith("<svg")
    assert "script" not in picture
    assert re.findall(r'https?://[^" ]*', picture) == ["http://www.w3.org/2000/svg"]
