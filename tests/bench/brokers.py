"""The brokers of a measurement: named ones, a real node started here, or the embedded one.

`KAFKA_BOOTSTRAP` names brokers; `KAFKA_JARS` is the folder with Apache Kafka's jars, of which one
node is then started on the load's core, so that the gateway's own stays the gateway's.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from gateway.demo.broker import EmbeddedBroker
from tests.loss.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["are_real", "brokers"]


def are_real() -> bool:
    """Whether the environment gives real ones."""
    return bool(os.environ.get("KAFKA_BOOTSTRAP") or os.environ.get("KAFKA_JARS"))


@asynccontextmanager
async def brokers() -> AsyncIterator[tuple[str, str]]:
    """Their address, and what to say of them beside the figures."""
    named, jars = os.environ.get("KAFKA_BOOTSTRAP"), os.environ.get("KAFKA_JARS")
    if named:
        yield named, "The brokers of KAFKA_BOOTSTRAP"
    elif jars:
        with TemporaryDirectory(prefix="gateway-bench-kafka-") as place:
            async with Cluster(Path(jars), Path(place), 1) as cluster:
                yield cluster.direct, f"One node of {_version(Path(jars))}, on the load's core"
    else:
        async with EmbeddedBroker() as broker:
            yield broker.bootstrap, "The embedded broker (in memory, on the load's core)"


def _version(jars: Path) -> str:
    """The name with the version that the broker's own jar says: `kafka_2.13-3.9.1.jar`."""
    server = next(jars.glob("kafka_*.jar"), Path())
    return " ".join(("Apache Kafka", server.stem.partition("-")[2])).strip()
