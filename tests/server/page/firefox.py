"""Debian's Firefox, driven over Marionette, the protocol that it speaks itself: lengths and JSON over a socket.

Playwright knows a Firefox of its own only, and geckodriver is in no registry; what it does for the tests is little.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
ENTER, ESCAPE = "\ue007", "\ue00c"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_SECONDS = 120.0  # for anything: a machine that does much else is slow
_PREFERENCES = {
    "marionette.port": 0,
    "intl.accept_languages": "zh-CN, zh",
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "startup.homepage_welcome_url": "",
    "browser.startup.page": 0,
    "signon.rememberSignons": False,
}


class Firefox:
    """One window.  Selectors are CSS's; what is not there yet is waited for."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self._rest, self._number = b"", 0
        self._read()  # who it is
        self.do("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"implicit": 0}}}})

    def do(self, command: str, parameters: dict[str, Any] | None = None) -> Any:
        """A command of WebDriver's; its value."""
        self._number += 1
        sent = json.dumps([0, self._number, command, parameters or {}]).encode()
        self._socket.sendall(str(len(sent)).encode() + b":" + sent)
        _, number, error, result = self._read()
        assert number == self._number
        if error:
            raise AssertionError(f"{command} {parameters}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def _read(self) -> Any:
        while b":" not in self._rest:
            self._more()
        length, _, self._rest = self._rest.partition(b":")
        while len(self._rest) < int(length):
            self._more()
        data, self._rest = self._rest[: int(length)], self._rest[int(length) :]
        return json.loads(data)

    def _more(self) -> None:
        piece = self._socket.recv(2**16)
        assert piece, "Firefox has gone"
        self._rest += piece

    def close(self) -> None:
        self._socket.close()

    # -- what a person does -----------------------------------------------------------------------

    def go(self, url: str) -> None:
        self.do("WebDriver:Navigate", {"url": url})

    def script(self, script: str, *values: Any) -> Any:
        """The value of a function body; values are `arguments`."""
        return self.do("WebDriver:ExecuteScript", {"script": script, "args": list(values), "sandbox": None})

    def until(self, script: str, *values: Any) -> Any:
        """The same, once it is true."""
        end = time.monotonic() + _SECONDS
        while True:
            if found := self.script(script, *values):
                return found
            assert time.monotonic() < end, (
                f"never true: {script} {values}; {self.script('return document.body.innerText')}"
            )
            time.sleep(0.05)

    def _find(self, selector: str) -> str:
        self.until(
            "return [...document.querySelectorAll(arguments[0])].some((node) => node.checkVisibility())", selector
        )
        found = self.script(
            "return [...document.querySelectorAll(arguments[0])].filter((node) => node.checkVisibility()).pop()",
            selector,
        )
        element: str = found[_ELEMENT]
        return element

    def click(self, selector: str) -> None:
        """The last that can be seen."""
        self.do("WebDriver:ElementClick", {"id": self._find(selector)})

    def type(self, selector: str, text: str) -> None:
        self.do("WebDriver:ElementSendKeys", {"id": self._find(selector), "text": text})

    def has(self, selector: str, text: str) -> None:
        """Waits until the last that can be seen holds this text."""
        self.until(
            "const all = [...document.querySelectorAll(arguments[0])].filter((node) => node.checkVisibility());"
            "return all.length && all[all.length - 1].textContent.includes(arguments[1])",
            selector, text,
        )  # fmt: skip


@contextlib.contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """A fresh Firefox without a screen; its profile lies in `folder`."""
    assert FIREFOX, "Firefox is missing: apt-get install firefox-esr"
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
    (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)})
    try:
        told, end = folder / "MarionetteActivePort", time.monotonic() + _SECONDS
        while not (told.exists() and told.read_text()):
            assert running.poll() is None, (folder / "log").read_text(errors="replace")
            assert time.monotonic() < end, "Firefox did not start"
            time.sleep(0.1)
        with contextlib.closing(Firefox(int(told.read_text()))) as fox:
            yield fox
    finally:
        running.terminate()
        running.wait(_SECONDS)
