"""The demo's Kafka department: takes requests from topics, works, and replies when asked to.

It is written as a department would write it, with plain aiokafka and nothing of the gateway's:
the reply goes to the topic named in `ce_replyto` with the request's `ce_correlationid`, its value
is the answer's body, `content-type` and `ce_httpstatus` are the answer's type and status.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from gateway.demo.work import NOTICE, work
from gateway.errors import StartError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from gateway.demo.plan import RequestTopic

__all__ = ["kafka_department"]

START_LIMIT: Final = 15.0
"""Seconds to reach the broker."""


@asynccontextmanager
async def kafka_department(topics: Sequence[RequestTopic], bootstrap: str) -> AsyncIterator[None]:
    """Work on every record of `topics` from the first one on.

    Raises `StartError` when the broker is not there.
    """
    services = {topic.topic: topic.service for topic in topics}
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(
        *services,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        metadata_max_age_ms=5000,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_stopped, producer)
        stack.push_async_callback(_stopped, consumer)
        await _started(producer, bootstrap)
        await _started(consumer, bootstrap)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(_take(consumer, producer, services))
            yield
            reading.cancel()


async def _started(client: Any, bootstrap: str) -> None:
    try:
        async with asyncio.timeout(START_LIMIT):
            await client.start()
    except (KafkaError, TimeoutError) as error:
        raise StartError(f"The demo's Kafka department cannot reach {bootstrap}.") from error


async def _stopped(client: Any) -> None:
    """Stop a client; without its broker aiokafka cancels tasks of its own and lets that rise."""
    task = asyncio.current_task()
    try:
        await client.stop()
    except asyncio.CancelledError:
        if task is not None and task.cancelling():
            raise


async def _take(consumer: Any, producer: Any, services: dict[str, str]) -> None:
    async with asyncio.TaskGroup() as group:
        async for record in consumer:
            group.create_task(_answer(record, producer, services[record.topic]))


async def _answer(record: Any, producer: Any, service: str) -> None:
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    query = parse_qs(headers.get("ce_httpquery", ""))
    await work(query.get("wait", [None])[-1])
    if "ce_replyto" not in headers:
        return
    subject = record.key.decode("utf-8", "replace") if record.key else "DEMO-0001"
    answer = json.dumps(_result(service, subject), ensure_ascii=False).encode()
    try:
        await producer.send_and_wait(
            headers["ce_replyto"],
            answer,
            headers=[
                ("ce_correlationid", headers.get("ce_correlationid", "").encode()),
                ("ce_httpstatus", b"200"),
                ("content-type", b"application/json; charset=utf-8"),
            ],
        )
    except KafkaError:
        return  # the broker has gone: so has whoever waited for this answer


def _result(service: str, subject: str) -> dict[str, Any]:
    if service != "hrss.pension-query":
        return {"service": service, "subject": subject, "result": "done", "notice": NOTICE}
    account = {
        "name": "测试甲",
        "months_paid": 214,
        "monthly_pension": "2180.00",
        "since": "2025-03",
    }
    return {"subject": subject, "account": account, "notice": NOTICE}
