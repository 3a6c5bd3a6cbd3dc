"""A body on its way, without a network: what is fed, what is read, when the connection is held."""

from __future__ import annotations

import asyncio

import pytest

from gateway import errors
from gateway.errors import Fault
from gateway.http.bodies import ANSWER_BODY, BUFFER, REQUEST_BODY, BodyRules, WireBody
from gateway.http.connection import Connection, Hold
from gateway.sweep import Sweep

RULES = [REQUEST_BODY, ANSWER_BODY]


class Holds(Connection):
    """A connection of which only the holds are looked at."""

    @property
    def held(self) -> bool:
        return bool(self._holds & Hold.BODY)


def body_of(
    length: int | None = None, rules: BodyRules = REQUEST_BODY
) -> tuple[WireBody, Holds, Sweep]:
    loop = asyncio.get_running_loop()
    connection, sweep = Holds(loop), Sweep(loop)
    return WireBody(connection, length, sweep, rules), connection, sweep


async def read_in_turn(body: WireBody) -> asyncio.Task[bytes]:
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    return reading


async def test_what_is_here_is_read_at_once_and_joined() -> None:
    body, _, _ = body_of()
    body.feed(b"a")
    body.feed(b"b")
    assert await body.read() == b"ab"
    body.finish()
    assert await body.read() == b""
    assert body.taken == 2


async def test_a_reader_waits_for_the_sender_and_says_so() -> None:
    body, _, sweep = body_of()
    assert not body.waiting
    reading = await read_in_turn(body)
    assert body.waiting
    body.feed(b"a")
    assert await reading == b"a"
    assert not body.waiting
    sweep.close()


async def test_the_rest_is_available_once_the_end_is_here() -> None:
    body, _, _ = body_of()
    body.feed(b"a")
    assert body.read_available() is None
    body.finish()
    assert body.read_available() == b"a"


async def test_the_connection_is_held_while_the_reader_is_behind() -> None:
    body, connection, _ = body_of()
    body.feed(b"x" * BUFFER)
    assert not connection.held
    body.feed(b"x")
    assert connection.held
    await body.read()
    assert not connection.held


async def test_at_the_limit_it_passes_and_beyond_it_it_is_too_large() -> None:
    body, _, _ = body_of()
    body.limit = 3
    body.feed(b"abc")
    assert await body.read() == b"abc"
    body.feed(b"d")
    with pytest.raises(Fault) as caught:
        await body.read()
    assert caught.value.cause is errors.BODY_TOO_LARGE


async def test_the_sender_is_asked_for_it_once_before_the_first_wait() -> None:
    body, _, sweep = body_of()
    asked: list[bool] = []
    body.awaited = lambda: asked.append(True)
    for _ in range(2):
        reading = await read_in_turn(body)
        body.feed(b"a")
        await reading
    assert asked == [True]
    sweep.close()


async def test_a_sender_is_not_asked_for_what_is_here() -> None:
    body, _, _ = body_of()
    body.awaited = lambda: pytest.fail("it was asked for")
    body.feed(b"a")
    await body.read()


@pytest.mark.parametrize(
    ("rules", "broken", "sent"),
    [(REQUEST_BODY, errors.BODY_INCOMPLETE, False), (ANSWER_BODY, errors.ANSWER_INCOMPLETE, True)],
)
async def test_a_sender_that_breaks_off(
    rules: BodyRules, broken: errors.Cause, *, sent: bool
) -> None:
    body, _, sweep = body_of(3, rules)
    body.feed(b"a")
    body.break_off()
    for _ in range(2):
        with pytest.raises(Fault) as caught:
            await body.read()
        assert (caught.value.cause, caught.value.may_have_been_sent) == (broken, sent)
    assert body.read_available() is None
    sweep.close()


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("rules", "stalled"),
    [(REQUEST_BODY, errors.BODY_TIMEOUT), (ANSWER_BODY, errors.ANSWER_TIMEOUT)],
)
async def test_a_sender_that_is_silent_for_15_seconds(
    rules: BodyRules, stalled: errors.Cause
) -> None:
    body, _, sweep = body_of(3, rules)
    start = sweep.time()
    with pytest.raises(Fault) as caught:
        await body.read()
    assert caught.value.cause is stalled
    assert 15 <= sweep.time() - start < 15.2
    sweep.close()


async def test_what_is_complete_cannot_break_any_more() -> None:
    body, _, _ = body_of()
    body.feed(b"a")
    body.finish()
    body.break_off()
    assert await body.read() == b"a"


async def test_how_long_readers_waited_is_known_also_while_they_wait() -> None:
    now = 0.0
    sweep = Sweep(asyncio.get_running_loop(), lambda: now)
    body = WireBody(Holds(asyncio.get_running_loop()), None, sweep, REQUEST_BODY)
    body.feed(b"a")
    assert await body.read() == b"a"
    assert body.waited == 0.0
    reading = await read_in_turn(body)
    now = 3.0
    assert body.waited == 3.0
    body.feed(b"b")
    assert await reading == b"b"
    now = 4.0
    assert body.waited == 3.0
    sweep.close()
