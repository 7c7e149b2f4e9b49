# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser without a window, Chromium, spoken to through two pipes in its DevTools protocol
(https://chromedevtools.github.io/devtools-protocol/). It needs no network."""
import atexit
import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess

from flowrig_test import Skip, temp_dir

TIMEOUT = 120  # for an answer, on a machine that has a lot to do


class Browser:
    """One page. What it complains of is in complaints()."""

    def __init__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            raise Skip("chromium is not installed")
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def place():  # where --remote-debugging-pipe has them
            read, write = os.dup(to_read), os.dup(to_write)
            read, write = (fd if fd > 4 else os.dup(fd) for fd in (read, write))
            os.dup2(read, 3)
            os.dup2(write, 4)

        # A group of its own: it starts others, which end with it.
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
             "--hide-scrollbars", f"--user-data-dir={temp_dir()}", "about:blank"], preexec_fn=place, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        atexit.register(self.close)
        os.close(to_read)
        os.close(to_write)
        self.rest, self.number, self.session, self.events = b"", 0, None, []
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self.session = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _read(self):
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], TIMEOUT)[0]:
                raise AssertionError(f"chromium said nothing for {TIMEOUT} s")
            more = os.read(self.back, 1 << 20)
            if not more:
                raise AssertionError("chromium has ended")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width=1200, height=900):
        """Shows a file in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.events = []
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def js(self, expression):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def move(self, x, y):
        """Moves the pointer to a place of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def complaints(self):
        """What it wrote to its console, exceptions, and what violates the page's policy."""
        return [event["params"] for event in self.events if event.get("method") in
                ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")]

    def requests(self):
        """What it wanted to load."""
        return [event["params"]["request"]["url"] for event in self.events
                if event.get("method") == "Network.requestWillBeSent"]

    def picture(self, path):
        """Saves the whole page as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
