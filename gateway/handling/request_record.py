"""What is known about one request while it is handled; filled and dropped by one task.

Room rule: as `gateway.handling`; a record decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors

if TYPE_CHECKING:
    from gateway.errors import Cause, Fault
    from gateway.handling.route_runtime import EndpointRuntime, ServiceRuntime
    from gateway.http.client import DepartmentConnection

__all__ = ["RequestRecord"]


class RequestRecord:
    """Times in seconds on the loop's clock.

    `deadline` is when the answer has to be complete; `waits_for` is the cause if it passes now.
    `department_time` is how long the department (or the broker) was waited for, None when it was
    never asked; `caller_time` is how long the caller was, for its body and to take the answer, and
    is no part of the other. `endpoint`, `ticket` and `connection` belong to the attempt at hand;
    the breaker's ticket is 0 when there is nothing to settle.
    """

    __slots__ = ("arrived", "attempts", "caller_time", "channel", "connection", "deadline",
                 "department_time", "destination", "endpoint", "failed_answer", "fault",
                 "in_flight", "method", "request_id", "service", "ticket", "trace_id", "tried",
                 "waits_for")  # fmt: skip

    def __init__(self, arrived: float, method: str) -> None:
        self.arrived = arrived
        self.method = method
        self.request_id = "-"
        self.trace_id = "-"
        self.channel = "-"
        self.service: ServiceRuntime | None = None
        self.deadline = 0.0
        self.in_flight = False
        self.attempts = 0
        self.tried = 0
        self.ticket = 0
        self.endpoint: EndpointRuntime | None = None
        self.connection: DepartmentConnection | None = None
        self.destination: str | None = None
        self.department_time: float | None = None
        self.caller_time = 0.0
        self.failed_answer = False
        self.waits_for: Cause = errors.ANSWER_TIMEOUT
        self.fault: Fault | None = None
