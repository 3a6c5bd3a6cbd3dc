"""Idempotency keys, as every case store keeps them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gateway.cases.store import CaseStore, Key, StoredAnswer
from tests.cases.samples import HOUR, KEY, PUBLISHED, a_case

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    OpenAnother = Callable[[], Awaitable[CaseStore]]

PAID = StoredAnswer(201, b"Content-Type: text/plain\r\n", b"made-up \0 receipt")


def later() -> datetime:
    return datetime.now(UTC) + HOUR


def earlier() -> datetime:
    return datetime.now(UTC) - HOUR


# --- idempotency keys of Kafka services ---------------------------------------------------------


async def test_the_first_with_a_key_has_its_case_kept(store: CaseStore) -> None:
    case, until = a_case(), later()
    reservation = await store.reserve(KEY, b"body", case, until)
    assert (reservation.first, reservation.case_id) == (True, case.id)
    assert (reservation.fingerprint, reservation.expires_at) == (b"body", until)
    assert await store.find(case.id) == case


async def test_the_second_gets_the_case_of_the_first_and_what_its_body_was(
    store: CaseStore,
) -> None:
    first, second, until = a_case(), a_case(), later()
    await store.reserve(KEY, b"body", first, until)
    reservation = await store.reserve(KEY, b"another body", second, later())
    assert (reservation.first, reservation.case_id) == (False, first.id)
    assert (reservation.fingerprint, reservation.expires_at) == (b"body", until)
    assert await store.find(second.id) is None


@pytest.mark.parametrize(
    "other",
    [
        KEY._replace(channel="county-app"),
        KEY._replace(service="tax.pay"),
        KEY._replace(value="another made-up key"),
    ],
)
async def test_a_key_is_one_channel_s_for_one_service(store: CaseStore, other: Key) -> None:
    await store.reserve(KEY, b"body", a_case(), later())
    assert (await store.reserve(other, b"body", a_case(), later())).first


async def test_of_many_at_the_same_time_one_is_the_first(store: CaseStore) -> None:
    reservations = await asyncio.gather(
        *(store.reserve(KEY, b"body", a_case(), later()) for _ in range(20))
    )
    assert sum(reservation.first for reservation in reservations) == 1
    assert len({reservation.case_id for reservation in reservations}) == 1


async def test_a_key_is_free_again_when_it_has_expired(store: CaseStore) -> None:
    await store.reserve(KEY, b"body", a_case(), earlier())
    assert (await store.reserve(KEY, b"another body", a_case(), later())).first


async def test_a_released_key_is_free_and_its_case_is_gone(store: CaseStore) -> None:
    case = a_case()
    await store.reserve(KEY, b"body", case, later())
    await store.release(KEY)
    assert await store.find(case.id) is None
    assert await store.count() == {}
    assert (await store.reserve(KEY, b"body", a_case(), later())).first


async def test_a_released_key_leaves_a_case_that_went_on(store: CaseStore) -> None:
    case = a_case()
    await store.reserve(KEY, b"body", case, later())
    await store.apply(case.id, PUBLISHED)
    await store.release(KEY)
    assert await store.find(case.id) is not None


async def test_releasing_what_nobody_holds_does_nothing(store: CaseStore) -> None:
    await store.release(KEY)


async def test_keys_outlive_a_restart(store: CaseStore, open_another: OpenAnother) -> None:
    case = a_case()
    await store.reserve(KEY, b"body", case, later())
    await store.close()
    again = await open_another()
    assert (await again.reserve(KEY, b"body", a_case(), later())).case_id == case.id


# --- idempotency keys of HTTP services ----------------------------------------------------------


async def test_the_first_holds_the_key_and_the_second_sees_it_in_flight(store: CaseStore) -> None:
    until = later()
    first = await store.hold(KEY, b"body", until)
    second = await store.hold(KEY, b"another body", later())
    assert (first.first, first.answer, first.expires_at) == (True, None, until)
    assert (second.first, second.answer, second.expires_at) == (False, None, until)
    assert (first.fingerprint, second.fingerprint) == (b"body", b"body")


async def test_a_settled_key_gives_the_answer_until_its_own_expiry(store: CaseStore) -> None:
    settled = later() + HOUR
    await store.hold(KEY, b"body", later())
    await store.settle(KEY, PAID, settled)
    held = await store.hold(KEY, b"body", later())
    assert (held.first, held.answer, held.expires_at) == (False, PAID, settled)


async def test_a_key_settled_without_an_expiry_keeps_the_one_it_had(store: CaseStore) -> None:
    until = later()
    await store.hold(KEY, b"body", until)
    await store.settle(KEY, PAID)
    assert (await store.hold(KEY, b"body", later())).expires_at == until


async def test_a_key_settled_without_an_answer_is_free(store: CaseStore) -> None:
    await store.hold(KEY, b"body", later())
    await store.settle(KEY, None)
    assert (await store.hold(KEY, b"another body", later())).first


async def test_a_key_that_a_dead_gateway_held_is_free_after_its_time(store: CaseStore) -> None:
    await store.hold(KEY, b"body", earlier())
    held = await store.hold(KEY, b"another body", later())
    assert (held.first, held.fingerprint) == (True, b"another body")


async def test_an_expired_answer_is_not_given_again(store: CaseStore) -> None:
    await store.hold(KEY, b"body", later())
    await store.settle(KEY, PAID, earlier())
    held = await store.hold(KEY, b"body", later())
    assert (held.first, held.answer) == (True, None)


async def test_the_two_kinds_of_keys_do_not_meet(store: CaseStore) -> None:
    await store.hold(KEY, b"body", later())
    assert (await store.reserve(KEY, b"body", a_case(), later())).first
