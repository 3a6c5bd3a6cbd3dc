"""The end of idempotency keys, which both stores have to reach whatever number there is of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gateway.cases.store import Key
from tests.cases.samples import a_case

if TYPE_CHECKING:
    from gateway.cases.store import CaseStore

PAST = datetime.now(UTC) - timedelta(hours=1)
LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize("kind", ["reserved", "held"])
async def test_more_expired_keys_than_fit_at_a_time_go_in_turns(
    store: CaseStore, kind: str
) -> None:
    for number in range(5):
        key = Key("app", "permit.apply", f"made-up-{number}")
        expires_at = LATER if number == 4 else PAST
        if kind == "reserved":
            await store.reserve(key, b"print", a_case(), expires_at)
        else:
            await store.hold(key, b"print", expires_at)
    assert [await store.sweep_keys(3) for _ in range(3)] == [3, 1, 0]
    kept = Key("app", "permit.apply", "made-up-4")
    if kind == "reserved":
        assert not (await store.reserve(kept, b"print", a_case(), LATER)).first
    else:
        assert not (await store.hold(kept, b"print", LATER)).first
