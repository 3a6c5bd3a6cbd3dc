"""The profile `nestjs`: a NestJS microservice on its Kafka transport answers as it is.

Room rule: as `gateway.kafka.profiles`. The facts are those of `ServerKafka`, `KafkaParser`,
`KafkaRequestDeserializer` and `KafkaRequestSerializer` of `@nestjs/microservices` 11.2 and 12.1.

The request's value is the body as sent: `KafkaParser` makes an object of JSON that is an object or
an array and text of everything else, and the handler of `@MessagePattern('<topic>')` gets that,
without an envelope. A record without `kafka_correlationId` or `kafka_replyTopic` is an event there.

The reply's value is the handler's result: JSON of objects and arrays, text of anything else, null
of `undefined`. `kafka_nest-is-disposed` marks the last record of a stream; the first record is the
answer, whatever follows is a duplicate. `kafka_nest-err` marks a failure and carries it, with a
null value: its text or JSON becomes the answer's body, for Nest's exception filter puts there what
an `RpcException` was given and "Internal server error" for everything else. The status is
`ce_httpstatus`, else the number of 400-599 that the JSON has as `statusCode` or `status`, else 500,
as an HTTP department would have answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from gateway.kafka.profiles.echo import Echo
from gateway.kafka.profiles.reply_fields import answer, header_values, status, typed

if TYPE_CHECKING:
    from gateway.kafka.record import IncomingRecord
    from gateway.message import ServiceReply

__all__ = ["NESTJS"]

_ERROR: Final = "kafka_nest-err"
_INTERNAL_ERROR: Final = 500
_FAILURES: Final = range(400, 600)


class NestJs(Echo):
    """The pattern with Nest's way to say that a request failed."""

    __slots__ = ()

    def reply_of(self, record: IncomingRecord) -> ServiceReply:
        """Return the answer that `record` is; raises `Fault` (`reply_malformed`)."""
        errors = header_values(record.headers, _ERROR)
        if not errors:
            return Echo.reply_of(self, record)
        code = status(record.headers, default=_failure(errors[0]))
        return answer(typed(record.headers, errors[0]), code, errors[0])


def _failure(error: bytes) -> int:
    try:
        told = orjson.loads(error)
    except orjson.JSONDecodeError:
        return _INTERNAL_ERROR
    if not isinstance(told, dict):
        return _INTERNAL_ERROR
    codes = (told.get(name) for name in ("statusCode", "status"))
    return next((c for c in codes if isinstance(c, int) and c in _FAILURES), _INTERNAL_ERROR)


NESTJS: Final = NestJs("nestjs", "kafka_correlationId", "kafka_replyTopic")
