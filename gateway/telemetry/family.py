"""What one metric family is, and the buckets that several use.

Room rule: as `gateway.telemetry.families`.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = ["ADDED_SECONDS", "HTTP_SECONDS", "LAG_SECONDS", "LONG_SECONDS", "Family"]

Kind = Literal["counter", "gauge", "histogram"]

# OpenTelemetry semantic conventions for HTTP, http.server.request.duration
HTTP_SECONDS: Final[tuple[float, ...]] = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
ADDED_SECONDS: Final[tuple[float, ...]] = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
)  # fmt: skip
LAG_SECONDS: Final[tuple[float, ...]] = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
LONG_SECONDS: Final[tuple[float, ...]] = (
    0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
)  # fmt: skip


class Family(NamedTuple):
    """One metric family; `buckets` are upper bounds in the metric's unit, of histograms only."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """The unit as OpenMetrics 1.0 wants it: the suffix of the family's name, or nothing."""
        name = self.name.removesuffix("_total") if self.kind == "counter" else self.name
        unit = name.rpartition("_")[2]
        return unit if unit in {"seconds", "bytes"} else ""
