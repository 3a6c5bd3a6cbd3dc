"""The profile `spring`: a Spring Kafka listener with `@SendTo` answers as it is.

Room rule: as `gateway.kafka.profiles`. The framework is Spring for Apache Kafka, from 2.1 on.

`kafka_correlationId` and `kafka_replyTopic` are raw bytes, without `spring_json_header_types`:
that is how the listener's adapter reads them (`headers.get(name, byte[].class)`), and it copies
the correlation id into the reply unchanged. What Spring's converters add (`__TypeId__`,
`spring_json_header_types`) is ignored. A listener names a status with the header `ce_httpstatus`
of the message that it returns. A listener that throws sends no reply, unless its error handler
returns one: the wait then ends by itself. A `ReplyHeadersConfigurer` must not copy
`kafka_replyTopic`, for a record that has it asks for an answer and is none.
"""

from __future__ import annotations

from typing import Final

from gateway.kafka.profiles.echo import Echo

__all__ = ["SPRING"]

SPRING: Final = Echo("spring", "kafka_correlationId", "kafka_replyTopic")
