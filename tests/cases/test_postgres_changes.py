"""What gateways write to each other about changed cases."""

from __future__ import annotations

from gateway.cases.postgres_changes import ANYTHING, Changes


def listening() -> tuple[Changes, list[str]]:
    changes, heard = Changes(), list[str]()
    changes.listen(heard.append)
    return changes, heard


def test_another_gateway_hears_all_ids() -> None:
    here, _ = listening()
    there, heard = listening()
    for payload in here.payloads(["a", "b"]):
        there.heard(payload)
    assert heard == ["a", "b"]


def test_one_s_own_notification_is_not_heard_twice() -> None:
    here, heard = listening()
    here.tell(["a"])
    for payload in here.payloads(["a"]):
        here.heard(payload)
    assert heard == ["a"]


def test_many_ids_go_in_payloads_that_postgresql_takes() -> None:
    here, _ = listening()
    there, heard = listening()
    ids = [f"{number:048x}" for number in range(1000)]
    payloads = here.payloads(ids)
    assert all(len(payload.encode()) < 8000 for payload in payloads)
    for payload in payloads:
        there.heard(payload)
    assert heard == ids


def test_nothing_changed_is_nothing_to_say() -> None:
    here, _ = listening()
    assert here.payloads([]) == []


def test_what_was_missed_is_anything() -> None:
    here, heard = listening()
    here.missed()
    assert heard == [ANYTHING]
