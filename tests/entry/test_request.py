"""From what came over the wire to a `ServiceRequest`: the rules of the door."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from gateway import errors
from gateway.entry.forwarded import ForwardedFields
from gateway.entry.request import CONSUMED, RequestReader
from gateway.errors import Cause, Fault
from gateway.message import RawHeaders, ServiceRequest, WholeBody

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOST = (b"Host", b"app.test")


@dataclass
class Wire:
    """A request as the door sees it."""

    target: str
    headers: RawHeaders
    method: str = "GET"
    body: WholeBody = field(default_factory=lambda: WholeBody(b""))
    peer: str = "192.0.2.1"
    arrived: float = 7.0


def read(*fields: tuple[bytes, bytes], target: str = "/s/a.b/x?q") -> ServiceRequest:
    return RequestReader(ForwardedFields(())).read(Wire(target, (HOST, *fields)))[0]


def cause(*fields: tuple[bytes, bytes], target: str = "/s/a.b/x?q") -> Cause:
    with pytest.raises(Fault) as caught:
        read(*fields, target=target)
    return caught.value.cause


def passed(request: ServiceRequest) -> dict[str, str]:
    lines = request.fields.decode("latin-1").removesuffix("\r\n").split("\r\n")
    found = dict(line.split(": ", 1) for line in lines)
    assert len(found) == len(lines), "a field was written twice"
    return found


def test_a_request_is_read() -> None:
    request = read((b"X-Api-Key", b"secret"), (b"Accept", b"*/*"))
    assert (request.service_id, request.method, request.path, request.query) == (
        "a.b", "GET", "/x", "q",
    )  # fmt: skip
    assert (request.api_key, request.arrived) == (b"secret", 7.0)


def test_what_the_department_gets() -> None:
    request = read((b"X-Api-Key", b"secret"), (b"Accept", b"*/*"), (b"Connection", b"close"))
    assert passed(request) == {
        "Accept": "*/*",
        "Forwarded": 'for=192.0.2.1;host="app.test";proto=http',
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "app.test",
        "Via": "1.1 gateway",
        "X-Request-Id": request.request_id,
        "traceparent": request.traceparent.decode(),
    }


def test_a_via_of_earlier_hops_stays_before_ours() -> None:
    request = read((b"Via", b"1.1 outer"))
    vias = re.findall(rb"Via: (.*)\r\n", request.fields)
    assert vias == [b"1.1 outer", b"1.1 gateway"]


@pytest.mark.parametrize("name", CONSUMED)
def test_what_the_door_consumes_is_never_passed_as_it_came(name: bytes) -> None:
    value = {b"expect": b"100-continue", b"x-service-id": b"a.b"}.get(name, b"made-up.test")
    fields = ((name, value),)
    wire = Wire("/s/a.b", fields if name == b"host" else (HOST, *fields))
    request, _ = RequestReader(ForwardedFields(())).read(wire)
    assert b"\n%b: made-up.test" % name not in b"\n" + request.fields.lower().replace(
        b"x-forwarded-host", b""
    ).replace(b"x-request-id", b"")


@pytest.mark.parametrize("name", [b"X-Api-Key", b"X-Service-Id", b"Expect", b"Host"])
def test_what_decides_must_not_come_twice(name: bytes) -> None:
    assert cause((name, b"a"), (name.upper(), b"a")) is errors.HEADER_REFUSED


@pytest.mark.parametrize("given", [b"a", b"A.b_c-9", b"x" * 128])
def test_the_callers_request_id_is_kept(given: bytes) -> None:
    assert read((b"X-Request-Id", given)).request_id == given.decode()


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a;b", b"\xff", b"a/b", None])
def test_any_other_request_id_is_replaced(given: bytes | None) -> None:
    fields = () if given is None else ((b"X-Request-Id", given),)
    assert re.fullmatch(r"[0-9a-f]{32}", read(*fields).request_id)


def test_two_request_ids_are_none() -> None:
    twice = ((b"X-Request-Id", b"a"), (b"X-Request-Id", b"b"))
    assert re.fullmatch(r"[0-9a-f]{32}", read(*twice).request_id)


def test_the_callers_trace_goes_on_with_a_span_of_ours() -> None:
    request = read((b"Traceparent", TRACE), (b"tracestate", b"a=1"), (b"Tracestate", b"b=2"))
    assert request.trace_id == "0af7651916cd43dd8448eb211c80319c"
    told = passed(request)
    assert told["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert told["traceparent"] != TRACE.decode()
    assert [part.strip() for part in told["tracestate"].split(",")] == ["a=1", "b=2"]


def test_a_broken_trace_is_started_anew_without_its_state() -> None:
    request = read((b"traceparent", TRACE), (b"traceparent", TRACE), (b"tracestate", b"a=1"))
    assert request.trace_id != "0af7651916cd43dd8448eb211c80319c"
    assert "tracestate" not in passed(request)


@pytest.mark.parametrize(("expect", "waits"), [(None, False), (b"100-continue", True),
                                               (b"100-Continue", True)])  # fmt: skip
def test_a_caller_may_wait_for_continue(expect: bytes | None, *, waits: bool) -> None:
    fields = () if expect is None else ((b"Expect", expect),)
    reader = RequestReader(ForwardedFields(()))
    assert reader.read(Wire("/s/a.b", (HOST, *fields)))[1] is waits


@pytest.mark.parametrize("expect", [b"", b"200-ok", b"100-continue, x"])
def test_any_other_expectation_is_refused(expect: bytes) -> None:
    assert cause((b"Expect", expect)) is errors.EXPECTATION_FAILED


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://app.test/s/a.b", b"app.test"),
        ("http://APP.test:80/s/a.b", b"app.test"),
        ("https://app.test/s/a.b", b"app.test:443"),
    ],
)
def test_a_target_in_absolute_form_agrees_with_host(target: str, host: bytes) -> None:
    reader = RequestReader(ForwardedFields(()))
    assert reader.read(Wire(target, ((b"Host", host),)))[0].service_id == "a.b"


def test_a_target_in_absolute_form_names_the_host_when_nothing_else_does() -> None:
    request, _ = RequestReader(ForwardedFields(())).read(Wire("http://app.test/s/a.b", ()))
    assert passed(request)["X-Forwarded-Host"] == "app.test"


@pytest.mark.parametrize("target", ["http://other.test/s/a.b", "http://app.test:8080/s/a.b"])
def test_a_target_and_a_host_that_disagree_are_refused(target: str) -> None:
    assert cause(target=target) is errors.MALFORMED_REQUEST


def test_a_refused_request_has_its_ids_all_the_same() -> None:
    reader = RequestReader(ForwardedFields(()))
    named = reader.identify(((b"X-REQUEST-ID", b"mine"), (b"traceparent", TRACE)))
    assert named == ("mine", "0af7651916cd43dd8448eb211c80319c")
    assert reader.identify(())[1] != reader.identify(())[1]


@pytest.mark.parametrize(
    "name",
    ["X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method"],
)
def test_nobody_can_give_the_department_another_path_or_method_than_was_admitted(name: str) -> None:
    assert name not in passed(read((name.encode(), b"/admin")))
