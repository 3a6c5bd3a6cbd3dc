"""The least that takes a POST to Kafka: what the gateway's receipts are measured beside.

Rule: a process of its own (`python -m tests.bench.minimal BOOTSTRAP TOPIC PORT`), plain aiohttp and
aiokafka on uvloop as their documentation shows them, with acks of all replicas and idempotence; no
API key, no limit, no metrics, no log, no case, no disk. It prints `ready` when it serves.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import uuid4

import uvloop
from aiohttp import web
from aiokafka import AIOKafkaProducer

from tests.bench.replying import READY


async def _main(bootstrap: str, topic: str, port: str) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 19
    )

    async def take(request: web.Request) -> web.Response:
        event_id = uuid4().hex
        key = request.query["subject"].encode()
        headers = [
            ("ce_id", event_id.encode()),
            ("content-type", request.content_type.encode()),
        ]
        done = await producer.send_and_wait(topic, await request.read(), key, headers=headers)
        receipt = {"id": event_id, "partition": done.partition, "offset": done.offset}
        return web.json_response(receipt, status=202)

    application = web.Application()
    application.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(application, access_log=None)
    async with producer:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(port)).start()
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_main(*sys.argv[1:]))
