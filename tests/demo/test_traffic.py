from __future__ import annotations

from gateway.demo.callers import Callers
from gateway.demo.traffic import Call, mixture, rush, traffic
from tests.demo.scenes import HERE, routes
from tests.doubles.origin import Origin, reply


def test_every_granted_service_is_called_by_every_channel() -> None:
    callers = Callers.of(routes(), {}, HERE)
    seen = {
        (call.headers.get("X-Api-Key"), call.target.split("/")[2].split("?")[0])
        for call in mixture(callers)
    }
    for channel, service in callers.granted():
        assert (callers.keys[channel.id], service.id) in seen


def test_some_calls_are_wrong_on_purpose_and_most_are_not() -> None:
    callers = Callers.of(routes(), {}, HERE)
    calls = mixture(callers)
    wrong = [c for c in calls if c.headers.get("X-Api-Key") not in callers.keys.values()]
    assert {c.headers.get("X-Api-Key") for c in wrong} == {None, "wrong"}
    usual = sum(c.weight for c in calls if c not in wrong and "wait=" not in c.target)
    assert usual / sum(c.weight for c in calls) > 0.9


def test_a_rush_is_more_than_the_smallest_bucket_holds() -> None:
    callers = Callers.of(routes(), {}, HERE)
    crowd = rush(callers)
    assert len(crowd) > 40
    assert {call.headers["X-Api-Key"] for call in crowd} == {callers.keys["media"]}


async def test_the_load_runs_until_it_is_told_to_end() -> None:
    call = Call(1, "POST", "/s/edu.payment/orders", {"X-Api-Key": "k"}, '{"a": 1}')
    async with Origin(reply(b"ok")) as origin:
        async with traffic(origin.url, [call], []):
            await origin.until(lambda o: len(o.requests) >= 3)
        await origin.until(lambda o: o.open == 0)
    assert origin.requests[0].target == "/s/edu.payment/orders"
    assert origin.requests[0].value("x-api-key") == b"k"
    assert bytes(origin.requests[0].body) == b'{"a": 1}'


async def test_a_gateway_that_is_not_there_does_not_end_the_load() -> None:
    call = Call(1, "GET", "/", {})
    async with Origin(reply(b"ok")) as origin, traffic(origin.url, [call], [call]):
        await origin.until(lambda o: len(o.requests) >= 1)
        await origin.go_away()
        await origin.come_back()
        await origin.until(lambda o: len(o.requests) >= 3)
