"""A real IPython kernel, driven as a notebook front end drives it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyter_client.blocking.client import BlockingKernelClient


@dataclass
class Cell:
    """What one execution brought.

    Attributes
    ----------
    displays
        By display id, every MIME bundle that was shown under it, oldest first.
    """

    status: str = ""
    text: str = ""
    error: str = ""
    error_name: str = ""
    result: dict[str, Any] | None = None
    displays: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any]:
        """The last state of the only display."""
        (bundles,) = self.displays.values()
        return bundles[-1]

    @property
    def view(self) -> dict[str, Any]:
        """The build as it was shown last."""
        view: dict[str, Any] = self.last["application/vnd.envd.build+json"]
        return view


class Kernel:
    """A running kernel; use it as a context manager."""

    def __init__(self, environ: Mapping[str, str], cwd: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        # It warns that what is said between it and this process is not encrypted.
        quiet = ["--log-level=ERROR"]
        self.manager.start_kernel(extra_arguments=quiet, env=dict(environ), cwd=str(cwd))
        self._connect()

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def send(self, code: str) -> str:
        """Send a cell without waiting for it."""
        return self.client.execute(code, allow_stdin=False)

    def run(
        self,
        code: str,
        *,
        timeout: float = 120,
        on_display: Callable[[dict[str, Any]], None] | None = None,
    ) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.send(code), timeout=timeout, on_display=on_display)

    def finish(
        self,
        message_id: str,
        *,
        timeout: float = 120,
        on_display: Callable[[dict[str, Any]], None] | None = None,
    ) -> Cell:
        """Collect what a sent cell brings until it is done and answered."""
        cell = self.collect(message_id, timeout=timeout, on_display=on_display)
        reply = self.client.get_shell_msg(timeout=30)
        while reply["parent_header"].get("msg_id") != message_id:
            reply = self.client.get_shell_msg(timeout=30)
        cell.status = reply["content"]["status"]
        return cell

    def collect(
        self,
        message_id: str,
        *,
        timeout: float = 120,
        on_display: Callable[[dict[str, Any]], None] | None = None,
    ) -> Cell:
        """Collect what a sent cell brings until the kernel is idle again."""
        cell = Cell()
        deadline = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            kind, content = message["header"]["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind == "stream":
                cell.text += content["text"]
            elif kind == "error":
                cell.error_name = content["ename"]
                cell.error = "\n".join(content["traceback"])
            elif kind == "execute_result":
                cell.result = content["data"]
            elif kind in ("display_data", "update_display_data"):
                name = content.get("transient", {}).get("display_id", "")
                cell.displays.setdefault(name, []).append(content["data"])
                cell.times.append(time.monotonic())
                if on_display is not None:
                    on_display(content["data"])
        return cell
