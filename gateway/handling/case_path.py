"""The path of a question about a case: `GET /cases/{id}`, and the stream of its changes.

Room rule: as `gateway.handling`. Only the channel that submitted a case, and those it lets read,
learn anything of it: an ID that is unknown, forged or somebody else's is the same 404, and a
forged one never reaches the store.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from typing import TYPE_CHECKING, Final

import orjson

from gateway import errors
from gateway.cases.store import StoreError
from gateway.cases.transitions import is_over
from gateway.errors import Fault
from gateway.handling.admission import enter_channel
from gateway.handling.preference import preference
from gateway.handling.receipts import CASES, case_document, case_reply
from gateway.handling.request_record import RequestRecord
from gateway.message import ServiceReply

if TYPE_CHECKING:
    from gateway.cases.book import CaseBook
    from gateway.cases.case import Case
    from gateway.handling.books import Books
    from gateway.handling.caller import Caller
    from gateway.handling.live_routes import LiveRoutes, RouteBoard
    from gateway.handling.route_runtime import ChannelRuntime
    from gateway.message import ServiceRequest
    from gateway.sweep import Sweep
    from gateway.telemetry.metrics import Metrics

__all__ = ["CasePath"]

LONGEST_WAIT: Final = 60.0
"""Seconds that a long poll may ask for; a longer `Prefer: wait` is shortened to it."""

HEARTBEAT: Final = 15.0
"""Seconds after which a stream without news sends a comment, so that nobody takes it for dead."""

LONGEST_STREAM: Final = 3600.0
"""Seconds after which a stream ends; a browser's EventSource opens it again by itself."""

_METHODS: Final = ("GET", "HEAD")
_EVENTS: Final = "/events"
_STREAM: Final = b"Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"

_log = logging.getLogger("gateway.handling")


class CasePath:
    """Answers questions about cases; `cases` is None when no Kafka service can run."""

    def __init__(
        self,
        board: RouteBoard,
        cases: CaseBook | None,
        sweep: Sweep,
        books: Books,
        metrics: Metrics,
    ) -> None:
        self._board = board
        self._cases = cases
        self._clock = sweep.time
        self._books = books
        self._metrics = metrics
        self.draining = False

    async def handle(self, caller: Caller) -> None:
        """Take one question to its answer; it counts like any request."""
        record = RequestRecord(caller.arrived, caller.method)
        try:
            await self._answer(caller, record)
        except Fault as fault:
            self._books.refuse(caller, fault, record)
        except StoreError:
            self._books.refuse(caller, Fault(errors.CASES_UNREACHABLE, retry_after=1.0), record)
        except CancelledError:
            record.fault = Fault(errors.DRAINING if self.draining else errors.CALLER_GONE)
            caller.lose(record.fault)
            raise
        except Exception:  # noqa: BLE001  # the last line of defence: the caller gets an answer
            _log.exception("a question about a case failed", extra={"trace": record.trace_id})
            self._books.refuse(caller, Fault(errors.INTERNAL_ERROR), record)
        finally:
            self._books.finish(caller, record)

    async def _answer(self, caller: Caller, record: RequestRecord) -> None:
        request = caller.read()
        record.request_id, record.trace_id = request.request_id, request.trace_id
        routes = self._board.current
        channel = enter_channel(routes, request.api_key, record, self._clock())
        if request.method not in _METHODS:
            raise Fault(errors.METHOD_NOT_ALLOWED, allow=_METHODS)
        case_id, streams = request.path.removeprefix(CASES), False
        if case_id.endswith(_EVENTS):
            case_id, streams = case_id.removesuffix(_EVENTS), True
        case = await self._find(routes, channel, case_id)
        if streams and request.method == "GET":
            await self._stream(caller, case)
        elif streams:
            caller.send(ServiceReply(200, _STREAM, b""), b"")
        else:
            reply = case_reply(await self._waited(request, case))
            caller.send(reply, reply.body if isinstance(reply.body, bytes) else b"")

    async def _find(self, routes: LiveRoutes, channel: ChannelRuntime, case_id: str) -> Case:
        cases = self._cases
        case = None
        if cases is not None and cases.ids.genuine(case_id):
            case = await cases.store.find(case_id)
        if case is None or not _may_read(routes, channel, case):
            self._metrics.cases.read(channel.id, "unknown")
            raise Fault(errors.CASE_UNKNOWN)
        self._metrics.cases.read(channel.id, "found")
        return case

    async def _waited(self, request: ServiceRequest, case: Case) -> Case:
        """Wait for the next change if the caller prefers to (RFC 7240, section 4.3)."""
        wait = preference(request.headers).wait
        if wait is None or self._cases is None or is_over(case):
            return case
        until = self._clock() + min(wait, LONGEST_WAIT)
        return await self._cases.changed(case, until) or case

    async def _stream(self, caller: Caller, case: Case) -> None:
        """Send the case now and at each change, until it is over."""
        cases = self._cases
        if cases is None:
            return
        end = self._clock() + LONGEST_STREAM
        caller.begin(ServiceReply(200, _STREAM, b""), None)
        await caller.write(_event(case))
        while not is_over(case) and not self.draining and self._clock() < end:
            news = await cases.changed(case, self._clock() + HEARTBEAT)
            if news is None:
                await caller.write(b": nothing new\n\n")
            else:
                case = news
                await caller.write(_event(case))
        caller.end()


def _may_read(routes: LiveRoutes, channel: ChannelRuntime, case: Case) -> bool:
    if case.channel == channel.id:
        return True
    owner = routes.channels.get(case.channel)
    return owner is not None and channel.id in owner.channel.case_readers


def _event(case: Case) -> bytes:
    """One event of the stream; its ID is the case's revision."""
    body = orjson.dumps(case_document(case))
    return b"id: %d\nevent: case\ndata: %b\n\n" % (case.revision, body)
