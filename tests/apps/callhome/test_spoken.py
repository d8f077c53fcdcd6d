"""Old people's own sentences (spoken.txt): whom each asks to call, and that nobody else is ever dialled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from huozhong.apps.callhome.contacts import Contact, read_contacts
from huozhong.apps.callhome.resolve import who

Said = tuple[str, str, list[str]]  # where, which family, "who | what"


def _read(name: str) -> tuple[dict[str, list[Contact]], list[Said]]:
    families: dict[str, list[Contact]] = {}
    places: list[Said] = []
    for line in Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()[3:]:
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


FAMILIES, PLACES = _read("spoken.txt")
BARE_FAMILIES, BARE_PLACES = _read("unpointed.txt")
EVERY = [(FAMILIES, *one) for one in PLACES] + [(BARE_FAMILIES, *one) for one in BARE_PLACES]
IDS = [f"{place} {family} {len(lines)}" for _, place, family, lines in EVERY]


@pytest.mark.parametrize(("families", "place", "family", "lines"), EVERY, ids=IDS)
def test_whom_they_mean(families: dict[str, list[Contact]], place: str, family: str, lines: list[str]) -> None:
    for line in lines:
        wanted, said = line.removeprefix("~ ").split(" | ")
        answer = who(said, families[family], place)
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


@pytest.mark.parametrize(("place", "family", "lines"), PLACES, ids=[f"{place} {family}" for place, family, _ in PLACES])
def test_without_a_comma_nobody_else_is_dialled(place: str, family: str, lines: list[str]) -> None:
    """The same sentences as a recogniser writes them: without punctuation."""
    for line in lines:
        wanted, said = line.removeprefix("~ ").split(" | ")
        answer = who(re.sub(r"[^\w]", "", said), FAMILIES[family], place)
        got = answer.contact.name if answer.contact else ""
        if wanted[0] == "!":
            assert (answer.decision, answer.number) == ("emergency", wanted[1:]), line
        else:
            assert got in ("", wanted), (line, got)


@pytest.mark.parametrize(("places", "count", "share"), [(PLACES, 320, 0.93), (BARE_PLACES, 90, 0.8)])
def test_hardly_any_order_is_left_open(places: list[Said], count: int, share: float) -> None:
    orders = [line for _, _, lines in places for line in lines if line.removeprefix("~ ")[0] not in "?!-"]
    assert len(orders) > count
    assert sum(line[0] != "~" for line in orders) >= share * len(orders)
