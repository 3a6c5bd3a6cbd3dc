"""The scrape: the counts of `gateway.telemetry.metrics` as Prometheus text or OpenMetrics.

Room rule: the only importer of prometheus_client, and never in the way of a request. The library
negotiates the format and collects the process metrics; the large families are written here,
because its encoder takes about ten microseconds a line and 1,000 services have 50,000 lines.
They are written in slices with a turn of the loop between them. A thread would not help: it holds
the interpreter's lock for the switch interval of 5 ms, and the loop waits for each.
"""

from __future__ import annotations

import asyncio
import gzip
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.telemetry.cells import Histogram
    from gateway.telemetry.family import Family
    from gateway.telemetry.metrics import Metrics
    from gateway.telemetry.reading import Reading

__all__ = ["Exposition", "Scrape"]

SLICE_HISTOGRAMS: Final = 32
SLICE_NUMBERS: Final = 256
GZIP_LEVEL: Final = 1


class Scrape(NamedTuple):
    """One answer to a scrape."""

    body: bytes
    content_type: str
    content_encoding: str | None


class Exposition:
    """Renders `metrics`, and the metrics of this process and its Python, on request."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)

    async def scrape(self, accept: str, accept_encoding: str) -> Scrape:
        """Render for the values of `Accept` and `Accept-Encoding`; empty when not sent.

        OpenMetrics 1.0 where it is accepted, else text format 0.0.4; gzip only where it is asked
        for. Each child is read in one step, so a histogram's buckets, count and sum agree.
        """
        is_open = choose_encoder(accept)[1].startswith("application/openmetrics-text")
        pieces = []
        for piece in _render(self._metrics, is_open=is_open):
            pieces.append(piece.encode())
            await asyncio.sleep(0)
        # in threads: procfs lists every open connection, and zlib lets the loop go on meanwhile
        encode = openmetrics.generate_latest if is_open else generate_latest
        pieces.append(await asyncio.to_thread(encode, self._process))
        body = b"".join(pieces)
        content_type = openmetrics.CONTENT_TYPE_LATEST if is_open else CONTENT_TYPE_PLAIN_0_0_4
        if not _takes_gzip(accept_encoding):
            return Scrape(body, content_type, None)
        packed = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)
        return Scrape(packed, content_type, "gzip")


def _render(metrics: Metrics, *, is_open: bool) -> Iterator[str]:
    """Yield our families in pieces that take well under a millisecond each."""
    for reading in metrics.read():
        yield _head(reading.family, is_open=is_open)
        yield from _samples(reading)


def _head(family: Family, *, is_open: bool) -> str:
    name = family.name
    if not is_open:
        return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"
    if family.kind == "counter":
        name = name.removesuffix("_total")
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n{unit}"


def _samples(reading: Reading) -> Iterator[str]:
    histograms = reading.histograms
    template = _template(reading.family) if histograms else ""
    for start in range(0, len(histograms), SLICE_HISTOGRAMS):
        part = histograms[start : start + SLICE_HISTOGRAMS]
        yield "".join([_histogram(template, histogram) for histogram in part])
    name = reading.family.name
    while lines := [_number(name, *number) for number in islice(reading.numbers, SLICE_NUMBERS)]:
        yield "".join(lines)


def _number(name: str, labels: str, value: float) -> str:
    # +value turns a bool into the number it stands for
    return f"{name}{{{labels}}} {+value!r}\n" if labels else f"{name} {+value!r}\n"


def _histogram(template: str, histogram: Histogram) -> str:
    counts = list(accumulate(histogram.counts))
    text = template % (*counts, counts[-1], histogram.sum)
    return text.replace("\0", histogram.labels)


def _template(family: Family) -> str:
    """Return the lines of one histogram with a NUL for its labels and %-fields for its numbers."""
    name = family.name
    own = "\0," if family.labels else ""
    braces = "{\0}" if family.labels else ""
    bounds = (*map(repr, family.buckets), "+Inf")
    buckets = [f'{name}_bucket{{{own}le="{bound}"}} %d\n' for bound in bounds]
    return "".join([*buckets, f"{name}_count{braces} %d\n", f"{name}_sum{braces} %r\n"])


def _takes_gzip(accept_encoding: str) -> bool:
    for item in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        if coding in {"gzip", "*"}:
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and not value.strip().strip("0.")
