"""People who agreed to be recognised: registered with a purpose and an end, looked up, unknown where unsure, forgotten.

A person is a name, what they agreed to, and one vector (`pooling.py`); pictures are never kept.  The likeness from
which a face counts as somebody's follows from those who are registered (`calibrated`), so that a stranger is taken for
one of them at a stated rate; everybody else is "不认识".  Whoever is deleted, or whose time is over, is gone from the
files.  Every look is written down before it is answered.  There must always be another way in, which every answer
names.

    gallery = Gallery(folder, dim=128, space="dlib resnet v1", other_way="刷卡")
    person = gallery.register("张桂兰", frames, Consent("张桂兰", "本人", "开门", until), who="owner")
    gallery.look(frames, who="door")       # Look(person or None, likeness, threshold, other_way)
    gallery.delete(person.id, who="owner")
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import DataError
from huozhong.files import write_whole
from huozhong.memory.audit import START, Audit
from huozhong.memory.pooling import Attention
from huozhong.memory.vectors import Vectors

F32 = NDArray[np.float32]

ENOUGH = 30  # people from whom a threshold can be worked out
SAMPLE, CHANGED = 400, 0.05  # people from whom it is; what share must come or go before it is worked out anew
RATE = 1e-4  # of strangers who may be taken for somebody
STRICT = 0.99  # cosine, while there are too few people to know better and nothing was given
GUARDED = 14  # years below which a guardian agrees
LONGEST_YEARS = 3  # that a consent may hold before it is asked for again
FRAMES = (3, 5)  # at registration, at least and at most


@dataclass(frozen=True)
class Consent:
    """What somebody agreed to, apart from anything else that they signed.

    signed_by: who signed; as: "本人" (the person) or the guardian's relation.  purpose: what for, and for nothing else.
    until: the last day.  born: year of birth, where it is asked.
    """

    signed_by: str
    signed_as: str
    purpose: str
    until: date
    born: int | None = None


@dataclass(frozen=True)
class Person:
    """Somebody who is registered, and since when."""

    id: int
    name: str
    consent: Consent
    since: date


@dataclass(frozen=True)
class Threshold:
    """From which likeness on a face counts as somebody's, at what rate strangers do, and how that is known."""

    likeness: float
    rate: float
    known: str  # "calibrated", "given" or "strict"


@dataclass(frozen=True)
class Look:
    """An answer.  person: None for 不认识.  likeness: of whoever is most alike.  other_way: how else to come in."""

    person: Person | None
    likeness: float
    threshold: Threshold
    other_way: str

    def said(self, *, chinese: bool) -> str:
        if self.person is None:
            return f"不认识。可以{self.other_way}。" if chinese else f"Unknown. Another way in: {self.other_way}."
        name, likeness = self.person.name, f"{self.likeness:.2f}"
        return f"{name}（相似度 {likeness}）" if chinese else f"{name} (likeness {likeness})"


class Gallery:
    """The people of one folder: people.json, faces.vectors, audit.jsonl."""

    def __init__(
        self,
        folder: Path,
        *,
        dim: int,
        space: str,
        other_way: str,
        given: float | None = None,
        rate: float = RATE,
        attention: Attention | None = None,
        today: date | None = None,
    ) -> None:
        """Open or begin a gallery.

        dim, space: of the vectors.  other_way: how people come in without their face.  given: a threshold that holds
        while there are too few people for one of their own.  today: for tests.
        """
        self._folder, self._other_way, self._given, self._rate = folder, _named(other_way), given, rate
        folder.mkdir(parents=True, exist_ok=True)
        self._attention = attention or Attention.mean(dim)
        self._today = today
        self._lock = threading.RLock()
        self._threshold: Threshold | None = None
        self._calibrated_on = 0  # how many people there were
        self._vectors = Vectors.open(folder / "faces.vectors", dim=dim, space=space)
        try:
            people, log = _read_people(folder / "people.json")
            self._people = {person.id: person for person in people}
            self.audit = Audit(folder / "audit.jsonl")
            self.audit.bear_out(*log)
            # A vector without a person: a registration or a deletion that a crash cut short.
            self._vectors.remove([id for id in self._vectors.ids.tolist() if id not in self._people])
            self._forget_expired()
        except BaseException:
            self._vectors.close()
            raise

    # -- who is there ------------------------------------------------------------------------------------------------

    def people(self) -> list[Person]:
        """Everybody who is registered, by number."""
        with self._lock:
            self._forget_expired()
            return sorted(self._people.values(), key=lambda person: person.id)

    def register(self, name: str, frames: Any, consent: Consent, *, who: str) -> Person:
        """Add a person by 3 to 5 frames [n, dim].  DataError says what is missing or what the law does not allow."""
        name = name.strip()
        with self._lock:
            self._forget_expired()
            _check(name, consent, self.today)
            rows = np.asarray(frames, np.float32)
            if rows.ndim != 2 or not FRAMES[0] <= len(rows) <= FRAMES[1]:
                raise _said(f"登记要 {FRAMES[0]} 到 {FRAMES[1]} 张照片。",
                            f"Registering takes {FRAMES[0]} to {FRAMES[1]} pictures.")  # fmt: skip
            vector = self._attention.pooled(rows)
            there = self._nearest(vector)
            if there is not None and there[1] >= self.threshold().likeness:
                other = self._people[there[0]].name
                raise _said(f"这张脸和已登记的{other}太像（{there[1]:.2f}）；同一个人只登记一次。",
                            f"This face is too much like {other}, who is registered ({there[1]:.2f}).")  # fmt: skip
            person = Person(int(self._vectors.add(vector[None])[0]), name, consent, self.today)
            self._people[person.id] = person
            self._write()
            self.audit.add("register", who, person=person.id, purpose=consent.purpose, until=consent.until.isoformat())
            return person

    def delete(self, id: int, *, who: str, why: str = "asked") -> None:
        """Forget a person: the vector is overwritten, the name gone.  KeyError if there is none of that number."""
        with self._lock:
            del self._people[id]
            self._write()
            self._vectors.remove([id])
            self.audit.add("delete", who, person=id, why=why)

    def export(self, id: int, *, who: str) -> dict[str, Any]:
        """All that is kept of a person, to be handed to them."""
        with self._lock:
            person = self._people[id]
            self.audit.add("export", who, person=id)
            looks = [line for line in self.audit.lines() if line.get("person") == id]
            return _as_json(person) | {"vector": self._vectors.get(id).tolist(), "log": looks}

    def offer(self, other_way: str) -> None:
        """Name another way in from now on."""
        with self._lock:
            self._other_way = _named(other_way)

    # -- looking ------------------------------------------------------------------------------------------------------

    def look(self, frames: Any, *, who: str) -> Look:
        """Who is on some frames [n, dim] of one face.  It is written down who asked, and what the answer was."""
        with self._lock:
            self._forget_expired()
            found = self._nearest(self._attention.pooled(np.atleast_2d(np.asarray(frames, np.float32))))
            threshold = self.threshold()
            likeness = found[1] if found else 0.0
            person = self._people[found[0]] if found and likeness >= threshold.likeness else None
            self.audit.add(
                "look", who, person=person.id if person else None,
                likeness=round(likeness, 4), threshold=round(threshold.likeness, 4),
            )  # fmt: skip
            return Look(person, likeness, threshold, self._other_way)

    def _nearest(self, vector: F32) -> tuple[int, float] | None:
        found = self._vectors.search(vector, 1)
        return (int(found.ids[0]), float(found.likeness[0])) if len(found.ids) else None

    def threshold(self) -> Threshold:
        """From which likeness on a face counts; worked out anew when many people have come or gone."""
        with self._lock:
            people = sorted(self._people)
            if len(people) < ENOUGH:
                if self._given is None:
                    return Threshold(STRICT, self._rate, "strict")
                return Threshold(self._given, self._rate, "given")
            if self._threshold is None or abs(len(people) - self._calibrated_on) > CHANGED * self._calibrated_on:
                best = [self._best_other(id) for id in people[:: -(-len(people) // SAMPLE)]]
                self._threshold = Threshold(calibrated(np.array(best), self._rate), self._rate, "calibrated")
                self._calibrated_on = len(people)
            return self._threshold

    def _best_other(self, id: int) -> float:
        """How much a person is like the most similar of the others: what a stranger's look would give."""
        found = self._vectors.search(self._vectors.get(id), 2)
        return next(float(one) for other, one in zip(found.ids, found.likeness, strict=True) if other != id)

    # -- keeping ------------------------------------------------------------------------------------------------------

    @property
    def today(self) -> date:
        return self._today or date.today()

    def _forget_expired(self) -> None:
        for person in [one for one in self._people.values() if one.consent.until < self.today]:
            self.delete(person.id, who="huozhong", why="expired")

    def _write(self) -> None:
        people = [_as_json(person) for person in self._people.values()]
        # How far the log was: whoever takes it away, and what stands beside it, is found out by this.
        kept = {"people": people, "log": [self.audit.count, self.audit.head]}
        text = json.dumps(kept, ensure_ascii=False, indent=1)
        write_whole(self._folder / "people.json", json.dumps(kept | {"sha256": _hash(text)}, ensure_ascii=False))

    def close(self) -> None:
        self._vectors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def calibrated(best: NDArray[np.float64], rate: float) -> float:
    """The likeness that strangers reach at `rate`, given the best likenesses of people to all others.

    The smallest of many distances follows a Weibull distribution, and so -log of it Gumbel's (1 - cosine is half the
    square of the distance).  It is fitted by median and quartiles, so that somebody who is registered twice moves
    nothing.
    """
    lower, middle, upper = np.quantile(-np.log(np.maximum(1 - best, 1e-6)), (0.25, 0.5, 0.75))
    spread = max(float(upper - lower), 1e-3) / 1.5725
    place = float(middle) - 0.3665 * spread
    return 1 - float(np.exp(spread * np.log(-np.log1p(-rate)) - place))


def _named(other_way: str) -> str:
    if not other_way.strip():
        raise _said("必须另有进门的办法（刷卡、密码、叫人），请写明。",
                    "There must be another way in (a card, a code, somebody to call): name it.")  # fmt: skip
    return other_way.strip()


def _check(name: str, consent: Consent, today: date) -> None:
    if not name or len(name) > 60:
        raise _said("请写姓名（最多 60 个字）。", "A name is needed, of at most 60 characters.")
    if not consent.signed_by.strip() or not consent.purpose.strip():
        raise _said("要有单独的同意：谁签的字，为了什么用途。",
                    "A consent of its own is needed: who signed, and for which purpose.")  # fmt: skip
    if consent.born is not None and today.year - consent.born <= GUARDED and consent.signed_as.strip() in ("", "本人"):
        raise _said(f"不满 {GUARDED} 周岁的，要由父母或其他监护人同意。",
                    f"For a child under {GUARDED} a parent or another guardian must agree.")  # fmt: skip
    if not today <= consent.until <= date(today.year + LONGEST_YEARS, today.month, min(today.day, 28)):
        raise _said(f"同意要有截止日期：从今天起，最长 {LONGEST_YEARS} 年。",
                    f"A consent has an end: from today on, at most {LONGEST_YEARS} years.")  # fmt: skip


def _as_json(person: Person) -> dict[str, Any]:
    return dataclasses.asdict(person) | {
        "since": person.since.isoformat(),
        "consent": dataclasses.asdict(person.consent) | {"until": person.consent.until.isoformat()},
    }


def _read_people(path: Path) -> tuple[list[Person], tuple[int, str]]:
    """Everybody, and how many lines the log had when they were written, with the last one's hash."""
    if not path.exists():
        return [], (0, START)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        checksum, (lines, head) = data.pop("sha256"), data["log"]
        if checksum != _hash(json.dumps(data, ensure_ascii=False, indent=1)):
            raise ValueError("its checksum is wrong")
        people = [
            Person(
                one["id"],
                one["name"],
                Consent(**one["consent"] | {"until": date.fromisoformat(one["consent"]["until"])}),
                date.fromisoformat(one["since"]),
            )
            for one in data["people"]
        ]
        return people, (int(lines), str(head))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); put back a copy of it.").in_chinese(
            f"{path} 已损坏（{error}）；请换回备份。"
        ) from None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _said(chinese: str, english: str) -> DataError:
    return DataError(english).in_chinese(chinese)
