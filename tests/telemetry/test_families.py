from __future__ import annotations

import re

import pytest

from gateway.telemetry.families import FAMILIES, Family, describe

# The interface to dashboards and alert rules, written out once more on purpose.
INTERFACE = {
    "gateway_requests_total": ("counter", "service,channel,transport,cause"),
    "gateway_request_duration_seconds": ("histogram", "service"),
    "gateway_department_duration_seconds": ("histogram", "service"),
    "gateway_added_duration_seconds": ("histogram", "transport"),
    "gateway_requests_in_flight": ("gauge", "department"),
    "gateway_caller_connections": ("gauge", ""),
    "gateway_endpoint_up": ("gauge", "service,endpoint"),
    "gateway_breaker_state": ("gauge", "service"),
    "gateway_retries_total": ("counter", "service,result"),
    "gateway_rate_limited_total": ("counter", "channel"),
    "gateway_routes_reloads_total": ("counter", "result"),
    "gateway_routes_info": ("gauge", "digest"),
    "gateway_routes_loaded_timestamp_seconds": ("gauge", ""),
    "gateway_routes_age_seconds": ("gauge", ""),
    "gateway_routes_refused": ("gauge", "service"),
    "gateway_kafka_produce_duration_seconds": ("histogram", "service"),
    "gateway_replies_total": ("counter", "service,fate"),
    "gateway_kafka_connected": ("gauge", ""),
    "gateway_kafka_producer_restarts_total": ("counter", ""),
    "gateway_kafka_replies_positioned": ("gauge", "topic"),
    "gateway_kafka_reply_wait_seconds": ("histogram", "service"),
    "gateway_kafka_waits": ("gauge", "service"),
    "gateway_spool_up": ("gauge", ""),
    "gateway_spool_records": ("gauge", ""),
    "gateway_spool_bytes": ("gauge", ""),
    "gateway_spool_limit_bytes": ("gauge", ""),
    "gateway_spool_oldest_age_seconds": ("gauge", ""),
    "gateway_spool_commit_duration_seconds": ("histogram", ""),
    "gateway_spool_spooled_total": ("counter", "service,reason"),
    "gateway_spool_drained_total": ("counter", "service,result"),
    "gateway_spool_refused_total": ("counter", "service,reason"),
    "gateway_spool_wait_seconds": ("histogram", "service"),
    "gateway_replayed_possible_duplicates_total": ("counter", "service"),
    "gateway_cases": ("gauge", "service,state"),
    "gateway_cases_transitions_total": ("counter", "service,state"),
    "gateway_cases_rejected_total": ("counter", "service,reason"),
    "gateway_cases_expired_total": ("counter", "service"),
    "gateway_cases_swept_total": ("counter", ""),
    "gateway_cases_store_up": ("gauge", ""),
    "gateway_cases_store_duration_seconds": ("histogram", "operation"),
    "gateway_cases_read_total": ("counter", "channel,result"),
    "gateway_idempotency_total": ("counter", "service,result"),
    "gateway_callbacks_total": ("counter", "channel,result"),
    "gateway_dead_letters_total": ("counter", "service,reason"),
    "gateway_event_loop_lag_seconds": ("histogram", ""),
    "gateway_log_lines_dropped_total": ("counter", ""),
    "gateway_service_info": ("gauge", "service,department,transport"),
    "gateway_build_info": ("gauge", "version"),
}


def test_the_table_holds_exactly_these_series_with_these_types_and_labels() -> None:
    table = {family.name: (family.kind, ",".join(family.labels)) for family in FAMILIES}
    assert table == INTERFACE
    assert len(FAMILIES) == len(INTERFACE)


def test_the_description_gives_a_row_for_each_series() -> None:
    rows = [f"| `{f.name}` | {f.kind} | {', '.join(f.labels)} | {f.help} |" for f in describe()]
    assert len(rows) == len(INTERFACE)
    assert rows[-1] == (
        "| `gateway_build_info` | gauge | version | 1 for the version of the gateway that runs. |"
    )


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_series_follows_the_naming_rules_of_prometheus(family: Family) -> None:
    assert re.fullmatch(r"gateway_[a-z]+(_[a-z]+)*", family.name)
    assert (family.kind == "counter") == family.name.endswith("_total")
    assert family.help.endswith(".")
    assert "\n" not in family.help
    assert "\\" not in family.help


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_only_histograms_have_buckets_and_these_rise(family: Family) -> None:
    assert (family.kind == "histogram") == bool(family.buckets)
    assert list(family.buckets) == sorted(set(family.buckets))


def test_the_unit_is_the_suffix_of_the_name_of_the_family() -> None:
    for family in FAMILIES:
        suffix = family.name.rpartition("_")[2]
        assert family.unit == (suffix if suffix in {"seconds", "bytes"} else "")
