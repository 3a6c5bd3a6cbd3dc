"""The counts of the running gateway: one object, made once, that outlives every reload.

Room rule: what the path of a request calls only counts; nothing is looked up by name, formatted
or allocated that can be bound when a route is built. Gauges are read at the scrape from whoever
owns the number, so no request pays for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.telemetry import families
from gateway.telemetry.case_meter import CaseMeter
from gateway.telemetry.cells import Children, Counter, Histogram
from gateway.telemetry.families import describe
from gateway.telemetry.kafka_meter import KafkaMeter
from gateway.telemetry.reading import Reading, counters, gauge, histograms
from gateway.telemetry.spool_meter import SpoolMeter, SpoolReading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Gauges", "Metrics", "ServiceMeter", "describe"]

UNKNOWN = "-"


class Gauges:
    """Whom to ask at a scrape; each reload hands over a new whole.

    `in_flight` by department ID, `breakers` by service ID (0, 1, 2 as `gateway_breaker_state`
    says), `endpoints` by service ID and endpoint URL (true while it takes requests),
    `services` are service ID, department ID and transport of each,
    `reply_topics` the topics that replies are awaited on, `waits` how many requests wait for one
    by service ID, `spool` the spool if there is one. None of the callables may raise.
    """

    __slots__ = ("breakers", "endpoints", "in_flight", "reply_topics", "services", "spool",
                 "waits")  # fmt: skip

    def __init__(
        self,
        *,
        in_flight: Mapping[str, Callable[[], int]] | None = None,
        breakers: Mapping[str, Callable[[], int]] | None = None,
        endpoints: Mapping[tuple[str, str], Callable[[], bool]] | None = None,
        services: Iterable[tuple[str, str, str]] = (),
        reply_topics: frozenset[str] = frozenset(),
        waits: Mapping[str, Callable[[], int]] | None = None,
        spool: Callable[[], SpoolReading] | None = None,
    ) -> None:
        self.in_flight: Final = in_flight or {}
        self.breakers: Final = breakers or {}
        self.endpoints: Final = endpoints or {}
        self.services: Final = services
        self.reply_topics: Final = reply_topics
        self.waits: Final = waits or {}
        self.spool: Final = spool


class ServiceMeter:
    """What is counted for one service over one transport; bound when its route is built."""

    __slots__ = (
        "_added", "_by_caller", "_department", "_duration", "_labels", "_requests", "_retries",
    )  # fmt: skip

    def __init__(self, metrics: Metrics, service_id: str, transport: str) -> None:
        self._labels = (service_id, transport)
        self._by_caller: dict[tuple[str, str], Counter] = {}
        self._requests = metrics.requests
        self._duration = metrics.durations.child(service_id)
        self._department = metrics.department_durations.child(service_id)
        self._added = metrics.added_durations.child(transport)
        self._retries = metrics.retries

    def finished(
        self,
        channel_id: str,
        cause_code: str,
        duration: float,
        department_time: float | None,
        caller_time: float = 0.0,
    ) -> None:
        """Count one request that is over, `none` being the code of a success.

        `duration`, `department_time` and `caller_time` are seconds, the latter two of waiting for
        either; `department_time` is None when the department was never asked. `channel_id` is a
        configured channel's or `-`.
        """
        try:
            self._by_caller[channel_id, cause_code].value += 1
        except KeyError:
            self._count_first(channel_id, cause_code)
        self._duration.observe(duration)
        if department_time is None:
            self._added.observe(duration - caller_time)
        else:
            self._department.observe(department_time)
            self._added.observe(duration - department_time - caller_time)

    def retried(self, result: str) -> None:
        """Count a retry that was made, or refused for the reason that `result` names."""
        self._retries.child(self._labels[0], result).value += 1

    def _count_first(self, channel_id: str, cause_code: str) -> None:
        service_id, transport = self._labels
        counter = self._requests.child(service_id, channel_id, transport, cause_code)
        self._by_caller[channel_id, cause_code] = counter
        counter.value += 1


class Metrics:
    """Every series of this process. `wall_clock` gives seconds since 1970, for the routes' age.

    The same label values always give the same child, so a counter never starts again while the
    process lives. `connections` is counted up and down by whoever accepts them.
    """

    def __init__(self, version: str, wall_clock: Callable[[], float]) -> None:
        self.requests = Children(families.REQUESTS, Counter)
        self.durations = Children(families.REQUEST_DURATION, Histogram)
        self.department_durations = Children(families.DEPARTMENT_DURATION, Histogram)
        self.added_durations = Children(families.ADDED_DURATION, Histogram)
        self.retries = Children(families.RETRIES, Counter)
        self.kafka = KafkaMeter()
        self.spool = SpoolMeter()
        self.cases = CaseMeter()
        self.connections = 0
        self._version = version
        self._wall_clock = wall_clock
        self._rate_limited = Children(families.RATE_LIMITED, Counter)
        self._reloads = Children(families.ROUTES_RELOADS, Counter)
        self._lag = Children(families.EVENT_LOOP_LAG, Histogram)
        self._lines_dropped = Children(families.LOG_LINES_DROPPED, Counter)
        self._gauges = Gauges()
        self._routes: tuple[str, float] | None = None
        self._refused: tuple[str, ...] = ()
        self._meters: dict[tuple[str, str], ServiceMeter] = {}
        self.unknown = self._meter(UNKNOWN, UNKNOWN)
        self._begin()

    def service(self, service_id: str, transport: str) -> ServiceMeter:
        """Return the meter of a configured service; `transport` is `http` or `kafka`."""
        meter = self._meters.get((service_id, transport))
        if meter is None:
            meter = self._meter(service_id, transport)
            if transport == "kafka":
                self.kafka.begin(service_id)
                self.spool.begin(service_id)
                self.cases.begin(service_id)
            else:
                for result in families.RETRY_RESULTS:
                    self.retries.child(service_id, result)
        return meter

    def watch(self, gauges: Gauges) -> None:
        """Read these gauges from now on; what they no longer name loses its series."""
        self._gauges = gauges

    def rate_limited(self, channel_id: str) -> None:
        """Count a request refused for the rate of its channel."""
        self._rate_limited.child(channel_id).value += 1

    def routes_loaded(self, digest: str, unix_time: float) -> None:
        """These routes run from `unix_time` on."""
        self._routes = (digest, unix_time)

    def routes_reload(self, result: str) -> None:
        """Count one reading of the file: `applied`, `partial`, `refused` or `unchanged`."""
        self._reloads.child(result).value += 1

    def routes_refused(self, service_ids: Iterable[str]) -> None:
        """Exactly these services are refused now; `-` alone stands for the whole file."""
        self._refused = tuple(service_ids)

    def loop_lag(self, seconds: float) -> None:
        """Count one sample of how late the loop ran a timer."""
        self._lag.child().observe(seconds)

    def log_lines_dropped(self, lines: int) -> None:
        """Count lines of the request log that are lost."""
        self._lines_dropped.child().value += lines

    def read(self) -> Iterator[Reading]:
        """Yield every family, in the table's order, as it is when it is asked for."""
        gauges = self._gauges
        yield counters(self.requests)
        for durations in (self.durations, self.department_durations, self.added_durations):
            yield histograms(durations)
        in_flight = (((department,), ask()) for department, ask in gauges.in_flight.items())
        yield gauge(families.REQUESTS_IN_FLIGHT, in_flight)
        yield gauge(families.CALLER_CONNECTIONS, [((), self.connections)])
        yield gauge(families.ENDPOINT_UP, ((key, ask()) for key, ask in gauges.endpoints.items()))
        breakers = (((service,), ask()) for service, ask in gauges.breakers.items())
        yield gauge(families.BREAKER_STATE, breakers)
        yield counters(self.retries)
        yield counters(self._rate_limited)
        yield from self._read_routes()
        yield from self.kafka.read(gauges.reply_topics, gauges.waits)
        yield from self.spool.read(gauges.spool)
        yield from self.cases.readings({service for service, _, _ in gauges.services})
        yield histograms(self._lag)
        yield counters(self._lines_dropped)
        yield gauge(families.SERVICE_INFO, ((labels, 1) for labels in gauges.services))
        yield gauge(families.BUILD_INFO, [((self._version,), 1)])

    def _read_routes(self) -> Iterator[Reading]:
        yield counters(self._reloads)
        routes = [] if self._routes is None else [self._routes]
        now = self._wall_clock()
        yield gauge(families.ROUTES_INFO, (((digest,), 1) for digest, _ in routes))
        yield gauge(families.ROUTES_LOADED, (((), loaded) for _, loaded in routes))
        yield gauge(families.ROUTES_AGE, (((), max(0.0, now - loaded)) for _, loaded in routes))
        yield gauge(families.ROUTES_REFUSED, (((service,), 1) for service in self._refused))

    def _meter(self, service_id: str, transport: str) -> ServiceMeter:
        meter = self._meters[service_id, transport] = ServiceMeter(self, service_id, transport)
        return meter

    def _begin(self) -> None:
        """Make the series whose labels are known already: a rate needs the zero before the one."""
        self._lag.child()
        self._lines_dropped.child()
        for result in families.RELOAD_RESULTS:
            self._reloads.child(result)
