from __future__ import annotations

import asyncio
import gzip
import shutil
import subprocess

import pytest

from gateway.telemetry.exposition import Exposition
from gateway.telemetry.families import FAMILIES
from gateway.telemetry.metrics import Gauges, Metrics
from gateway.telemetry.spool_meter import SpoolReading
from tests.telemetry.scrapes import OPENMETRICS, families_of, samples

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.fixture
def busy() -> Metrics:
    """Metrics in which every family has at least one child."""
    metrics = Metrics("1.2.3", lambda: 1_000_060.0)
    meter = metrics.service("edu.payment", "http")
    meter.finished("sufuban", "none", 0.0625, 0.05)
    meter.finished("sufuban", "answer_timeout", 3.0, 2.9999)
    meter.retried("made")
    metrics.service("hrss.pension-query", "kafka")
    metrics.kafka.produced("hrss.pension-query", 0.002)
    metrics.kafka.waited("hrss.pension-query", 0.5)
    metrics.spool.spooled("hrss.pension-query", "late")
    metrics.cases.counted({("hrss.pension-query", "answered"): 2})
    metrics.cases.transition("hrss.pension-query", "answered")
    metrics.cases.rejected("hrss.pension-query", "stale")
    metrics.cases.expired("hrss.pension-query")
    metrics.cases.store_up(up=True)
    metrics.cases.store_duration("insert", 0.001)
    metrics.cases.read("sufuban", "found")
    metrics.cases.repeated("hrss.pension-query", "first")
    metrics.cases.callback("sufuban", "delivered")
    metrics.cases.dead_letter("hrss.pension-query", "expired")
    metrics.unknown.finished("-", "credentials_missing", 0.0001, None)
    metrics.rate_limited("sufuban")
    metrics.routes_loaded("sha256:1a2b", 1_000_000.0)
    metrics.routes_refused(["-"])
    metrics.watch(
        Gauges(
            in_flight={"xishan-edu": lambda: 1},
            breakers={"edu.payment": lambda: 1},
            endpoints={("edu.payment", "http://10.0.0.1:80"): lambda: True},
            services=[
                ("edu.payment", "xishan-edu", "http"),
                ("hrss.pension-query", "wuxi-hrss", "kafka"),
            ],
            reply_topics=frozenset({"hrss.pension.replies"}),
            waits={"hrss.pension-query": lambda: 2},
            spool=lambda: SpoolReading(up=True, records=1, size=2, limit=3, age=4.0),
        )
    )
    return metrics


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", TEXT),
        ("application/openmetrics-text", OPEN),
        ("application/openmetrics-text; version=2.0.0", OPEN),
        ("text/html, application/openmetrics-text; version=1.0.0", OPEN),
        (PROMETHEUS_ACCEPT, OPEN),
    ],
)
async def test_the_format_is_the_one_that_is_asked_for(
    busy: Metrics, accept: str, content_type: str
) -> None:
    scrape = await Exposition(busy).scrape(accept, "")
    assert scrape.content_type == content_type
    assert scrape.body.endswith(b"# EOF\n") == (content_type == OPEN)


async def test_both_formats_say_the_same(busy: Metrics) -> None:
    exposition = Exposition(busy)
    text = samples(await exposition.scrape("", ""))
    opened = samples(await exposition.scrape(OPENMETRICS, ""))
    ours = [key for key in text if key[0].startswith("gateway_")]
    assert len(ours) > 100
    assert {key: text[key] for key in ours} == {key: opened[key] for key in ours}


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
async def test_every_family_is_in_the_scrape_with_its_type_help_and_labels(
    busy: Metrics, accept: str
) -> None:
    scrape = await Exposition(busy).scrape(accept, "")
    found = {family.name: family for family in families_of(scrape)}
    for declared in FAMILIES:
        family = found.pop(declared.name.removesuffix("_total"))
        assert (family.type, family.documentation) == (declared.kind, declared.help)
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == set(declared.labels)
    assert {name for name in found if name.startswith("gateway_")} == set()
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info"} <= set(found)


async def test_openmetrics_names_the_unit(busy: Metrics) -> None:
    scrape = await Exposition(busy).scrape(OPENMETRICS, "")
    units = {family.name: family.unit for family in families_of(scrape)}
    assert units["gateway_request_duration_seconds"] == "seconds"
    assert units["gateway_requests"] == ""


async def test_a_histogram_is_cumulative_and_ends_with_its_count(busy: Metrics) -> None:
    found = samples(await Exposition(busy).scrape("", ""))
    service = ("service", "edu.payment")
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "gateway_request_duration_seconds_bucket" and service in labels
    }
    assert (buckets["0.05"], buckets["0.075"], buckets["2.5"]) == (0, 1, 1)
    assert (buckets["5.0"], buckets["+Inf"]) == (2, 2)
    assert len(buckets) == 15
    assert found["gateway_request_duration_seconds_count", frozenset({service})] == 2
    assert found["gateway_request_duration_seconds_sum", frozenset({service})] == 3.0625


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
async def test_a_label_value_with_special_characters_comes_back_as_it_was(accept: str) -> None:
    odd = 'back\\slash "quote" line\nfeed %s %d 中文'
    metrics = Metrics("1.2.3", lambda: 0.0)
    metrics.service(odd, "http").finished(odd, "none", 0.1, 0.1)
    found = samples(await Exposition(metrics).scrape(accept, ""))
    assert ("gateway_request_duration_seconds_count", frozenset({("service", odd)})) in found
    counted = {key: value for key, value in found.items() if key[0] == "gateway_requests_total"}
    assert [(dict(labels)["channel"], value) for (_, labels), value in counted.items()] == [
        (odd, 1)
    ]


@pytest.mark.parametrize(
    ("accept_encoding", "content_encoding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.000, *", None),
        ("identity", None),
        ("x-gzipped", None),
    ],
)
async def test_the_answer_is_compressed_only_for_whoever_takes_gzip(
    busy: Metrics, accept_encoding: str, content_encoding: str | None
) -> None:
    scrape = await Exposition(busy).scrape("", accept_encoding)
    assert scrape.content_encoding == content_encoding
    body = gzip.decompress(scrape.body) if content_encoding else scrape.body
    assert body.startswith(b"# HELP gateway_requests_total ")


async def test_other_tasks_get_many_turns_while_a_thousand_services_are_rendered() -> None:
    metrics = Metrics("1.2.3", lambda: 0.0)
    for number in range(1000):
        metrics.service(f"service-{number}", "http").finished("sufuban", "none", 0.1, 0.1)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(take_turns())
    scrape = await Exposition(metrics).scrape("", "")
    other.cancel()
    await asyncio.wait([other])
    assert scrape.body.count(b"\n") > 30_000
    assert turns > 50


async def test_requests_may_be_counted_while_a_scrape_is_rendered() -> None:
    metrics = Metrics("1.2.3", lambda: 0.0)
    meters = [metrics.service(f"service-{number}", "http") for number in range(200)]

    async def count_on() -> None:
        for number in range(100):
            for meter in meters:
                meter.finished(f"channel-{number}", "none", 0.1, None)
            await asyncio.sleep(0)

    exposition = Exposition(metrics)
    _, *scrapes = await asyncio.gather(
        count_on(), exposition.scrape("", ""), exposition.scrape(OPENMETRICS, "")
    )
    for scrape in scrapes:
        samples(scrape)


async def test_promtool_finds_nothing_to_complain_about(busy: Metrics) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("tool missing: promtool (Debian's package prometheus)")
    scrape = await Exposition(busy).scrape("", "")
    checked = await asyncio.to_thread(
        subprocess.run,
        [promtool, "check", "metrics"],
        input=scrape.body,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
