"""The load: `wrk` with the request of a real app, and what it counted.

Rule: `wrk` is a closed loop. At full load it shows the cost of a request and says nothing about
latency; with a pause before each request it stays below the knee, and its percentiles mean
something.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.bench.processes import require_program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["APP_HEADERS", "KEY", "PAUSE", "Counted", "Load", "drive", "require_wrk"]

KEY: Final = "bench-0123456789abcdef0123456789abcdef"

APP_HEADERS: Final[Mapping[str, str]] = {
    "Host": "app.example.gov.cn",
    "User-Agent": "SuFuBan/6.2.1 (Android 14; zh-CN)",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
    "X-Service-Id": "edu.payment",
    "X-Api-Key": KEY,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "X-Request-Id": "3f0b7c9a-6f2e-4a53-9a3a-1c2d3e4f5a6b",
}
"""The nine header fields that an app sends with a request."""

PAUSE: Final = 9
"""Milliseconds: a pause of 1 to this before a request; 32 connections then send 6,000 a second."""

SCRIPT: Final = """
wrk.method = {method}
{headers}
wrk.body = {body}
local paths = {{ {paths} }}
wrk.path = paths[1]
if #paths > 1 then
  local requests, turn = {{}}, 0
  init = function()
    for i, path in ipairs(paths) do requests[i] = wrk.format(nil, path) end
  end
  request = function()
    turn = turn % #requests + 1
    return requests[turn]
  end
end
if {pause} > 0 then
  delay = function() return math.random(1, {pause}) end
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n{{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: `paths` in turn, with the same headers and body; `pause` in ms, 0 for none."""

    paths: Sequence[str]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: APP_HEADERS)
    body: str = ""
    connections: int = 32
    pause: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """What `wrk` counted; `p50` and `p99` in seconds.

    `refused` are answers with a status of 400 and above, `broken` connections that failed.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def fault(self) -> str:
        """Why this run does not count; empty when it does."""
        if not self.requests:
            return "no request was answered"
        if self.refused or self.broken:
            return f"{self.refused} answers of 400 and above, {self.broken} socket errors"
        return ""


def require_wrk() -> None:
    """Raise `SystemExit` that says how to get `wrk` when it is not here."""
    require_program("wrk", "Debian's package of that name")


def drive(load: Load, *, port: int, seconds: int, folder: Path) -> Counted:
    """Run `wrk` from the core of this process and return what it counted."""
    script = folder / "load.lua"
    script.write_text(_script(load), encoding="utf-8")
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", str(script), f"http://127.0.0.1:{port}/"],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"wrk ended with {done.returncode}: {done.stderr.strip()}")
    return Counted(**json.loads(lines[-1]))


def _script(load: Load) -> str:
    fields = [f"wrk.headers[{_lua(k)}] = {_lua(v)}" for k, v in load.headers.items()]
    return SCRIPT.format(
        method=_lua(load.method),
        headers="\n".join(fields),
        body=_lua(load.body) if load.body else "nil",
        paths=", ".join(map(_lua, load.paths)),
        pause=load.pause,
    )


def _lua(text: str) -> str:
    # For printable ASCII a JSON string is a Lua string.
    return json.dumps(text)
