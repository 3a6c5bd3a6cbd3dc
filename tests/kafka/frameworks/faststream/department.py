"""A department with FastStream, as its users write one: nothing here knows of a gateway but that
an answer may carry its HTTP status in the header `status`.
"""

# FastStream stands in an environment of its own, where mypy does not see it:
# mypy: disable-error-code="import-not-found, untyped-decorator"

import asyncio
import sys
from typing import Any

from faststream import Header
from faststream.kafka import KafkaBroker, KafkaResponse

BOOTSTRAP, TOPIC = sys.argv[1:]

broker = KafkaBroker(BOOTSTRAP)


@broker.subscriber(TOPIC, group_id=TOPIC, auto_offset_reset="earliest")
async def account(
    asked: dict[str, str],
    method: str = Header("ce_httpmethod"),
    path: str = Header("ce_httppath"),
    query: str = Header("ce_httpquery"),
) -> Any:
    """Answer a question; who asked says where to."""
    if not asked["subject"]:
        return KafkaResponse({"error": "no account"}, headers={"status": "404"})
    http = {"method": method, "path": path, "query": query}
    return {"subject": asked["subject"], "monthsPaid": 214, **http}


async def main() -> None:
    """Run until the standard input ends."""
    async with broker:
        await broker.start()
        print("ready", flush=True)  # noqa: T201  # what the test waits for
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
