"""The profile `smallrye`: a SmallRye Reactive Messaging (Quarkus) replier answers as it is.

Room rule: as `gateway.kafka.profiles`.

`REPLY_CORRELATION_ID` is the id as text, `REPLY_TOPIC` the topic; the outgoing channel of a method
that is both `@Incoming` and `@Outgoing` sends to that topic and copies the id. A record that has
`REPLY_TOPIC` is a request, as SmallRye's own requestor sees it. There are too few `ce_` headers to
make the record an event for its CloudEvents support. A reply names a status with `ce_httpstatus`.
"""

from __future__ import annotations

from typing import Final

from gateway.kafka.profiles.echo import Echo

__all__ = ["SMALLRYE"]

SMALLRYE: Final = Echo("smallrye", "REPLY_CORRELATION_ID", "REPLY_TOPIC")
