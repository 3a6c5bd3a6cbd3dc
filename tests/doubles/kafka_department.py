"""A department behind Kafka as a script: it takes request records and answers as a test says.

    async with KafkaDepartment(broker, "cards", answer=reply(b"done", status=201)) as department:
        ...
        assert department.requests[0].header("ce_type") is not None

Written with plain aiokafka, as a department would: nothing of the gateway's is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer

from tests.doubles.kafka_topic import writer
from tests.doubles.owned import end
from tests.doubles.wire import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType

    from aiokafka import AIOKafkaProducer

__all__ = ["Answer", "KafkaDepartment", "Request", "Written", "reply", "silence"]


@dataclass(frozen=True)
class Request:
    """A request record as the department sees it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    partition: int
    offset: int

    def header(self, name: str) -> str | None:
        """The only header of that name, None when it is absent."""
        found = [value.decode() for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} is repeated"
        return found[0] if found else None


class Written(NamedTuple):
    """A record that the department writes; `topic` None is the one that the request names."""

    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    topic: str | None = None


Answer = Callable[[Request], Sequence[Written]]


def silence(_: Request) -> Sequence[Written]:
    """Take the request and write nothing."""
    return ()


def reply(
    value: bytes | None, *, times: int = 1, topic: str | None = None, **fields: str
) -> Answer:
    """Answer with the request's correlation id; `fields` are `status` and `content_type`."""

    def answer(request: Request) -> Sequence[Written]:
        headers = [("ce_correlationid", (request.header("ce_correlationid") or "").encode())]
        if "status" in fields:
            headers.append(("ce_httpstatus", fields["status"].encode()))
        if "content_type" in fields:
            headers.append(("content-type", fields["content_type"].encode()))
        return [Written(value, tuple(headers), topic)] * times

    return answer


class KafkaDepartment:
    """Works on the records of `topic` from the first one on, one after the other."""

    def __init__(self, bootstrap: str, topic: str, answer: Answer = silence) -> None:
        self.requests: list[Request] = []
        self.answer = answer
        self._bootstrap = bootstrap
        self._topic = topic
        self._news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            self._topic, bootstrap_servers=self._bootstrap, auto_offset_reset="earliest"
        )
        await self._consumer.start()
        self._work = asyncio.create_task(self._take())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._work is not None:
                await end(self._work)
        finally:
            await self._consumer.stop()

    async def until(self, condition: Callable[[list[Request]], bool]) -> None:
        """Wait until the condition holds for the requests that have come."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self.requests):
                self._news.clear()
                await self._news.wait()

    async def say(self, written: Sequence[Written]) -> None:
        """Write now, whatever was asked; the topic is that of the last request's answer."""
        async with writer(self._bootstrap) as producer:
            for record in written:
                await self._write(producer, record, self.requests[-1])

    async def _write(self, producer: AIOKafkaProducer, written: Written, request: Request) -> None:
        topic = written.topic or request.header("ce_replyto")
        key = dict(written.headers).get("ce_correlationid")  # answers stay in order
        await producer.send_and_wait(topic, written.value, key, headers=list(written.headers))

    async def _take(self) -> None:
        async with writer(self._bootstrap) as producer:
            async for record in self._consumer:
                request = _request(record)
                self.requests.append(request)
                self._news.set()
                for written in self.answer(request):
                    await self._write(producer, written, request)


def _request(record: Any) -> Request:
    headers = tuple(record.headers)
    return Request(record.key, record.value, headers, record.partition, record.offset)
