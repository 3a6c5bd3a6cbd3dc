"""One door, two transports: the same entry answers for an HTTP and for a Kafka department."""

from __future__ import annotations

from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.origin import Origin, reply

CARD = """
edu.card:
  title: 补卡
  department: hrss
  kafka: {topic: cards, mode: accept, key: header:X-Subject}
"""


async def test_a_caller_reaches_both_over_one_connection(bootstrap: str) -> None:
    async with Origin(reply(b"paid")) as origin:
        text = routes_text(http_service("edu.payment", origin.url, http_path="/api"), CARD)
        async with (
            running_gateway(text, kafka=bootstrap) as running,
            Caller(running.entry_port) as caller,
        ):
            paid = await caller.ask("GET", "/s/edu.payment/orders?id=1", WITH_KEY)
            receipt = await accepted(caller)
    assert (paid.status, paid.body) == (200, b"paid")
    assert origin.requests[0].target == "/api/orders?id=1"
    assert origin.requests[0].value("x-api-key") is None
    assert receipt["durability"] == "kafka"


async def accepted(caller: Caller) -> dict[str, object]:
    """The receipt, once the producer has connected in the background."""
    headers = {**WITH_KEY, "X-Subject": "DEMO-0001"}
    while (answer := await caller.ask("POST", "/s/edu.card", headers, b"{}")).status == 503:
        pass
    assert answer.status == 202
    receipt: dict[str, object] = answer.json()
    return receipt
