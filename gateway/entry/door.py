"""The door itself: takes exchanges from the wire and answers them through the pipeline.

Room rule: as `gateway.entry`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

from gateway import errors
from gateway.entry.language import choose_language
from gateway.entry.problem import PROBLEM_TYPE, STATUSES, Subject, explanation, problem
from gateway.handling.receipts import CASES
from gateway.http.answers import Dates

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.entry.request import RequestReader
    from gateway.errors import Fault
    from gateway.handling.case_path import CasePath
    from gateway.handling.pipeline import Pipeline
    from gateway.handling.request_record import RequestRecord
    from gateway.http.exchange import Exchange
    from gateway.message import ServiceReply, ServiceRequest

__all__ = ["Door"]

_DOUBTFUL: Final = frozenset((errors.MALFORMED_REQUEST, errors.HEADER_REFUSED))
"""After these the connection ends: a proxy in front may see other requests in what follows."""

_PROBLEM: Final = b"Content-Type: application/problem+json\r\n"
_JSON: Final = b"Content-Type: application/json\r\n"


class Door:
    """Implements what `EntryServer` asks of a handler."""

    def __init__(
        self,
        pipeline: Pipeline,
        cases: CasePath,
        reader: RequestReader,
        clock: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._cases = cases
        self._reader = reader
        self._clock = clock
        self._dates = Dates()

    def handle(self, exchange: Exchange) -> Coroutine[None, None, None]:
        """Answer one request."""
        if exchange.target.startswith(PROBLEM_TYPE):
            return self._explain(exchange)
        if exchange.target.startswith(CASES):
            return self._cases.handle(_CaseCaller(exchange, self._reader, self.date))
        return self._pipeline.handle(_EntryCaller(exchange, self._reader, self.date))

    def refuse(self, exchange: Exchange, fault: Fault) -> Coroutine[None, None, None]:
        """Answer a request that could not be read."""
        return self._pipeline.refuse(_EntryCaller(exchange, self._reader, self.date), fault)

    def date(self) -> bytes:
        """Return the `Date` line of now."""
        return self._dates.line(self._clock())

    async def _explain(self, exchange: Exchange) -> None:
        if exchange.body.length != 0:
            exchange.keep_alive = False  # its framing was not looked at by the rules of the door
        code = exchange.target[len(PROBLEM_TYPE) :].partition("?")[0]
        text = explanation(code)
        status, fields = (404, _PROBLEM) if text is None else (200, _JSON)
        if exchange.method not in ("GET", "HEAD"):
            status, fields, text = 405, _PROBLEM + b"Allow: GET, HEAD\r\n", None
        body = orjson.dumps(text or {"title": HTTPStatus(status).phrase, "status": status})
        exchange.send(status, self.date() + fields, body)


class _EntryCaller:
    """The caller of one exchange, as the pipeline sees it (`gateway.handling.caller.Caller`)."""

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
        body = self._exchange.body
        return body.taken if body.taken or not body.complete else body.length or 0

    @property
    def bytes_out(self) -> int:
        return self._exchange.bytes_out

    def read(self) -> ServiceRequest:
        return self._read(of_gateway=False)

    def _read(self, *, of_gateway: bool) -> ServiceRequest:
        exchange = self._exchange
        request, waits = self._reader.read(exchange, of_gateway=of_gateway)
        if waits:
            exchange.allow_continue()
        self._fields = _own_fields(request.request_id)
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
        if record.trace_id == "-":  # it was refused while it was read
            record.request_id, record.trace_id = self._reader.identify(self._exchange.headers)
            self._fields = _own_fields(record.request_id)
        if fault.cause in _DOUBTFUL:
            self._exchange.keep_alive = False
        runtime = record.service
        subject = Subject(
            None if runtime is None else runtime.id,
            None if runtime is None else runtime.department.department,
            record.trace_id,
        )
        answer = problem(fault, subject, choose_language(self._accept_language()))
        self.status = answer.status
        self._exchange.send(answer.status, answer.fields + self._date() + self._fields, answer.body)

    def lose(self, fault: Fault) -> None:
        if not self._exchange.begun:
            self.status = STATUSES[fault.cause].status

    def _reply_fields(self, reply: ServiceReply) -> bytes:
        fields = reply.fields + self._fields
        return fields if reply.dated else fields + self._date()

    def _accept_language(self) -> bytes:
        """All lines of the field are one list (RFC 9110 §5.3)."""
        headers = self._exchange.headers
        return b",".join(value for name, value in headers if name.lower() == b"accept-language")


class _CaseCaller(_EntryCaller):
    """A caller that asks about a case: its request is for no service."""

    __slots__ = ()

    def read(self) -> ServiceRequest:
        return self._read(of_gateway=True)


def _own_fields(request_id: str) -> bytes:
    return b"Via: 1.1 gateway\r\nX-Request-Id: %b\r\n" % request_id.encode("ascii")
