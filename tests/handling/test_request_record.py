from __future__ import annotations

from gateway.handling.request_record import RequestRecord


def test_a_record_begins_with_nothing_known() -> None:
    record = RequestRecord(5.0, "GET")
    assert (record.arrived, record.method) == (5.0, "GET")
    assert {record.request_id, record.trace_id, record.channel} == {"-"}
    assert record.department_time is None
    assert (record.in_flight, record.ticket, record.attempts) == (False, 0, 0)


def test_a_record_takes_no_attribute_that_it_does_not_know() -> None:
    assert not hasattr(RequestRecord(0.0, "GET"), "__dict__")
