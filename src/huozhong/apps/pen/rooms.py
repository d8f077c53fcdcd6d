"""What the pen's page asks.  Everybody has a pen of their own: frames, labels, detector, records are nobody else's."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from huozhong.apps.pen.labelled import ENOUGH, FEWEST, Frames
from huozhong.apps.pen.marks import read_degrees
from huozhong.apps.pen.network import PenDetector
from huozhong.apps.pen.settings import Settings
from huozhong.apps.pen.watching import Watch, read_history
from huozhong.errors import SkillError
from huozhong.files import write_whole
from huozhong.senses.look import Detector, OnnxDetector, read_picture
from huozhong.skills.rooms import Blob, Door, Missing, Visit
from huozhong.skills.trusted import services

_PICTURE, _MODEL, _SOUND, _TABLE = 16 << 20, 64 << 20, 32 << 20, 8 << 20  # bytes that are taken
_KEEP_EVERY = 30  # pictures
_MOST_PRICES = 60_000  # characters


class Pen:
    """One person's pen, as long as the server runs.  What lasts lies in its folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.frames, self.lock = folder, Frames(folder), threading.Lock()
        self.watch: Watch | None = None
        self.looked = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False

    @property
    def settings(self) -> Settings:
        return self.watch.settings if self.watch is not None else Settings.read(self.folder / "settings.json")

    def keep(self, settings: Settings) -> None:
        """Settings that hold from now on."""
        replace(settings, names={}).write(self.folder / "settings.json")  # numbers are of one watch alone
        if self.watch is not None:
            self.watch.tell(settings)

    def detector(self) -> Detector:
        """The user's own ONNX file, else what was trained here; raises `SkillError` where there is neither."""
        if (self.folder / "own.onnx").is_file():
            return OnnxDetector(self.folder / "own.onnx")
        if (self.folder / "detector.npz").is_file():
            return PenDetector.read(self.folder / "detector.npz")
        raise SkillError(
            "还没有认得这个圈的检测器：先点“教它认猪”，标几张照片。",
            "There is no detector for this pen yet: choose 'Teach it' and label some pictures.",
        )

    def write(self) -> None:
        if self.watch is not None:
            self.watch.write(self.folder / "history.json")

    # -- training --------------------------------------------------------------------------

    @property
    def trains(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def progress(self) -> dict[str, Any]:
        """What train.py last wrote; "stopped" where it no longer runs and was not done."""
        told: dict[str, Any] = {"state": "none"}
        with contextlib.suppress(OSError, ValueError):
            told = json.loads((self.folder / "progress.json").read_text(encoding="utf-8"))
        if self.trains:
            told["state"] = "stopping" if self.stopping else "running" if told["state"] != "none" else "begins"
        elif told["state"] == "running":
            told["state"] = "stopped"
        elif self.process is not None and self.process.returncode not in (0, None) and told["state"] != "stopped":
            told["state"] = "failed"
        if told["state"] == "done" and told.get("labels") not in (None, self.frames.fingerprint()):
            told["state"] = "older"  # than the labels
        return told

    def train(self) -> None:
        """Begin, or go on where it was stopped."""
        self.frames.read()  # says what is missing
        if importlib.util.find_spec("torch") is None:
            raise SkillError(
                "训练要装 torch：pip install 'huozhong[train]'。",
                "Training needs torch: pip install 'huozhong[train]'.",
            )
        if self.progress()["state"] not in ("running", "stopped"):
            (self.folder / "progress.json").unlink(missing_ok=True)
        self.stopping = False
        threads = str(max(1, (os.cpu_count() or 2) // 2))
        with open(self.folder / "train.log", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "huozhong.apps.pen.train", str(self.folder), "--threads", threads, "--child"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self) -> None:
        """After the step that it is at; what was reached is kept."""
        if self.process is not None and self.trains:
            self.stopping = True
            self.process.terminate()


def pen_of(visit: Visit) -> Pen:
    pens: dict[int, Pen] = visit.state.setdefault("pens", {})
    if visit.guest.id not in pens:
        pens.setdefault(visit.guest.id, Pen(visit.folder / str(visit.guest.id)))
    return pens[visit.guest.id]


def state(visit: Visit) -> dict[str, Any]:
    """All that the page shows first."""
    pen = pen_of(visit)
    labelled = pen.frames.labels()
    kind = (
        "own" if (pen.folder / "own.onnx").is_file() else "trained" if (pen.folder / "detector.npz").is_file() else ""
    )
    prices = pen.folder / "prices.txt"
    return {
        "settings": asdict(pen.settings), "detector": kind, "train": pen.progress(),
        "frames": [{"name": name, "pigs": labelled.get(name)} for name in pen.frames.names()],
        "enough": ENOUGH, "fewest": FEWEST, "prices": prices.read_text(encoding="utf-8") if prices.exists() else "",
    }  # fmt: skip


def set_settings(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    with pen.lock:
        given = dict(_object(visit))
        if given.keys() & {"names", "picture"}:
            raise SkillError("names 和 picture 不在这里改。", "'names' and 'picture' are not set here.")
        if "corners" in given or "feeder" in given or "drinker" in given:
            given["picture"] = pen.settings.picture
        pen.keep(pen.settings.told(given))
        return {"settings": asdict(pen.settings)}


# -- pictures ------------------------------------------------------------------------------


def look(visit: Visit) -> dict[str, Any]:
    """A picture of the pen -> who is in it.  query: time (seconds), begin=1 for a new watch."""
    pen = pen_of(visit)
    try:
        time = float(visit.query.get("time", ""))
    except ValueError:
        raise SkillError("time 是秒数。", "'time' is seconds.") from None
    if not 0 < time < 1e12:
        raise SkillError("time 是秒数。", "'time' is seconds.")
    picture = read_picture(visit.body or b"")
    with pen.lock:
        if pen.watch is None or visit.query.get("begin") == "1":
            pen.write()
            settings = replace(pen.settings, names={})
            size = (picture.shape[1], picture.shape[0])
            if settings.picture not in (None, size):  # places were tapped on pictures of another size
                settings = replace(settings, picture=size, corners=None, feeder=None, drinker=None, weighed=None)
            pen.watch = Watch(settings, pen.detector(), read_history(pen.folder / "history.json"))
        here = pen.watch.look(time, picture)
        pen.looked += 1
        if pen.looked % _KEEP_EVERY == 1:
            pen.write()
            replace(pen.watch.settings, names={}).write(pen.folder / "settings.json")
        names = pen.watch.settings.names
        pigs = [asdict(one) | {"name": names.get(str(one.number), "")} for one in here]
        return {"pigs": pigs, "width": picture.shape[1], "height": picture.shape[0]}


def _watch(pen: Pen) -> Watch:
    if pen.watch is None:
        raise SkillError("先放一张照片或一段录像。", "Show it a picture or a film first.")
    return pen.watch


def _number(visit: Visit, watch: Watch) -> int:
    text = visit.names.get("number", "")
    if not text.isdigit() or int(text) not in watch.pigs:
        raise Missing("没有这个号的猪。", "There is no pig of that number.")
    return int(text)


def labels(visit: Visit) -> dict[str, Any]:
    """The twenty of a pig."""
    pen = pen_of(visit)
    with pen.lock:
        watch = _watch(pen)
        number = _number(visit, watch)
        return {"number": number, "labels": [one.told(visit.guest.language) for one in watch.labels(number)]}


def name(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    with pen.lock:
        watch = _watch(pen)
        number, given = _number(visit, watch), _object(visit, "name")
        names = {key: value for key, value in watch.settings.names.items() if key != str(number)}
        if given.get("name"):
            names[str(number)] = given["name"]
        watch.tell(watch.settings.told({"names": names}))
        pen.write()
        return {"names": watch.settings.names}


def weigh(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    with pen.lock:
        watch = _watch(pen)
        number, kilograms = _number(visit, watch), _object(visit, "kilograms").get("kilograms")
        if isinstance(kilograms, bool) or not isinstance(kilograms, int | float):
            raise SkillError("写上公斤数。", "Give its kilograms.")
        pen.keep(watch.weigh(number, float(kilograms)))
        return {"number": number}


def hear(visit: Visit) -> dict[str, Any]:
    from huozhong.senses.sound import read_sound

    pen = pen_of(visit)
    sound = read_sound(visit.body or b"")
    with pen.lock:
        return {"coughs": _watch(pen).hear(sound.samples, sound.rate)}


def feel(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    degrees = read_degrees((visit.body or b"").decode("utf-8", "replace"))
    with pen.lock:
        return {"pigs": _watch(pen).feel(degrees)}


# -- teaching ------------------------------------------------------------------------------


def add_frame(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    with pen.lock:
        pen.frames.add(visit.query.get("name", ""), visit.body or b"")
        return {"frames": len(pen.frames.names())}


def frame(visit: Visit) -> Blob:
    frames, name = pen_of(visit).frames, visit.names["name"]
    if name not in frames.names():
        raise Missing("没有这一张。", "There is no such frame.")
    return Blob(frames.picture(name), "image/x-portable-pixmap")


def label(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    with pen.lock:
        if visit.names["name"] not in pen.frames.names():
            raise Missing("没有这一张。", "There is no such frame.")
        pen.frames.label(visit.names["name"], _object(visit, "pigs").get("pigs"))
        return {"labelled": len(pen.frames.labels())}


def forget_frame(visit: Visit) -> None:
    pen = pen_of(visit)
    with pen.lock:
        if visit.names["name"] not in pen.frames.names():
            raise Missing("没有这一张。", "There is no such frame.")
        pen.frames.remove(visit.names["name"])


def train(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    with pen.lock:
        if any(other.trains for other in visit.state["pens"].values()):
            raise SkillError("这台电脑正在训练，等它完。", "This machine is training; wait until it is done.")
        pen.train()
        return pen.progress()


def stop_training(visit: Visit) -> dict[str, Any]:
    pen = pen_of(visit)
    pen.stop()
    return pen.progress()


def progress(visit: Visit) -> dict[str, Any]:
    return pen_of(visit).progress()


def bring_model(visit: Visit) -> dict[str, Any]:
    """The user's own ONNX detector; an empty body takes it away again."""
    pen = pen_of(visit)
    file, data = pen.folder / "own.onnx", visit.body or b""
    with pen.lock:
        if not data:
            file.unlink(missing_ok=True)
        else:
            tried = pen.folder / "tried.onnx"
            write_whole(tried, data)
            try:
                OnnxDetector(tried)
                os.replace(tried, file)
            finally:
                tried.unlink(missing_ok=True)
        pen.watch = None
        return {"detector": "own" if data else ""}


def model(visit: Visit) -> Blob:
    file = pen_of(visit).folder / "detector.onnx"
    if not file.is_file():
        raise Missing("还没有训练好的检测器。", "No detector was trained yet.")
    return Blob(file.read_bytes(), "application/octet-stream", "pen.onnx")


# -- prices --------------------------------------------------------------------------------


def price(visit: Visit) -> dict[str, Any]:
    """The house's forecast of prices, as any program gets it, with this pig's weight: sell or wait."""
    pen = pen_of(visit)
    given = _object(visit, "table", "unit", "weight", "feed_price", "gain")
    table = given.get("table")
    if not isinstance(table, str) or not table.strip() or len(table) > _MOST_PRICES:
        raise SkillError("先填上过去的价格，一行一个。", "Fill in past prices first, one a line.")
    found = services().get("forecast")
    if found is None:
        raise SkillError("这台机器上没有“猪价”应用。", "The app 'prices' is not on this machine.")
    answer = found[1].call({key: value for key, value in given.items() if value not in (None, "")}, visit.folder)
    write_whole(pen.folder / "prices.txt", table)
    return answer


def _object(visit: Visit, *keys: str) -> dict[str, Any]:
    if not isinstance(visit.body, dict):
        raise SkillError("要一个 JSON 对象。", "A JSON object is wanted.")
    for key in visit.body:
        if keys and key not in keys:
            raise SkillError(f"没有“{key[:30]}”这一项。", f"There is no field '{key[:30]}'.")
    return visit.body


DOORS = (
    Door("GET", "state", state),
    Door("PUT", "settings", set_settings, takes="json"),
    Door("POST", "look", look, takes="bytes", max_bytes=_PICTURE),
    Door("GET", "pigs/{number}", labels),
    Door("PUT", "pigs/{number}/name", name, takes="json"),
    Door("PUT", "pigs/{number}/weight", weigh, takes="json"),
    Door("POST", "sound", hear, takes="bytes", max_bytes=_SOUND),
    Door("POST", "thermal", feel, takes="bytes", max_bytes=_TABLE),
    Door("POST", "frames", add_frame, takes="bytes", max_bytes=_PICTURE),
    Door("GET", "frames/{name}", frame),
    Door("PUT", "frames/{name}", label, takes="json"),
    Door("DELETE", "frames/{name}", forget_frame),
    Door("POST", "train", train),
    Door("DELETE", "train", stop_training),
    Door("GET", "train", progress),
    Door("PUT", "model", bring_model, takes="bytes", max_bytes=_MODEL),
    Door("GET", "model", model),
    Door("POST", "price", price, takes="json"),
)
