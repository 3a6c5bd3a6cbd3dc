"""What a gateway finds on its disk when it starts: nothing is taken before that is known."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway.cases.case import Case, State, Step
from gateway.cases.identity import CaseIds
from gateway.cases.sqlite_store import SqliteStore
from gateway.cases.store import Key
from gateway.handling.idempotency_key import fingerprint
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.spool_row import RowState
from gateway.routing.model import KafkaMode
from gateway.serve import Gateway
from gateway.settings import Settings
from tests.doubles.caller import Caller
from tests.doubles.gateway import (
    ENVIRON,
    FREE,
    WITH_KEY,
    replace_file,
    routes_text,
    running_gateway,
)
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.ports import refusing_port
from tests.doubles.tcp_proxy import TcpProxy
from tests.handling.snapshots import a_request
from tests.whole.departments import accepting, connected, post, replying
from tests.whole.scraping import ask, until_scraped

if TYPE_CHECKING:
    from pathlib import Path

KEYED = {"X-Subject": "MADE-UP-0001", "Idempotency-Key": "made-up-crash"}


async def test_nobody_is_served_before_the_spool_is_open(tmp_path: Path) -> None:
    text = routes_text(accepting("cards"))
    data = tmp_path / "data"
    async with TcpProxy() as proxy:
        async with running_gateway(text, kafka=proxy.address, data=data) as running:
            await post(running, "/s/edu.card", {"X-Subject": "MADE-UP-0001"})
        settings = Settings(
            routes=replace_file(tmp_path / "routes.yaml", text),
            listen=FREE,
            ops=FREE,
            kafka=KafkaConnection(proxy.address),
            data=data,
            environ=ENVIRON,
        )
        gateway = Gateway(settings)
        (spool,) = (data / "spool").glob("*.db")
        with closing(sqlite3.connect(spool, timeout=5)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            starting = asyncio.create_task(gateway.start())
            async with asyncio.timeout(10):
                while not gateway.ops_address.port:  # noqa: ASYNC110  # a start tells nobody
                    await asyncio.sleep(0)
            for _ in range(5):  # long enough for a door that does not wait
                await ask(gateway.ops_address.port, "/livez")
            readiness = await ask(gateway.ops_address.port, "/readyz")
            served_before = gateway.entry_address.port
        try:
            await starting
            assert served_before == 0
            (serving,) = (c for c in readiness.json()["checks"] if c["name"] == "serving")
            assert (readiness.status, serving["ok"]) == (503, False)
            assert serving["reason"].startswith("starting")
            assert gateway.entry_address.port != 0
        finally:
            await gateway.drain_and_close()


async def test_a_case_that_its_store_has_lost_is_made_anew_of_what_lies_in_the_spool(
    embedded: str, tmp_path: Path
) -> None:
    topic, data = topic_name("cards"), tmp_path / "data"
    text = routes_text(accepting(topic))
    async with TcpProxy() as proxy:
        async with running_gateway(text, kafka=proxy.address, data=data) as running:
            receipt = (await post(running, "/s/edu.card", {"X-Subject": "MADE-UP-0001"})).json()
        with closing(sqlite3.connect(data / "cases.db")) as store, store:
            store.execute("DELETE FROM cases")
        await proxy.open(embedded)
        async with running_gateway(text, kafka=proxy.address, data=data) as running:
            await until_scraped(
                running.ops_port,
                lambda s: s.total("gateway_spool_drained_total", result="published") == 1,
            )
            async with Caller(running.entry_port) as caller:
                case = (await caller.ask("GET", receipt["status_url"], WITH_KEY)).json()
        (record,) = await records(embedded, topic)
    assert (case["state"], case["offset"]) == ("published", record.offset)
    assert case["accepted_at"] == receipt["accepted_at"]
    assert [step["state"] for step in case["history"]] == ["received", "spooled", "published"]


async def test_what_a_killed_gateway_may_have_sent_is_marked_and_its_case_says_so(
    embedded: str, tmp_path: Path
) -> None:
    topic, data = topic_name("cards"), tmp_path / "data"
    text = routes_text(accepting(topic))
    async with TcpProxy() as proxy:
        async with running_gateway(text, kafka=proxy.address, data=data) as running:
            sure, unsure = [
                (await post(running, "/s/edu.card", {"X-Subject": subject})).json()
                for subject in ("MADE-UP-0001", "MADE-UP-0002")
            ]
        (spool,) = (data / "spool").glob("*.db")
        with closing(sqlite3.connect(spool)) as killed, killed:
            mark = "UPDATE records SET state = ? WHERE event_id = ?"
            killed.execute(mark, (RowState.SENT, unsure["id"]))
        await proxy.open(embedded)
        async with running_gateway(text, kafka=proxy.address, data=data) as running:
            samples = await until_scraped(
                running.ops_port,
                lambda s: s.total("gateway_spool_drained_total", result="published") == 2,
            )
            async with Caller(running.entry_port) as caller:
                cases = [
                    (await caller.ask("GET", receipt["status_url"], WITH_KEY)).json()
                    for receipt in (sure, unsure)
                ]
        found = {dict(r.headers)["ce_id"].decode(): r for r in await records(embedded, topic)}
    marks = [dict(found[case["id"]].headers).get("ce_replayed") for case in (sure, unsure)]
    assert marks == [None, b"true"]
    assert [case["possible_duplicate"] for case in cases] == [False, True]
    assert samples.total("gateway_replayed_possible_duplicates_total", service="edu.card") == 1


async def test_a_key_whose_first_request_died_with_its_gateway_gives_no_empty_receipt(
    bootstrap: str, tmp_path: Path
) -> None:
    topic, data = topic_name("cards"), tmp_path / "data"
    store = SqliteStore(data / "cases.db")
    await store.open()
    now = datetime.now(UTC)
    case = Case(
        id=CaseIds(await store.secret()).new(),
        service="edu.card",
        department="hrss",
        channel="app",
        topic=topic,
        mode=KafkaMode.ACCEPT,
        state=State.RECEIVED,
        accepted_at=now,
        updated_at=now,
        history=(Step(State.RECEIVED, now),),
    )
    mark = fingerprint(a_request("edu.card", method="POST", path="", query=""), b'{"a": 1}')
    key = Key("app", "edu.card", "made-up-crash")
    await store.reserve(key, mark, case, now + timedelta(days=1))
    await store.close()
    service = accepting(topic).replace("10s", "1s")
    async with connected(bootstrap, service, data=data) as running, asyncio.timeout(20):
        answers = [await post(running, "/s/edu.card", KEYED)]
        while answers[-1].status != 202:
            answers.append(await post(running, "/s/edu.card", KEYED))
        found = await records(bootstrap, topic)
    for refused in answers[:-1]:
        assert (refused.status, refused.json()["cause"]) == (503, "outcome_unknown")
        assert refused.value("retry-after") is not None
    receipt = answers[-1].json()
    assert (receipt["id"], receipt["durability"]) == (case.id, "kafka")
    (record,) = found
    assert dict(record.headers)["ce_id"].decode() == case.id
    assert dict(record.headers)["ce_replayed"] == b"true"


async def test_without_its_case_store_it_starts_says_so_and_takes_nothing(tmp_path: Path) -> None:
    with refusing_port() as port:
        async with running_gateway(
            routes_text(accepting("cards")),
            kafka=f"127.0.0.1:{port}",
            cases=f"postgresql://made-up@127.0.0.1:{port}/cases",
            data=tmp_path / "data",
        ) as running:
            refused = await post(running, "/s/edu.card", {"X-Subject": "MADE-UP-0001"})
            readiness = (await ask(running.ops_port, "/readyz")).json()
    assert (refused.status, refused.json()["cause"]) == (503, "cases_unreachable")
    checks = {check["name"]: check["ok"] for check in readiness["checks"]}
    assert checks["cases"] is False


async def test_each_instance_remembers_until_when_it_has_read(
    bootstrap: str, tmp_path: Path
) -> None:
    """On one case store, what another one has read says nothing about a topic of one's own."""
    data = tmp_path / "data"
    async with connected(
        bootstrap, replying(topic_name("pension")), data=data, instance="gw-b"
    ) as running:
        await until_scraped(
            running.ops_port, lambda s: s.total("gateway_kafka_replies_positioned") == 1
        )
    store = SqliteStore(data / "cases.db")
    await store.open()
    stamps = [await store.marked(f"replies_read:{name}") for name in ("gw-a", "gw-b")]
    await store.close()
    assert stamps[0] is None
    assert stamps[1] is not None
