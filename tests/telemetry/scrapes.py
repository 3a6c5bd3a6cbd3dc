"""Reads a scrape back with the parsers of prometheus_client, as Prometheus would see it."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from gateway.telemetry.exposition import Exposition, Scrape
from gateway.telemetry.metrics import Metrics

__all__ = ["OPENMETRICS", "Samples", "samples", "samples_of"]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(scrape: Scrape) -> Samples:
    """Return every sample by its name and labels; a sample that occurs twice is a failure."""
    text = scrape.body.decode()
    parse = open_families if scrape.content_type.startswith("application/open") else text_families
    found: Samples = {}
    for family in parse(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


async def samples_of(metrics: Metrics) -> dict[str, float]:
    """Return the samples of our own families as `name{label=value,…}`, without bucket lines."""
    found = samples(await Exposition(metrics).scrape("", ""))
    return {
        f"{name}{{{','.join(sorted(f'{label}={value}' for label, value in labels))}}}": number
        for (name, labels), number in found.items()
        if name.startswith("gateway_") and not name.endswith("_bucket")
    }
