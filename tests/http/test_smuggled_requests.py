"""Smuggling from outside, on real sockets: the department sees the one honest request or nothing.

Every case is sent in one packet and byte by byte; how the network cuts it must not matter.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.doubles.caller import Caller
from tests.doubles.gateway import http_service, routes_text, running_gateway
from tests.doubles.origin import Origin, Received, reply
from tests.http.smuggling_requests import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Send = Callable[[Caller, bytes], Coroutine[None, None, None]]


def seen(received: Received) -> bytes:
    return b"%b %b %b" % (
        received.method.encode(),
        received.target.encode(),
        bytes(received.body),
    )


def test_every_case_has_its_own_name() -> None:
    assert len(CASES) > 100
    assert Counter(case.name for case in CASES).most_common(1)[0][1] == 1


@pytest.mark.parametrize("send", [Caller.send, Caller.drip], ids=["whole", "by bytes"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_request_is_read_in_one_way_or_refused(case: Case, send: Send) -> None:
    async with Origin(reply(b"paid")) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            await send(caller, case.wire)
            if case.ends:
                caller.half_close()
            assert [(await caller.receive()).status for _ in case.answers] == list(case.answers)
            if case.closed:
                assert await caller.closed() == b""
            else:
                assert (await caller.ask("GET", "/s/edu.payment")).status == 401
    assert [seen(received) for received in origin.requests if received.complete] == [*case.seen]
