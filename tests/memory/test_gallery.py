"""People who agreed: registered, recognised, unknown, forgotten; a threshold that keeps its rate; a log."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from huozhong.errors import DataError
from huozhong.memory.audit import SHORT, Audit
from huozhong.memory.duties import FILING, duties
from huozhong.memory.gallery import STRICT, Consent, Gallery, calibrated

DIM = 64
TODAY = date(2026, 11, 30)


def faces(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Of different people: of low rank and leaning one way, as real ones are."""
    rng = np.random.default_rng(seed)
    made = np.random.default_rng(99)
    basis, lean = made.standard_normal((32, DIM)), made.standard_normal(DIM) * 12
    return np.asarray(rng.standard_normal((count, 32)) @ basis + lean, np.float32)


def frames(face: NDArray[np.float32], count: int = 4, seed: int = 1) -> NDArray[np.float32]:
    return np.asarray(face + np.random.default_rng(seed).standard_normal((count, DIM)) * 1.5, np.float32)


def consent(until: date = date(2027, 11, 1), **others: object) -> Consent:
    return Consent(**{"signed_by": "张桂兰", "signed_as": "本人", "purpose": "开门", "until": until} | others)  # type: ignore[arg-type]


def opened(folder: Path, today: date = TODAY, **others: object) -> Gallery:
    kept: dict[str, object] = {"dim": DIM, "space": "test", "other_way": "刷卡", "today": today} | others
    return Gallery(folder, **kept)  # type: ignore[arg-type]


def test_people_are_recognised_and_strangers_are_not(tmp_path: Path) -> None:
    people, strangers = faces(40), faces(40, seed=5)
    with opened(tmp_path) as gallery:
        for number, face in enumerate(people):
            gallery.register(f"第{number}位", frames(face), consent(), who="owner")
        assert gallery.threshold().known == "calibrated"
        looks = [gallery.look(frames(face, 1, seed=7), who="door") for face in people]
        assert [look.person.id if look.person else None for look in looks].count(None) <= 2
        assert all(look.person is None or look.person.name == f"第{n}位" for n, look in enumerate(looks))
        unknown = [gallery.look(frames(face, 1, seed=8), who="door") for face in strangers]
        assert all(look.person is None for look in unknown)
        assert unknown[0].said(chinese=True) == "不认识。可以刷卡。"
        assert unknown[0].said(chinese=False) == "Unknown. Another way in: 刷卡."


@pytest.mark.parametrize("registered", [100, 1000])
def test_the_threshold_keeps_its_rate_for_strangers_never_seen(registered: int) -> None:
    """60,000 strangers against the likenesses among those registered: 1 in 10,000 means about 6."""
    people, strangers = faces(registered), faces(60_000, seed=3)
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    strangers /= np.linalg.norm(strangers, axis=1, keepdims=True)
    among = people @ people.T
    np.fill_diagonal(among, -1)
    threshold = calibrated(among.max(1).astype(np.float64), 1e-4)
    best = (strangers @ people.T).max(1)
    assert (best >= threshold).sum() <= 6
    assert 1 - threshold > 0.35 * (1 - np.quantile(best, 1 - 1e-4))  # and it is not simply out of reach


def test_the_threshold_of_few_people_is_the_one_given_or_strict(tmp_path: Path) -> None:
    with opened(tmp_path / "a") as gallery:
        assert (gallery.threshold().likeness, gallery.threshold().known) == (STRICT, "strict")
        assert gallery.look(faces(1), who="door").person is None
    with opened(tmp_path / "b", given=0.8) as gallery:
        assert (gallery.threshold().likeness, gallery.threshold().known) == (0.8, "given")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    face = frames(faces(1)[0])
    with pytest.raises(DataError, match="another way in"):
        opened(tmp_path / "other", other_way=" ")
    with opened(tmp_path) as gallery:
        for words, name, given, of in (
            ("A name is needed", " ", face, consent()),
            ("consent of its own", "张", face, consent(purpose="")),
            ("consent of its own", "张", face, consent(signed_by=" ")),
            ("at most 3 years", "张", face, consent(until=date(2031, 1, 1))),
            ("at most 3 years", "张", face, consent(until=date(2026, 11, 29))),
            ("guardian", "张", face, consent(born=2015)),
            ("3 to 5 pictures", "张", face[:2], consent()),
            ("finite numbers", "张", face * np.nan, consent()),
        ):
            with pytest.raises(DataError, match=words) as said:
                gallery.register(name, given, of, who="owner")
            assert said.value.chinese
        assert gallery.people() == []
        child = gallery.register("小明", face, consent(born=2015, signed_by="张桂兰", signed_as="祖母"), who="owner")
        with pytest.raises(DataError, match="too much like 小明"):
            gallery.register("小红", face, consent(), who="owner")
        assert gallery.people() == [child]


def test_whoever_is_deleted_is_gone_from_the_files(tmp_path: Path) -> None:
    people = faces(3)
    with opened(tmp_path, given=0.9) as gallery:
        ids = [gallery.register(name, frames(face), consent(signed_by=name), who="owner").id
               for name, face in zip(("甲某", "乙某", "丙某"), people, strict=True)]  # fmt: skip
        told = gallery.export(ids[1], who="owner")
        assert told["name"] == "乙某"
        assert [line["what"] for line in told["log"]] == ["register", "export"]
        vector = np.array(told["vector"], "<f2").tobytes()
        assert vector in (tmp_path / "faces.vectors").read_bytes()
        gallery.delete(ids[1], who="owner")
        everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert vector not in everything
        assert json.dumps("乙某").encode() not in everything
        assert "乙某".encode() not in everything
        assert gallery.look(frames(people[1], seed=2), who="door").person is None
        with pytest.raises(KeyError):
            gallery.delete(ids[1], who="owner")
    with opened(tmp_path, given=0.9) as gallery:
        assert [person.name for person in gallery.people()] == ["甲某", "丙某"]


def test_whose_time_is_over_is_forgotten(tmp_path: Path) -> None:
    people = faces(2)
    with opened(tmp_path, given=0.9) as gallery:
        gallery.register("短", frames(people[0]), consent(until=date(2026, 12, 31)), who="owner")
        gallery.register("长", frames(people[1]), consent(), who="owner")
        assert gallery.look(frames(people[0]), who="door").person is not None
    with opened(tmp_path, today=date(2027, 1, 1), given=0.9) as gallery:
        assert [person.name for person in gallery.people()] == ["长"]
        assert gallery.look(frames(people[0]), who="door").person is None
        assert [line["why"] for line in gallery.audit.lines() if line["what"] == "delete"] == ["expired"]


def test_a_registration_that_a_crash_cut_short_leaves_no_vector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, given=0.9) as gallery:
        monkeypatch.setattr(gallery, "_write", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            gallery.register("甲", frames(faces(1)[0]), consent(), who="owner")
    with opened(tmp_path, given=0.9) as gallery:
        assert gallery.people() == []
        assert gallery.look(frames(faces(1)[0]), who="door").likeness == 0


def test_every_look_is_written_down_and_changes_show(tmp_path: Path) -> None:
    with opened(tmp_path, given=0.9) as gallery:
        person = gallery.register("甲", frames(faces(1)[0]), consent(), who="owner")
        gallery.look(frames(faces(1)[0]), who="door 2")
        gallery.look(faces(1, seed=4), who="door 2")
        lines = gallery.audit.lines()
    assert [(line["what"], line["who"], line["person"]) for line in lines] == [
        ("register", "owner", person.id),
        ("look", "door 2", person.id),
        ("look", "door 2", None),
    ]
    log = tmp_path / "audit.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"what": "lo')  # a crash
    assert len(Audit(log).lines()) == 3
    assert log.read_bytes() == whole
    parts = whole.splitlines(keepends=True)
    for changed in (whole.replace(b"door 2", b"door 1", 1), parts[0] + parts[2], parts[1] + parts[2]):
        log.write_bytes(changed)
        with pytest.raises(DataError, match="was changed"):
            Audit(log)


def test_a_log_that_was_cut_is_refused_whatever_was_cut_with_it(tmp_path: Path) -> None:
    with opened(tmp_path, given=0.9) as gallery:
        gallery.register("甲", frames(faces(1)[0]), consent(), who="owner")
        gallery.look(frames(faces(1)[0]), who="door")
        second = gallery.audit.head
        gallery.look(frames(faces(1)[0]), who="door")
        gallery.register("乙", frames(faces(2)[1]), consent(), who="owner")
        assert gallery.audit.line_of(second[:SHORT]) == 2
        assert gallery.audit.line_of(second[: SHORT - 1]) is None
        assert gallery.audit.line_of("0" * SHORT) is None
    log, anchor = tmp_path / "audit.jsonl", tmp_path / "audit.head"
    whole, noted = log.read_bytes(), anchor.read_bytes()
    parts = whole.splitlines(keepends=True)
    for kept in (b"", *(b"".join(parts[:count]) for count in range(1, 4))):
        log.write_bytes(kept)
        with pytest.raises(DataError, match="was cut"):
            opened(tmp_path)
    log.write_bytes(whole)
    anchor.unlink()
    with pytest.raises(DataError, match="missing or damaged"):
        opened(tmp_path)
    log.unlink()  # log and note alike: the people still know how far it was
    with pytest.raises(DataError, match="was cut"):
        opened(tmp_path)
    log.write_bytes(whole)
    anchor.write_bytes(noted)
    with opened(tmp_path, given=0.9) as gallery:
        assert len(gallery.people()) == 2
    log.write_bytes(whole + b'{"a": 1}')
    assert Audit(log).count == 4
    last = json.loads(noted) | {"lines": 3, "head": json.loads(parts[3])["before"]}  # a crash before it was noted
    anchor.write_text(json.dumps(last), encoding="utf-8")
    assert Audit(log).count == 4


def test_damaged_people_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path, given=0.9) as gallery:
        gallery.register("甲", frames(faces(1)[0]), consent(), who="owner")
    file = tmp_path / "people.json"
    text = file.read_text(encoding="utf-8")
    for damaged in (text[:-20], text.replace("2027-11-01", "2029-11-01"), "[]", "{}"):
        file.write_text(damaged, encoding="utf-8")
        with pytest.raises(DataError, match="is damaged"):
            opened(tmp_path)


def test_the_filing_is_due_from_a_hundred_thousand_people_on() -> None:
    assert not duties(FILING - 1)[-1].due
    assert duties(FILING)[-1].due
    assert all(duty.chinese and duty.english for duty in duties(5))
