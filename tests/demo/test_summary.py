from __future__ import annotations

from gateway.demo.summary import summary

EXPOSITION = """\
# HELP gateway_requests_total Requests.
# TYPE gateway_requests_total counter
gateway_requests_total{service="edu.payment",channel="app",transport="http",cause="none"} 12.0
gateway_requests_total{service="edu.payment",channel="media",transport="http",cause="none"} 3
gateway_requests_total{service="edu.payment",channel="-",transport="http",cause="rate_limited"} 2.0
gateway_requests_total{service="-",channel="-",transport="-",cause="service_unknown"} 1.0
gateway_requests_in_flight{department="edu"} 4
"""


def test_it_counts_requests_by_service_and_cause() -> None:
    lines = summary(EXPOSITION).splitlines()
    assert lines[0] == "Summary: 18 requests"
    assert lines[1].split() == ["-", "service_unknown", "1"]
    assert lines[2].split() == ["edu.payment", "none", "15,", "rate_limited", "2"]


def test_nothing_happened() -> None:
    assert summary("") == "Summary: 0 requests"
