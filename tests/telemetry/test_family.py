from __future__ import annotations

import pytest

from gateway.telemetry.family import (
    ADDED_SECONDS,
    HTTP_SECONDS,
    LAG_SECONDS,
    LONG_SECONDS,
    Family,
)


@pytest.mark.parametrize("buckets", [ADDED_SECONDS, HTTP_SECONDS, LAG_SECONDS, LONG_SECONDS])
def test_buckets_rise(buckets: tuple[float, ...]) -> None:
    assert list(buckets) == sorted(set(buckets))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("gateway_wait_seconds", "seconds"),
        ("gateway_records", ""),
        ("gateway_spool_bytes", "bytes"),
    ],
)
def test_the_unit_is_the_suffix_of_the_name(name: str, unit: str) -> None:
    assert Family(name, "gauge", (), "Help.").unit == unit
