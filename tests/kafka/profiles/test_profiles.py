from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gateway.kafka.profiles import PROFILES, request_record
from gateway.kafka.record import OutgoingRecord
from gateway.message import HeaderLines
from gateway.routing import model
from tests.kafka.profiles.records import (
    ACCEPT,
    CALLER,
    DEADLINE,
    ID,
    NOW,
    REPLY,
    reply,
    request,
    sent,
)

if TYPE_CHECKING:
    from gateway.routing.model import KafkaBackend

NAMES = ("cloudevents", "spring", "nestjs", "smallrye", "zilla", "plain")


def test_these_are_all_and_the_routes_file_knows_them() -> None:
    assert tuple(PROFILES) == NAMES == model.PROFILES
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_what_its_services_profile_makes(name: str) -> None:
    what = request(CALLER, query="a=1&b=%20", tracestate=b"vendor=1")
    made = request_record(
        replace(REPLY, profile=name),
        what,
        b'{"a":1}',
        key=b"case-1",
        event_id=ID,
        now=NOW,
        deadline=DEADLINE,
    )
    assert made == OutgoingRecord(
        event_id=ID,
        service_id="hrss.pension",
        topic="hrss.pension.requests",
        key=b"case-1",
        value=b'{"a":1}',
        headers=tuple(sent(name)),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", [ACCEPT, REPLY], ids=lambda backend: str(backend.mode))
def test_every_record_has_its_id_and_no_header_twice(name: str, backend: KafkaBackend) -> None:
    headers = sent(name, backend)
    names = [header.lower() for header, _ in headers]
    assert dict(headers)["ce_id"] == ID.encode()
    assert len(names) == len(set(names))
    assert "ce_replayed" not in names


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_not_taken_for_its_own_reply(name: str) -> None:
    record = request_record(
        replace(REPLY, profile=name), request(), b"", key=None, event_id=ID, now=NOW
    )
    assert record.value == b""
    assert PROFILES[name].is_request(reply(*record.headers))


@pytest.mark.parametrize("name", NAMES)
def test_no_partition_is_named(name: str) -> None:
    assert not [header for header, _ in sent(name) if "partition" in header.lower()]


def test_header_lines_as_they_came_are_read_as_well() -> None:
    lines = HeaderLines([b"Content-Type:  text/plain ", b"X-Other: 1"])
    assert dict(sent("plain", what=request(lines)))["content-type"] == b"text/plain"
