"""What the demo says at its end: requests by service and cause, from the gateway's own metrics."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

__all__ = ["summary"]

_REQUESTS: Final = re.compile(r"gateway_requests_total\{([^}]*)\} ([0-9.e+]+)")
_LABEL: Final = re.compile(r'([a-z]+)="([^"]*)"')


def summary(exposition: str) -> str:
    """Count the requests in an exposition of the ops door."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for labels, value in _REQUESTS.findall(exposition):
        label = dict(_LABEL.findall(labels))
        counts[label["service"]][label["cause"]] += int(float(value))
    total = sum(sum(causes.values()) for causes in counts.values())
    lines = [f"Summary: {total} requests"]
    for service, causes in sorted(counts.items()):
        told = ", ".join(f"{cause} {n}" for cause, n in sorted(causes.items(), key=lambda c: -c[1]))
        lines.append(f"  {service:24} {told}")
    return "\n".join(lines)
