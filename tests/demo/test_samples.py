from __future__ import annotations

from gateway.demo.samples import Sample, samples, slowed
from gateway.routing.model import KafkaMode
from tests.demo.scenes import a_kafka_service, a_service, routes


def test_a_known_service_is_asked_for_what_it_does() -> None:
    found = samples(a_service("edu.payment"), "DEMO-0002")
    assert [(s.method, s.rest) for s in found] == [
        ("GET", "/orders?pupil=DEMO-0002"),
        ("POST", "/orders"),
    ]
    assert "DEMO-0002" in (found[1].body or "")


def test_a_sample_uses_a_method_that_the_service_takes() -> None:
    assert [s.method for s in samples(a_service("edu.payment", methods=("POST",)))] == ["POST"]
    assert [s.method for s in samples(a_service("x", methods=("DELETE",)))] == ["DELETE"]


def test_the_key_of_the_records_is_part_of_the_request() -> None:
    services = routes().services
    assert ("X-Subject", "DEMO-0001") in samples(services["hrss.card"])[0].headers
    assert samples(services["hrss.pension"])[0].rest == "?subject=DEMO-0001"


def test_an_unknown_service_that_accepts_is_given_a_body() -> None:
    accepting = a_kafka_service("other", KafkaMode.ACCEPT, None)
    assert samples(accepting)[0].method == "POST"


def test_a_slowed_request_asks_for_more_than_the_timeout() -> None:
    service = a_service("edu.payment", timeout=3.0)
    assert slowed(service, Sample("GET", "/a?b=1")).rest == "/a?b=1&wait=4"
    assert slowed(service, Sample("GET", "/a")).rest == "/a?wait=4"
