"""A JupyterLab of our own on loopback, with settings and runtime files in a folder of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["Lab"]

_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


class Lab:
    """`start` it, open pages at `address(path)`, `stop` it. `root` is the folder that it shows."""

    def __init__(self, home: Path, root: Path, *, theme: str = "JupyterLab Light") -> None:
        self.home, self.root = home, root
        self.token = secrets.token_hex(16)
        self.url = ""
        self._theme = theme
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = _SETTINGS | {"apputils-extension/themes": {"theme": self._theme}}
        for name, values in settings.items():
            path = self.home / "lab" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values), encoding="utf-8")
        places = {"HOME": "", "JUPYTER_CONFIG_DIR": "cfg", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "run"}
        places |= {"IPYTHONDIR": "ipy", "JUPYTERLAB_SETTINGS_DIR": "lab", "JUPYTERLAB_WORKSPACES_DIR": "ws"}
        environment = {**os.environ, **{name: str(self.home / folder) for name, folder in places.items()}}
        with (self.home / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ip=127.0.0.1", "--port=0"),
                    f"--IdentityProvider.token={self.token}",
                    f"--ServerApp.root_dir={self.root}",
                    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                    "--LabApp.extension_manager=readonly",
                ],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        info = self.home / "run" / f"jpserver-{self._process.pid}.json"
        until = time.monotonic() + 45
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            with suppress(OSError, ValueError):
                self.url = json.loads(info.read_text(encoding="utf-8"))["url"]
                self.api("status")
                return
            time.sleep(0.1)
        raise RuntimeError("JupyterLab did not start:\n" + (self.home / "lab.log").read_text(encoding="utf-8")[-3000:])

    def stop(self) -> None:
        """End it and everything it started."""
        process, self._process = self._process, None
        if process is None:
            return
        for signum in (signal.SIGINT, signal.SIGTERM):
            with suppress(ProcessLookupError):
                process.send_signal(signum)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)

    def api(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask its REST API."""
        request = urllib.request.Request(
            f"{self.url}api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open_session(self, path: str) -> dict[str, Any]:
        """Start a kernel for a notebook before its page opens: a page that starts one itself may start two."""
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        found: dict[str, Any] = self.api("sessions", "POST", body)
        return found

    def address(self, path: str) -> str:
        """Where the notebook is shown."""
        return f"{self.url}lab/tree/{path}?reset&token={self.token}"
