"""Admission: the order of its questions, and what each of them refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.handling.admission import ADMISSION_STEPS, admit
from gateway.handling.request_record import RequestRecord
from gateway.message import WholeBody
from tests.doubles.gateway import APP_KEY, MEDIA_KEY
from tests.handling.snapshots import NOW, a_request, snapshot

if TYPE_CHECKING:
    from gateway.handling.live_routes import LiveRoutes
    from gateway.message import ServiceRequest

TEXT: Final = """\
version: 1
departments:
  edu: {name: 演示教育局, max_in_flight: 1}
  hrss: {name: 演示人社局, max_in_flight: 1}
channels:
  app: {keys: [env:APP, env:APP_NEXT], services: ["*"], rate: 2/s, burst: 2}
  media: {keys: [env:MEDIA], services: ["edu.*", hrss.card], rate: 60/m, burst: 1}
  nobody: {keys: [env:NOBODY], services: [edu.payment]}
services:
  edu.payment:
    title: 缴费
    department: edu
    methods: [GET, POST]
    max_body: 1KiB
    http: {endpoints: [http://127.0.0.1:1]}
  edu.school:
    title: 学校
    department: edu
    http: {endpoints: [http://127.0.0.1:1]}
  hrss.card:
    title: 补卡
    department: hrss
    http: {endpoints: [http://127.0.0.1:1]}
  hrss.pension:
    title: 养老金
    department: hrss
    methods: [GET]
    max_body: 1KiB
    http: {endpoints: [http://127.0.0.1:1]}
""".replace("edu.payment:", "edu.payment:").replace("1KiB", "1KiB")

NEXT_KEY: Final = "made-up-next-key-of-the-app"
KEYS: Final = {
    "app": (APP_KEY.encode(), NEXT_KEY.encode()),
    "media": (MEDIA_KEY.encode(),),
    "nobody": (b"made-up-key-of-nobody",),
}

CAUSE_OF: Final[dict[str, Cause]] = {
    "channel": errors.CREDENTIALS_WRONG,
    "service": errors.SERVICE_UNKNOWN,
    "grant": errors.NOT_GRANTED,
    "method": errors.METHOD_NOT_ALLOWED,
    "body size": errors.BODY_TOO_LARGE,
    "rate": errors.RATE_LIMITED,
    "in flight": errors.DEPARTMENT_BUSY,
}


async def live() -> LiveRoutes:
    return await snapshot(TEXT, KEYS)


def asked(routes: LiveRoutes, request: ServiceRequest, now: float = NOW) -> Cause | None:
    """The cause of the refusal, None when the request is let in."""
    try:
        admit(routes, request, RequestRecord(now, request.method), now)
    except Fault as fault:
        return fault.cause
    return None


async def refusal(request: ServiceRequest, routes: LiveRoutes | None = None) -> Fault:
    with pytest.raises(Fault) as caught:
        admit(routes or await live(), request, RequestRecord(NOW, request.method), NOW)
    return caught.value


def test_every_step_has_a_refusal_in_the_order_of_the_steps() -> None:
    assert tuple(CAUSE_OF) == ADMISSION_STEPS


@pytest.mark.parametrize("step", ADMISSION_STEPS)
async def test_the_refusal_of_a_step_wins_over_those_of_all_later_ones(step: str) -> None:
    routes = await live()
    wrong = set(ADMISSION_STEPS[ADMISSION_STEPS.index(step) :])
    channel = "app" if "grant" not in wrong else "media"
    if "rate" in wrong:
        for id_ in ("app", "media"):
            while not routes.channels[id_].bucket.take(NOW):
                pass
    for department in routes.departments.values():
        department.in_flight.enter()
    request = a_request(
        "hrss.nothing" if "service" in wrong else "hrss.pension",
        key="wrong" if "channel" in wrong else {"app": APP_KEY, "media": MEDIA_KEY}[channel],
        method="DELETE" if "method" in wrong else "GET",
        body=WholeBody(b"x" * 1025) if "body size" in wrong else None,
    )
    assert asked(routes, request) is CAUSE_OF[step]


async def test_a_good_request_is_let_in_counted_and_knows_its_limit() -> None:
    routes = await live()
    request = a_request(method="POST", body=WholeBody(b"x" * 1024))
    record = RequestRecord(NOW, "POST")
    runtime = admit(routes, request, record, NOW)
    assert (runtime.id, record.channel, record.service) == ("edu.payment", "app", runtime)
    assert request.body.limit == 1024
    assert record.in_flight
    assert routes.departments["edu"].in_flight.count == 1


@pytest.mark.parametrize("key", [None, ""])
async def test_a_key_that_is_missing_is_refused(key: str | None) -> None:
    assert (await refusal(a_request(key=key))).cause is errors.CREDENTIALS_MISSING


@pytest.mark.parametrize(
    "key", [APP_KEY[:-1], APP_KEY + "x", APP_KEY.upper(), "app", "env:APP", "\xff"]
)
async def test_a_key_that_is_wrong_is_refused(key: str) -> None:
    assert (await refusal(a_request(key=key))).cause is errors.CREDENTIALS_WRONG


@pytest.mark.parametrize("key", [APP_KEY, NEXT_KEY])
async def test_both_live_keys_open_the_door(key: str) -> None:
    assert asked(await live(), a_request(key=key)) is None


@pytest.mark.parametrize(
    ("service", "granted"),
    [("edu.payment", True), ("edu.school", True), ("hrss.card", True), ("hrss.pension", False)],
)
async def test_a_channel_reaches_what_an_id_or_a_pattern_grants_and_nothing_else(
    service: str, *, granted: bool
) -> None:
    cause = asked(await live(), a_request(service, key=MEDIA_KEY))
    assert cause is (None if granted else errors.NOT_GRANTED)


async def test_near_names_are_only_those_that_the_channel_may_call() -> None:
    routes = await live()
    for key, near in ((APP_KEY, ("hrss.pension",)), (MEDIA_KEY, ())):
        fault = await refusal(a_request("hrss.pensions", key=key), routes)
        assert (fault.cause, fault.nearest) == (errors.SERVICE_UNKNOWN, near)


async def test_a_refused_method_names_the_allowed_ones() -> None:
    assert (await refusal(a_request(method="DELETE"))).allow == ("GET", "POST")


async def test_a_stranger_takes_nothing_from_a_channels_rate() -> None:
    routes = await live()
    for request in (a_request(key="wrong"), a_request("no.such"), a_request(method="DELETE")):
        assert asked(routes, request) is not None
    assert routes.channels["app"].bucket.remaining(NOW) == 2


async def test_a_refusal_for_the_rate_tells_the_quota_and_when_to_come_again() -> None:
    routes = await live()
    assert asked(routes, a_request(key=MEDIA_KEY)) is None
    fault = await refusal(a_request(key=MEDIA_KEY), routes)
    assert (fault.cause, fault.quota) == (errors.RATE_LIMITED, (60, 60, 0))
    assert fault.retry_after == pytest.approx(1.0)
    assert asked(routes, a_request("hrss.card", key=MEDIA_KEY), NOW + 1.0) is None


async def test_what_is_refused_is_not_counted_in_flight() -> None:
    routes = await live()
    assert asked(routes, a_request()) is None
    record = RequestRecord(NOW, "GET")
    with pytest.raises(Fault, match="department_busy"):
        admit(routes, a_request("edu.school"), record, NOW)
    assert not record.in_flight
    assert routes.departments["edu"].in_flight.count == 1


async def test_one_busy_department_stops_nobody_else() -> None:
    routes = await live()
    assert asked(routes, a_request()) is None
    assert asked(routes, a_request("hrss.card"), NOW + 1.0) is None
