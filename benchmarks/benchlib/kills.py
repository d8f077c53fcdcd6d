"""A streaming server, ended with kill -9 again and again: what was finished is there, and the next start is clean."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from benchlib.processes import free_port, our_server, running


def kill_often(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Counts of answers seen complete, of those that were lost or changed, and of bad starts (all but the first: 0)."""
    folder.mkdir()
    dice = random.Random(seed)
    seen: dict[str, dict[str, Any]] = {}  # what clients saw complete: message id -> message
    lost = running_after = 0
    for number in range(kills + 1):
        port = free_port()
        command = our_server("ember", port, "--database", f"sqlite:///{folder}/house.db", "--threads", "1")
        environment = os.environ | {"HUOZHONG_HOME": str(folder)}
        with running(command, port=port, ready="/health", env=environment) as server:
            url = f"http://127.0.0.1:{port}/house"
            missing, still = compare(url, seen)
            lost, running_after = lost + missing, running_after + still
            if number == kills:
                break
            threads = [threading.Thread(target=talk, args=(url, f"{number}-{n}", seen), daemon=True) for n in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(dice.uniform(0.05, 2.5))
            server.send_signal(signal.SIGKILL)
            server.wait()
            for thread in threads:
                thread.join()
        if number % 50 == 0:
            print(f"  {number} kills, {len(seen)} answers seen complete, {lost} lost", file=sys.stderr, flush=True)
    return {"kills": kills, "seen_complete": len(seen), "lost_or_changed": lost, "left_running": running_after}


def talk(url: str, name: str, seen: dict[str, dict[str, Any]]) -> None:
    """Ask until the server is gone."""
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            while True:
                id = client.post("/conversations", json={"title": name}).json()["id"]
                asked = client.post(f"/conversations/{id}/ask", json={"parent": None, "content": f"你好 {name}"}).json()
                with client.stream("GET", f"/messages/{asked['answer']['id']}/events") as response:
                    last = [line for line in response.iter_lines() if line.startswith("data: ")][-1]
                message = json.loads(last[6:]).get("message")
                if message is not None:
                    seen[message["id"]] = {"conversation": id, "content": message["content"], "state": message["state"]}
    except (httpx.HTTPError, IndexError, json.JSONDecodeError):
        return  # it was killed in the middle of it


def compare(url: str, seen: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """How many of these are lost or changed, and how many messages are said to be running that cannot be."""
    lost = still = 0
    with httpx.Client(base_url=url, timeout=30) as client:
        for id, message in list(seen.items())[-200:]:
            found = client.get(f"/conversations/{message['conversation']}").json().get("messages", [])
            same = {one["id"]: one for one in found}.get(id, {})
            lost += any(same.get(name) != message[name] for name in ("content", "state"))
            still += sum(one["state"] == "running" for one in found)
        listed = client.get("/conversations?limit=50").json()["conversations"]
        still += sum(one["running"] for one in listed)
    return lost, still
