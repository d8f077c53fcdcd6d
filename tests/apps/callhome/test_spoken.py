"""Old people's own sentences (spoken.txt): whom each asks to call, and that nobody else is ever dialled."""

from __future__ import annotations

from pathlib import Path

import pytest

from huozhong.apps.callhome.contacts import Contact, read_contacts
from huozhong.apps.callhome.resolve import who

Said = tuple[str, str, list[str]]  # where, which family, "who | what"


def _read() -> tuple[dict[str, list[Contact]], list[Said]]:
    families: dict[str, list[Contact]] = {}
    places: list[Said] = []
    for line in Path(__file__).with_name("spoken.txt").read_text(encoding="utf-8").splitlines()[3:]:
        if line.startswith("= "):
            family, *people = line[2:].split()
            pairs = (one.split(":") for one in people)
            families[family] = read_contacts([{"relation": relation, "name": name} for relation, name in pairs])
        elif line.startswith("# "):
            place, family = line[2:].split()
            places.append((place, family, []))
        else:
            places[-1][2].append(line)
    return families, places


FAMILIES, PLACES = _read()


@pytest.mark.parametrize(("place", "family", "lines"), PLACES, ids=[f"{place} {family}" for place, family, _ in PLACES])
def test_whom_they_mean(place: str, family: str, lines: list[str]) -> None:
    for line in lines:
        wanted, said = line.removeprefix("~ ").split(" | ")
        answer = who(said, FAMILIES[family], place)
        got = answer.contact.name if answer.contact else ""
        if line[0] == "~":
            assert answer.decision in ("unsure", "none"), (line, got)
        elif wanted[0] == "?":
            assert answer.decision == "unsure" if wanted[1:] else not got, (line, got)
            assert set(wanted.split()[1:]) <= {one.name for one in answer.candidates}, line
        elif wanted[0] == "!":
            assert (answer.decision, answer.number) == ("emergency", wanted[1:]), line
        elif wanted == "-":
            assert answer.decision == "none", (line, got)
        else:
            assert (answer.decision, got) == ("call", wanted), (line, answer.decision, got)


def test_hardly_any_order_is_left_open() -> None:
    orders = [line for _, _, lines in PLACES for line in lines if line.removeprefix("~ ")[0] not in "?!-"]
    assert len(orders) > 320
    assert sum(line[0] != "~" for line in orders) >= 0.93 * len(orders)
