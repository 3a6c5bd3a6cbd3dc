"""Delivery over HTTP of a request with an `Idempotency-Key`: once, and then from memory.

Room rule: as `gateway.handling`. For services that ask for it alone: here a body is read whole
before it goes out, because what makes two requests the same is all of it. The key is passed on, so
that a department can tell a repeated request as well. An answer is kept when it is whole and at
most `LARGEST` bytes; after a fault the key is free again.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.cases.store import Key, StoredAnswer, StoreError
from gateway.errors import Fault
from gateway.handling.idempotency_key import KEPT, fingerprint
from gateway.handling.idempotent_submission import REPLAYED, required_key
from gateway.handling.whole_bodies import whole
from gateway.message import ServiceReply, WholeBody

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gateway.cases.store import CaseStore
    from gateway.handling.delivery import HttpDelivery
    from gateway.handling.request_record import RequestRecord
    from gateway.handling.route_runtime import HttpRuntime, ServiceRuntime
    from gateway.message import Body, ServiceRequest

__all__ = ["HttpOnce"]

LARGEST: Final = 1 << 20
"""Bytes of an answer that is kept; a larger one is passed on and its key is free again."""

MARGIN: Final = timedelta(minutes=1)
"""How long beyond its deadline a request keeps its key when nobody says that it has ended."""

_log = logging.getLogger("gateway.handling")


class HttpOnce:
    """`repeated` is told what each key meant; `wall_clock` gives the time in UTC."""

    def __init__(
        self,
        http: HttpDelivery,
        store: CaseStore,
        repeated: Callable[[str, str], None],
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._store = store
        self._repeated = repeated
        self._clock = clock
        self._wall_clock = wall_clock
        self._freeing: set[asyncio.Task[None]] = set()

    async def deliver(
        self,
        service: ServiceRuntime,
        http: HttpRuntime,
        request: ServiceRequest,
        record: RequestRecord,
    ) -> ServiceReply:
        """Return the department's answer, or the one that it gave to the same request before."""
        value = required_key(service.service, request)
        if value is None:
            return await self._http.deliver(http, request, record, self._clock())
        try:
            body = await whole(request.body)
        finally:
            record.caller_time = request.body.waited
        key = Key(record.channel, service.id, value)
        try:
            stored = await self._held(key, fingerprint(request, body), service)
            if stored is not None:
                return ServiceReply(stored.status, stored.fields + REPLAYED, stored.body)
            reply = await self._first(key, http, request.with_body(WholeBody(body)), record)
        except StoreError:
            raise Fault(errors.CASES_UNREACHABLE, may_have_been_sent=True) from None
        return reply

    async def close(self) -> None:
        """Finish giving keys free."""
        if self._freeing:
            await asyncio.wait(self._freeing)

    async def _held(self, key: Key, mark: bytes, service: ServiceRuntime) -> StoredAnswer | None:
        """Take the key; return the answer of the first request when this is not the first."""
        patience = timedelta(seconds=service.service.timeout) + MARGIN
        held = await self._store.hold(key, mark, self._wall_clock() + patience)
        if held.first:
            self._repeated(service.id, "first")
            return None
        if held.fingerprint != mark:
            self._repeated(service.id, "reused")
            raise Fault(errors.IDEMPOTENCY_KEY_REUSED)
        if held.answer is None:
            self._repeated(service.id, "conflict")
            raise Fault(errors.IDEMPOTENCY_IN_FLIGHT, retry_after=1.0)
        self._repeated(service.id, "replayed")
        return held.answer

    async def _first(
        self, key: Key, http: HttpRuntime, request: ServiceRequest, record: RequestRecord
    ) -> ServiceReply:
        """Ask the department; after a fault the key is free, after an answer never before its time:
        should the answer not be stored, the department must not be asked a second time.
        """
        try:
            reply = await self._http.deliver(http, request, record, self._clock())
            answer = await self._answer(reply, record)
        except BaseException:
            self._free(key)
            raise
        if answer is None:
            self._free(key)
            return reply
        await self._store.settle(key, answer, self._wall_clock() + KEPT)
        return ServiceReply(reply.status, reply.fields, answer.body, dated=reply.dated)

    async def _answer(self, reply: ServiceReply, record: RequestRecord) -> StoredAnswer | None:
        """Read an answer that is to be kept; None for one that is too large for it."""
        body = reply.body
        if isinstance(body, bytes):
            return StoredAnswer(reply.status, reply.fields, body) if len(body) <= LARGEST else None
        if body.length is None or body.length > LARGEST:
            return None
        return StoredAnswer(reply.status, reply.fields, await self._read(body, record))

    async def _read(self, body: Body, record: RequestRecord) -> bytes:
        record.waits_for = errors.ANSWER_TIMEOUT
        start = self._clock()
        try:
            return await whole(body)
        finally:
            record.department_time = (record.department_time or 0.0) + self._clock() - start

    def _free(self, key: Key) -> None:
        """Give the key free; the task at hand may be on its way out and must not wait."""
        task = asyncio.get_running_loop().create_task(self._forget(key), name="key-free")
        self._freeing.add(task)
        task.add_done_callback(self._freeing.discard)

    async def _forget(self, key: Key) -> None:
        try:
            await self._store.settle(key, None)
        except StoreError as error:
            _log.warning("an Idempotency-Key stays taken until it expires: %s", error)
