"""The books of a request: how each one ends, counted and written exactly once.

Room rule: as `gateway.handling`. Whoever handles a request refuses it and finishes it through
here, so that metrics and log cannot disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.policies.breaker import Outcome
from gateway.telemetry.request_log import RequestLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.errors import Fault
    from gateway.handling.caller import Caller
    from gateway.handling.request_record import RequestRecord
    from gateway.telemetry.metrics import Metrics
    from gateway.telemetry.request_log import RequestLog

__all__ = ["Books"]

_UNKNOWN: Final = ("-", "-", "-")


class Books:
    """One for the whole process; `clock` as the loop's, `wall_clock` in seconds since 1970."""

    def __init__(
        self,
        metrics: Metrics,
        log: RequestLog,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._wall_clock = wall_clock

    def refuse(self, caller: Caller, fault: Fault, record: RequestRecord) -> None:
        """Answer with a problem."""
        record.fault = fault
        if fault.cause is errors.RATE_LIMITED:
            self._metrics.rate_limited(record.channel)
        caller.refuse(fault, record)

    def finish(self, caller: Caller, record: RequestRecord) -> None:
        """Every request ends here once: the books are closed, counted and written."""
        now = self._clock()
        runtime, fault = record.service, record.fault
        if runtime is None:
            meter, labels = self._metrics.unknown, _UNKNOWN
        else:
            meter, labels = runtime.meter, runtime.labels
            if record.ticket and runtime.http is not None:
                runtime.http.settle(record, _outcome(record), now)
            if record.in_flight:
                runtime.in_flight.leave()
        cause, side = ("none", None) if fault is None else (fault.cause.code, fault.cause.side)
        duration = now - record.arrived
        meter.finished(record.channel, cause, duration, record.department_time, record.caller_time)
        service, department, transport = labels
        self._log.write(
            RequestLine(
                self._wall_clock(),
                record.request_id,
                record.trace_id,
                record.channel,
                service,
                department,
                transport,
                record.method,
                caller.status,
                cause,
                side,
                duration,
                record.department_time,
                record.attempts,
                caller.bytes_in,
                caller.bytes_out,
                record.destination,
            )
        )


def _outcome(record: RequestRecord) -> Outcome:
    fault = record.fault
    if fault is None:
        return Outcome.FAILURE if record.failed_answer else Outcome.SUCCESS
    if fault.cause.side is errors.Side.DEPARTMENT:
        return Outcome.FAILURE
    return Outcome.ABANDONED
