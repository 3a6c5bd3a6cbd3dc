"""A department's system for large bodies: makes and takes as many bytes as it is asked to.

Rule: a process of its own (`python -m tests.bench.bulk PORT`); holds one block, never a body.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from aiohttp import web

__all__ = ["BLOCK", "PAUSE_AFTER", "PAUSE_FOR"]

BLOCK: Final = bytes(range(256)) * 1024
"""What bodies are made of: 256 KiB."""

PAUSE_AFTER: Final = 16 << 20
"""Bytes after which a slow side stops for `PAUSE_FOR` seconds."""

PAUSE_FOR: Final = 3.0


async def _take(request: web.Request) -> web.Response:
    """Read the body to its end and answer with its length."""
    slow, taken = "slow" in request.query, 0
    async for piece in request.content.iter_any():
        taken += len(piece)
        if slow and taken >= PAUSE_AFTER:
            slow = False
            await asyncio.sleep(PAUSE_FOR)
    return web.json_response({"taken": taken})


async def _make(request: web.Request) -> web.StreamResponse:
    """Answer with a body of `size` bytes, by length or chunked."""
    size = int(request.query["size"])
    answer = web.StreamResponse()
    if "chunked" in request.query:
        answer.enable_chunked_encoding()
    else:
        answer.content_length = size
    await answer.prepare(request)
    for _ in range(size // len(BLOCK)):
        await answer.write(BLOCK)
    await answer.write_eof(BLOCK[: size % len(BLOCK)])
    return answer


def main() -> None:
    """Serve until the process is told to end."""
    application = web.Application()
    application.router.add_post("/{rest:.*}", _take)
    application.router.add_get("/{rest:.*}", _make)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=lambda _: None)


if __name__ == "__main__":
    main()
