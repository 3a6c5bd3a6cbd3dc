"""Who is told of a case: the channel that submitted it, when it registered a callback."""

from __future__ import annotations

from gateway.cases.case import State
from gateway.handling.channel_callbacks import ChannelCallbacks
from tests.cases.samples import NOON, a_case
from tests.doubles.gateway import http_service, routes_text
from tests.handling.snapshots import snapshot

CALLBACK = "callback: {url: 'https://app.example/told', secret: env:MADE_UP}"


async def callbacks() -> ChannelCallbacks:
    """Of two channels, app wants to be told."""
    service = http_service("edu.any", "http://127.0.0.1:1")
    live = await snapshot(routes_text(service, channels={"app": CALLBACK}))
    return ChannelCallbacks(lambda: live)


async def test_the_channel_that_submitted_is_told_of_the_state() -> None:
    case = a_case(channel="app", state=State.ANSWERED)
    told = (await callbacks()).made_for(case)
    assert told is not None
    assert told[1:] == (case.id, "app", State.ANSWERED, NOON, 0)
    assert told.id.startswith("msg_")


async def test_each_change_has_an_id_of_its_own() -> None:
    made = await callbacks()
    case = a_case(channel="app")
    ids = {told.id for _ in range(100) if (told := made.made_for(case)) is not None}
    assert len(ids) == 100


async def test_a_channel_without_a_callback_is_not_told() -> None:
    made = await callbacks()
    for channel in ("media", "left-the-file"):
        case = a_case(channel=channel)
        assert not made.wanted(case)
        assert made.made_for(case) is None
    assert made.wanted(a_case(channel="app"))
