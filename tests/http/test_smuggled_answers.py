"""Smuggling from inside, on real sockets: a caller gets its own whole answer or none, and the next
caller gets nothing of it.

Every case is sent in one packet and byte by byte; how the network cuts it must not matter.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.doubles import origin as act
from tests.doubles.caller import BrokenOffError, Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.origin import Answer, Origin, reply, script
from tests.http.smuggling_answers import CASES, Case
from tests.whole.scraping import Samples, until_scraped


def written(case: Case, way: str) -> Answer:
    send = act.drip(case.wire) if way == "by bytes" else act.send(case.wire)
    return script(act.body, send, *([case.end] if case.end else []))


def test_every_case_has_its_own_name() -> None:
    assert len(CASES) > 60
    assert Counter(case.name for case in CASES).most_common(1)[0][1] == 1


WAYS = [(case, way) for case in CASES for way in ("whole", "by bytes")]
SMALL = [(case, way) for case, way in WAYS if way == "whole" or len(case.wire) < 1000]


@pytest.mark.parametrize(("case", "way"), SMALL, ids=lambda part: getattr(part, "name", part))
async def test_an_answer_reaches_its_own_caller_whole_or_not_at_all(case: Case, way: str) -> None:
    first, later = [written(case, way), reply(b"reused")], [reply(b"new")]
    async with Origin.by_connection(first, later) as origin:
        text = routes_text(http_service("edu.payment", origin.url, retry="{attempts: 1}"))
        async with running_gateway(text) as running:
            async with Caller(running.entry_port) as caller:
                late = case.seen_late and way == "by bytes"
                assert await outcome(caller, case) == (200 if late else case.status, case.body)
            async with Caller(running.entry_port) as other:
                answer = await other.ask("GET", "/s/edu.payment", WITH_KEY)
                assert answer.body == (b"reused" if case.kept else b"new")
            counted = await until_scraped(running.ops_port, two_are_counted)
            assert set(counted.causes()) == {case.cause, "none"}


def two_are_counted(samples: Samples) -> bool:
    return sum(samples.causes().values()) == 2


async def outcome(caller: Caller, case: Case) -> tuple[int, bytes | None]:
    try:
        answer = await caller.ask(case.method, "/s/edu.payment", WITH_KEY)
    except BrokenOffError as broken:
        return broken.response.status if broken.response else 0, None
    if case.body is None:
        assert answer.json()["cause"] == case.cause
        return answer.status, None
    return answer.status, answer.body
