"""A good routes.yaml, small enough to count lines in, and how tests load one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.routing.loader import Loaded, load_routes

if TYPE_CHECKING:
    from pathlib import Path

GOOD: Final = """\
version: 1
departments:
  edu: {name: 教育局, phone: "0510-1", area: "320205", max_in_flight: 200}
  hrss: {name: 人社局}
channels:
  app: {name: App, keys: [env:APP_KEY], services: ["*"], rate: 20/s}
  media: {keys: [file:/run/media], services: ["edu.*"], rate: 50/m, burst: 7}
services:
  edu.payment:
    title: 缴费
    department: edu
    methods: [GET, POST]
    timeout: 3s
    max_body: 1MiB
    retry: {attempts: 3, idempotent: true, budget: {share: 10%, window: 20s, minimum: 4}}
    breaker: {failures: 25%, requests: 10, window: 5s, pause: 1s}
    http:
      endpoints: [http://127.0.0.1:9101, {url: https://h.example:9102, weight: 2}]
      path: /api/v2
      ejection: {failures: 2, pause: 1m}
  hrss.card:
    title: 补换卡
    department: hrss
    kafka: {topic: card, mode: accept, key: header:X-Subject}
  hrss.pension:
    title: 养老金
    department: hrss
    kafka: {topic: pension, mode: reply, reply_topic: pension.replies, key: query:subject}
"""


def write(folder: Path, text: str | bytes, name: str = "routes.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def load(folder: Path, text: str | bytes) -> Loaded:
    return load_routes(write(folder, text))


def changed(old: str, new: str, text: str = GOOD) -> str:
    """The text with one passage replaced; the passage has to be there exactly once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)
