"""The plan of the faults: each kind happens, and none of them at a time that proves nothing."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.loss.schedule import HEALING, Kind, Plan, plan

RUNS = {
    "seed": st.integers(0, 1_000),
    "seconds": st.floats(20, 1_800),
    "kinds": st.sets(st.sampled_from(Kind), min_size=1),
    "brokers": st.sampled_from([1, 3]),
}


@given(**RUNS)
def test_every_kind_happens_and_no_other(
    seed: int, seconds: float, kinds: set[Kind], brokers: int
) -> None:
    planned = plan(seed, seconds, kinds, brokers)
    assert {fault.kind for track in planned for fault in track} == kinds


@given(**RUNS)
def test_within_a_track_a_fault_waits_until_the_last_one_is_healed(
    seed: int, seconds: float, kinds: set[Kind], brokers: int
) -> None:
    for track in plan(seed, seconds, kinds, brokers):
        for before, after in pairwise(track):
            assert before.at + before.lasts + HEALING[before.kind] <= after.at


@given(**RUNS)
def test_a_target_is_a_broker_that_there_is_and_never_all_are_killed(
    seed: int, seconds: float, kinds: set[Kind], brokers: int
) -> None:
    for fault in plan(seed, seconds, kinds, brokers).brokers:
        assert (1 if fault.kind is Kind.KILL_BROKER else 0) <= fault.target <= brokers


@given(seed=RUNS["seed"], seconds=RUNS["seconds"])
def test_the_gateway_is_killed_while_its_brokers_are_away(seed: int, seconds: float) -> None:
    planned = plan(seed, seconds, tuple(Kind), 1)
    outage, first = planned.brokers[0], planned.gateway[0]
    assert first.kind is Kind.KILL_GATEWAY
    assert outage.at < first.at < outage.at + outage.lasts


def test_the_same_seed_makes_the_same_plan() -> None:
    plans: list[Plan] = [plan(seed, 180, tuple(Kind), 3) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
