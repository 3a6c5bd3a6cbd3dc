"""The question whether there are brokers: any of them may answer it, and the first answer counts.

Room rule: one broker that hangs is not an outage, and records that wait for their acknowledgement
are none either. aiokafka's own refresh of metadata asks one broker after the other, waits for each
as long as a request may take, and shares its connection with the records; a broker takes the
requests of one connection one at a time. So the question has connections of its own.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from gateway.kafka.aiokafka_internals import answer, is_open

if TYPE_CHECKING:
    from aiokafka.client import AIOKafkaClient

__all__ = ["PROBE_TIMEOUT", "any_broker_answers"]

PROBE_TIMEOUT: Final = 2.0
"""Seconds, chosen, that the brokers have to answer."""

_OWN: Final = ConnectionGroup.COORDINATION


async def any_broker_answers(client: AIOKafkaClient, limit: float = PROBE_TIMEOUT) -> bool:
    """Ask the brokers that `client` knows for no topics; false when none answers in `limit` s."""
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    closed = [node for node in nodes if not is_open(client, node, _OWN)]
    questions = [_answers(client, node) for node in nodes if node not in closed]
    questions.append(_one_opens(client, closed, limit))
    try:
        async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
            asking = [group.create_task(question, name="kafka-probe") for question in questions]
            for answered in asyncio.as_completed(asking):
                if await answered:
                    for task in asking:
                        task.cancel()
                    return True
    except TimeoutError:
        pass
    return False


async def _one_opens(client: AIOKafkaClient, nodes: list[int], limit: float) -> bool:
    """Ask one after the other: aiokafka opens one connection at a time, and one may hang."""
    for node in random.sample(nodes, len(nodes)):
        try:
            async with asyncio.timeout(limit / len(nodes)):
                if await _answers(client, node):
                    return True
        except TimeoutError:
            pass
    return False


async def _answers(client: AIOKafkaClient, node: int) -> bool:
    question = client.send(node, MetadataRequest([]), group=_OWN)
    request = asyncio.get_running_loop().create_task(question, name="kafka-question")
    try:
        await answer(request)
    except (KafkaError, OSError):
        return False
    return True
