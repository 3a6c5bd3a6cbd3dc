"""A producer for a few records: for commands, not for the path.

Room rule: as `gateway.kafka`. One life of the same producer as the gateway's, acks of all in-sync
replicas; what it cannot send is a fault, and nothing is tried again behind the caller's back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from aiokafka.errors import KafkaError

from gateway.errors import BROKER_REFUSED, BROKER_TIMEOUT, Fault, StartError
from gateway.kafka.producer_life import OutOfSequence, ProducerLife

if TYPE_CHECKING:
    from types import TracebackType

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.record import Acknowledged, OutgoingRecord

__all__ = ["TopicWriter"]

REQUEST_TIMEOUT: Final = 10.0
SEND_TIMEOUT: Final = 15.0
DRAIN: Final = 1.0


class TopicWriter:
    """A connection to write with, as an async context.

    Entering raises `StartError` when the brokers cannot be reached.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._bootstrap = connection.bootstrap
        self._life = ProducerLife(connection.client_arguments(), request_timeout=REQUEST_TIMEOUT)

    async def __aenter__(self) -> Self:
        try:
            await self._life.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._life.end(0)
            raise StartError(
                f"Kafka cannot be reached at {self._bootstrap}: {str(error) or 'no answer in time'}"
            ) from error
        except asyncio.CancelledError:
            await self._life.end(0)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._life.end(DRAIN)

    async def send(self, record: OutgoingRecord) -> Acknowledged:
        """Produce `record`; raises `Fault`, which says whether it may have been sent."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                return await self._life.deliver(record)
        except OutOfSequence:
            raise Fault(BROKER_REFUSED) from None
        except TimeoutError:
            raise Fault(BROKER_TIMEOUT, may_have_been_sent=True) from None
