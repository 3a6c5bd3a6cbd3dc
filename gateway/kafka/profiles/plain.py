"""The profile `plain`: for a consumer written by hand, and for FastStream, which has these names.

Room rule: as `gateway.kafka.profiles`.

The request has `correlation_id` and `reply_to`; the reply goes to that topic with the same
`correlation_id`, the answer's body as its value and, where they matter, `content-type` and
`status` (or `ce_httpstatus`), a number from 200 to 599.
"""

from __future__ import annotations

from typing import Final

from gateway.kafka.profiles.echo import Echo

__all__ = ["PLAIN"]

PLAIN: Final = Echo("plain", "correlation_id", "reply_to", statuses=("status",))
