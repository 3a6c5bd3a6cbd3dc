"""The door itself: takes exchanges from the wire and answers them through the pipeline.

Room rule: as `gateway.entry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from gateway.entry.language import choose_language
from gateway.entry.problem import PROBLEM_TYPE, STATUSES, Subject, explanation, problem
from gateway.entry.request import RequestReader, WireRequest
from gateway.http.answers import Dates

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.errors import Fault
    from gateway.handling.pipeline import Pipeline
    from gateway.handling.request_record import RequestRecord
    from gateway.http.exchange import Exchange
    from gateway.message import ServiceReply, ServiceRequest

__all__ = ["Door"]

_JSON: Final = b"Content-Type: application/json\r\n"


class Door:
    """Implements what `EntryServer` asks of a handler."""

    def __init__(
        self, pipeline: Pipeline, reader: RequestReader, clock: Callable[[], float]
    ) -> None:
        self._pipeline = pipeline
        self._reader = reader
        self._clock = clock
        self._dates = Dates()

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        if exchange.target.startswith(PROBLEM_TYPE):
            self._explain(exchange)
            return
        await self._pipeline.handle(_EntryCaller(exchange, self._reader, self.date))

    async def refuse(self, exchange: Exchange, fault: Fault) -> None:
        """Answer a request that could not be read."""
        await self._pipeline.refuse(_EntryCaller(exchange, self._reader, self.date), fault)

    def date(self) -> bytes:
        """Return the `Date` line of now."""
        return self._dates.line(self._clock())

    def _explain(self, exchange: Exchange) -> None:
        code = exchange.target[len(PROBLEM_TYPE) :].partition("?")[0]
        text = explanation(code)
        status = 404 if text is None else 200
        body = orjson.dumps(text or {"title": "no such cause", "status": 404})
        exchange.send(status, self.date() + _JSON, body)


class _EntryCaller:
    """The caller of one exchange, as the pipeline sees it (`gateway.handling.pipeline.Caller`)."""

    __slots__ = ("_date", "_exchange", "_fields", "_reader", "arrived", "method", "status")

    def __init__(
        self, exchange: Exchange, reader: RequestReader, date: Callable[[], bytes]
    ) -> None:
        self._exchange = exchange
        self._reader = reader
        self._date = date
        self._fields = b""
        self.arrived = exchange.arrived
        self.method = exchange.method
        self.status = 0

    @property
    def bytes_in(self) -> int:
        return self._exchange.body.taken

    @property
    def bytes_out(self) -> int:
        return self._exchange.bytes_out

    def read(self) -> ServiceRequest:
        exchange = self._exchange
        request, waits = self._reader.read(
            WireRequest(
                exchange.method,
                exchange.target,
                exchange.headers,
                exchange.body,
                exchange.peer,
                exchange.arrived,
            )
        )
        if waits:
            exchange.allow_continue()
        self._fields = b"Via: 1.1 gateway\r\nX-Request-Id: %b\r\n" % request.request_id.encode()
        return request

    def send(self, reply: ServiceReply, body: bytes) -> None:
        self.status = reply.status
        self._exchange.send(reply.status, self._reply_fields(reply), body)

    def begin(self, reply: ServiceReply, length: int | None) -> None:
        self.status = reply.status
        self._exchange.begin(reply.status, self._reply_fields(reply), length)

    async def write(self, data: bytes) -> None:
        await self._exchange.write(data)

    def end(self) -> None:
        self._exchange.end()

    def refuse(self, fault: Fault, record: RequestRecord) -> None:
        if self._exchange.begun:
            self._exchange.abort()
            return
        runtime = record.service
        subject = Subject(
            None if runtime is None else runtime.id,
            None if runtime is None else runtime.department.department,
            record.trace_id if record.trace_id != "-" else record.request_id,
        )
        answer = problem(fault, subject, choose_language(self._accept_language()))
        self.status = STATUSES[fault.cause].status
        self._exchange.send(answer.status, answer.fields + self._date() + self._fields, answer.body)

    def _reply_fields(self, reply: ServiceReply) -> bytes:
        fields = reply.fields + self._fields
        return fields if reply.dated else fields + self._date()

    def _accept_language(self) -> bytes | None:
        for name, value in self._exchange.headers:
            if name.lower() == b"accept-language":
                return value
        return None
