"""The demo department of compose.yaml: answers the services of `routes/routes.yaml`.

Its people are made up. Over HTTP it listens on every address at port 9101; over Kafka it takes
requests from the two topics and replies where the request asks for it.
"""

from __future__ import annotations

import asyncio
import os
import signal

from gateway.demo.departments import departments
from gateway.demo.plan import HttpDoor, Plan, RequestTopic

PLAN = Plan(
    doors=(HttpDoor("edu.payment", "0.0.0.0", 9101, "/api/v2/pay"),),  # noqa: S104  # in a container
    topics=(
        RequestTopic("hrss.card-replacement", "hrss.card.requests", replies=False),
        RequestTopic("hrss.pension-query", "hrss.pension.requests", replies=True),
    ),
    bootstrap=os.environ["KAFKA"],
)


async def main() -> None:
    """Work until the container is stopped."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with departments(PLAN):
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main())
