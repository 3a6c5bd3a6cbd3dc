"""The private names of aiokafka that supervision needs, in one place.

Room rule: nothing else in the project touches an attribute of aiokafka that begins with an
underscore, and `tests/kafka/test_aiokafka_internals.py` fails when one of them changes.

Why they are needed at all: aiokafka 0.14 offers no health of a client (aiokafka#1154), and its
`stop()` waits for ever while the brokers are away; called again it returns and leaves a sender
behind that delivers whatever it still holds once they are back (aiokafka#1101). A gateway that
has told its caller "not confirmed" must be able to end that.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
    from aiokafka.client import AIOKafkaClient, ConnectionGroup
    from aiokafka.producer.message_accumulator import MessageBatch
    from aiokafka.structs import TopicPartition

__all__ = [
    "abandon_consumer",
    "abandon_producer",
    "answer",
    "consumer_client",
    "cut_producer",
    "fail_unsent",
    "fetch_task",
    "has_live_connection",
    "is_open",
    "last_batch",
    "oldest_wait",
    "sender_task",
    "tried_before",
]

CLOSING: Final = 2.0
"""Seconds, chosen: the cancelled tasks of a client have so long to end; they wait for nothing but
the loop."""

T = TypeVar("T")


def sender_task(producer: AIOKafkaProducer) -> asyncio.Task[None] | None:
    """Return the task that delivers batches; any unexpected error ends it for good (#907)."""
    task: asyncio.Task[None] | None = producer._sender.sender_task  # noqa: SLF001  # no public name
    return task


def fetch_task(consumer: AIOKafkaConsumer) -> asyncio.Task[None]:
    """Return the task that fetches; when it has ended the consumer never reads again."""
    task: asyncio.Task[None] = consumer._fetcher._fetch_task  # noqa: SLF001  # no public name
    return task


def consumer_client(consumer: AIOKafkaConsumer) -> AIOKafkaClient:
    """Return the consumer's client, as `producer.client` is public; for metadata on demand."""
    return consumer._client  # noqa: SLF001  # no public name


def has_live_connection(client: AIOKafkaClient) -> bool:
    """Tell whether any connection to a broker is open; asks nobody."""
    return any(connection.connected() for connection in client._conns.values())  # noqa: SLF001  # no public name


def oldest_wait(producer: AIOKafkaProducer) -> float:
    """Return the age in seconds of the oldest batch that has no acknowledgement, 0 without one.

    It counts records whose caller has gone as well: cancelling a delivery does not take the
    record back.
    """
    batches = _batches(producer._message_accumulator)  # noqa: SLF001  # holds what is unacknowledged
    oldest = min((batch._ctime for batch in batches), default=None)  # noqa: SLF001  # no public name
    return 0.0 if oldest is None else time.monotonic() - oldest


def last_batch(producer: AIOKafkaProducer, place: TopicPartition) -> MessageBatch:
    """Return the batch of `place` that was added to last.

    When `send` or `send_batch` returns, that is the one that holds the record: until the next await
    nobody adds another and the sender takes none.
    """
    return producer._message_accumulator._batches[place][-1]  # noqa: SLF001  # no public name


def tried_before(batch: MessageBatch) -> bool:
    """Tell whether `batch` had been sent before the try that its end is about."""
    tries: int = batch.retry_count  # counts from 1 at the first try
    return tries > 1


def fail_unsent(producer: AIOKafkaProducer, place: TopicPartition, reason: Exception) -> None:
    """Fail with `reason` every batch for `place` that was never sent, and send none of them.

    Called in the callbacks of a batch that has ended, this leaves no later one of `place` on its
    way: aiokafka has one request for a partition at a time, and the next one can have been made by
    now, but cannot have begun.
    """
    queues = producer._message_accumulator._batches  # noqa: SLF001  # no public name
    queue = queues.get(place, ())
    unsent = [batch for batch in queue if batch.retry_count == 0]
    for batch in unsent:
        queue.remove(batch)
    if not queue:
        queues.pop(place, None)  # the sender looks at the first of each
    for batch in (*unsent, *_taken_back(producer, place)):
        batch.failure(reason)
        _read_waiters((batch,))


def _taken_back(producer: AIOKafkaProducer, place: TopicPartition) -> list[MessageBatch]:
    """Take the batch for `place` out of the request that has not begun, which is then without it.

    The sender takes nothing more for `place`, as this batch never ends.
    """
    pending = producer._message_accumulator._pending_batches  # noqa: SLF001  # no public name
    if not any(batch.tp == place and not batch.future.done() for batch in pending):
        return []
    sender = (producer._sender,)  # noqa: SLF001  # whose coroutines run
    for task in asyncio.all_tasks():
        request: Any = task.get_coro()
        if _runs_for(task, sender) and inspect.getcoroutinestate(request) == inspect.CORO_CREATED:
            batches = request.cr_frame.f_locals.get("batches", {})
            if place in batches:
                return [batches.pop(place)]
    return []


def is_open(client: AIOKafkaClient, node: int, group: ConnectionGroup) -> bool:
    """Tell whether the connection of `group` to broker `node` is open; asks nobody."""
    connection = client._conns.get((node, group))  # noqa: SLF001  # no public name
    return connection is not None and bool(connection.connected())


async def abandon_producer(producer: AIOKafkaProducer, reason: Exception) -> None:
    """End `producer` now: nothing that is not on the wire yet will be sent.

    Every record without an acknowledgement fails with `reason`. Never hangs and leaves no task.
    """
    producer._closed = True  # noqa: SLF001  # else its finaliser warns of a producer left open
    accumulator = producer._message_accumulator  # noqa: SLF001  # holds the unacknowledged records
    # A batch that waits for another try is in the queue alone, but its end takes it from the set.
    accumulator._pending_batches.update(_batches(accumulator))  # noqa: SLF001  # no public name
    accumulator.fail_all(reason)
    _read_waiters(_batches(accumulator))
    owners = (producer, producer._sender, accumulator)  # noqa: SLF001  # whose coroutines run
    await _end(producer.client, owners)


def cut_producer(producer: AIOKafkaProducer) -> None:
    """Cut the connections of `producer` and cancel its tasks; `abandon_producer` does the rest."""
    _cut(producer.client, (producer, producer._sender, producer._message_accumulator))  # noqa: SLF001  # whose coroutines run


async def abandon_consumer(consumer: AIOKafkaConsumer) -> None:
    """End `consumer` now. Never hangs and leaves no task."""
    consumer._closed = True  # noqa: SLF001  # else its finaliser warns of a consumer left open
    parts = (consumer._fetcher, consumer._coordinator)  # noqa: SLF001  # whose coroutines run
    await _end(consumer._client, (consumer, *parts))  # noqa: SLF001  # no public name


def _batches(accumulator: Any) -> set[Any]:
    queues = accumulator._batches.values()  # noqa: SLF001  # no public name
    return accumulator._pending_batches.union(*queues)  # type: ignore[no-any-return]  # noqa: SLF001  # as above


def _read_waiters(failed: Iterable[MessageBatch]) -> None:
    """Failing a batch fails this future too, and one that nobody reads is reported as a bug."""
    for batch in failed:
        if batch._drain_waiter.done():  # noqa: SLF001  # no public name
            batch._drain_waiter.exception()  # noqa: SLF001  # as above


async def answer(request: asyncio.Task[T]) -> T:
    """Wait for `request` to a broker; cancelled meanwhile, it ends the request too.

    Raises what the request ends with, and `KafkaConnectionError` when its client was abandoned.
    """
    try:
        return await asyncio.shield(request)
    except asyncio.CancelledError:
        waiting = asyncio.current_task()
        if request.cancelled() and waiting is not None and not waiting.cancelling():
            # Abandoning a client cancels its requests, which must not end the one who asked.
            raise KafkaConnectionError("the client was abandoned") from None
        await _cancel_request(request)
        raise


async def _cancel_request(request: asyncio.Task[Any]) -> None:
    """Cancel a request to a broker, and cut the connection that it may have been opening.

    aiokafka itself only begins to close such a connection, and then nobody holds it any more: over
    TLS it stays until the broker has answered, and longer if it does not.
    """
    for connection in _opening(request):
        _abort(connection)
    request.cancel()
    await asyncio.wait([request])
    if not request.cancelled():
        request.exception()  # it may say that its connection is gone, which nobody asks any more


def _opening(task: asyncio.Task[Any]) -> list[AIOKafkaConnection]:
    """Return the connections that `task` is opening, found in what it waits for."""
    found = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        myself = None if frame is None else frame.f_locals.get("self")
        if isinstance(myself, AIOKafkaConnection) and myself not in found:
            found.append(myself)
        awaited = getattr(awaited, "cr_await", None)
    return found


def _abort(connection: AIOKafkaConnection) -> asyncio.Future[None] | None:
    # close() alone flushes first, and a broker that has stopped reading keeps the socket open.
    if connection._writer is not None:  # noqa: SLF001  # no public name
        transport = connection._writer.transport  # noqa: SLF001  # as above
        _forget_unsent(transport)
        transport.abort()
    closing: asyncio.Future[None] | None = connection.close()
    return closing


def _forget_unsent(transport: asyncio.WriteTransport) -> None:
    """Let the kernel drop what the peer has not confirmed, when the socket is closed.

    Otherwise it goes on sending for minutes, and a network that heals lets through what was given
    up.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:  # one that is closed has sent its last
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _end(client: AIOKafkaClient, owners: tuple[object, ...]) -> None:
    tasks, closing = _cut(client, owners)
    synchronising = client._sync_task  # noqa: SLF001  # it is among the tasks, unless it has ended
    client._sync_task = None  # noqa: SLF001  # as above
    if synchronising is not None and synchronising.done() and not synchronising.cancelled():
        synchronising.exception()  # read here: nobody else does
    if tasks or closing:
        await asyncio.wait([*tasks, *closing], timeout=CLOSING)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()


def _cut(
    client: AIOKafkaClient, owners: tuple[object, ...]
) -> tuple[list[asyncio.Task[Any]], list[asyncio.Future[None]]]:
    """Let nothing out any more; return what has yet to end. Does not await: nobody runs between."""
    current = asyncio.current_task()
    tasks = [
        task
        for task in asyncio.all_tasks()
        if task is not current and _runs_for(task, (client, *owners))
    ]
    connections = list(client._conns.values())  # noqa: SLF001  # no public name
    for task in tasks:
        connections += _opening(task)
    closing = [_abort(connection) for connection in connections]
    for task in tasks:
        task.cancel()
    return tasks, [future for future in closing if future is not None]


def _runs_for(task: asyncio.Task[Any], owners: tuple[object, ...]) -> bool:
    """Tell whether the task's coroutine is a method of one of `owners`.

    aiokafka keeps no list of its tasks: those of produce requests are a local of the sender. Parts
    of a client that never started are None, and belong to nobody.
    """
    frame = getattr(task.get_coro(), "cr_frame", None)
    myself = None if frame is None else frame.f_locals.get("self")
    return myself is not None and any(myself is owner for owner in owners)
