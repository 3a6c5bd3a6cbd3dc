"""Reads a scrape back with the parsers of prometheus_client, as Prometheus would see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.openmetrics import parser as open_parser
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.exposition import Exposition, Scrape

if TYPE_CHECKING:
    from prometheus_client import Metric

    from gateway.telemetry.metrics import Metrics

__all__ = ["OPENMETRICS", "Samples", "families_of", "samples", "samples_of"]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def families_of(scrape: Scrape) -> list[Metric]:
    """Parse a scrape by the format that it says it has."""
    text = scrape.body.decode()
    if scrape.content_type.startswith("application/openmetrics-text"):
        parse = open_parser.text_string_to_metric_families
        return list(parse(text))  # type: ignore[no-untyped-call]  # this parser has no types
    return list(text_string_to_metric_families(text))


def samples(scrape: Scrape) -> Samples:
    """Return every sample by its name and labels; a sample that occurs twice is a failure."""
    found: Samples = {}
    for family in families_of(scrape):
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
