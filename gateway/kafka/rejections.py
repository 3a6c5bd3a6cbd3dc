"""What an error of aiokafka means: which fault it is, and whether the producer survives it.

Room rule: one table, read by the producer; no error of the library gets past it.

aiokafka numbers a batch before it is sent and takes the number back in no case (aiokafka#1017,
open in 0.14), so every batch that fails for good leaves a gap in its partition's sequence and all
later ones are refused with OUT_OF_ORDER_SEQUENCE_NUMBER. Java's producer takes a new epoch then
(KIP-360); here the producer is succeeded by a new one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from aiokafka import errors as kafka

from gateway.errors import (
    BROKER_REFUSED,
    BROKER_TIMEOUT,
    BROKER_UNREACHABLE,
    RECORD_TOO_LARGE,
    TOPIC_UNKNOWN,
    Cause,
    Fault,
)

__all__ = ["FINAL", "Verdict", "refused_before_sending", "verdict"]


FINAL: Final[frozenset[Cause]] = frozenset({TOPIC_UNKNOWN, RECORD_TOO_LARGE, BROKER_REFUSED})
"""What no waiting mends: a record that is refused so is not kept for later."""


class Verdict(NamedTuple):
    """`again` is true when the brokers certainly did not keep the record for lack of a sequence.

    `may_have_been_sent` as in `gateway.errors.Fault`. `leaves_gap`: the sequence of its partition
    has a gap, or the producer is dead, so a new one has to take its place. `of_a_batch`: any one
    record of the batch may be the reason.
    """

    cause: Cause
    may_have_been_sent: bool
    leaves_gap: bool = True
    again: bool = False
    of_a_batch: bool = False

    def fault(self) -> Fault:
        return Fault(self.cause, may_have_been_sent=self.may_have_been_sent)


_UNCONFIRMED: Final = Verdict(BROKER_TIMEOUT, may_have_been_sent=True)
_NO_LEADER: Final = Verdict(BROKER_UNREACHABLE, may_have_been_sent=True)
_REFUSED: Final = Verdict(BROKER_REFUSED, may_have_been_sent=False)
_BATCH_REFUSED: Final = _REFUSED._replace(of_a_batch=True)
_BATCH_TOO_LARGE: Final = Verdict(RECORD_TOO_LARGE, may_have_been_sent=False, of_a_batch=True)
_OUT_OF_SEQUENCE: Final = Verdict(BROKER_REFUSED, may_have_been_sent=False, again=True)

_DELIVERY: Final[dict[type[BaseException], Verdict]] = {
    kafka.OutOfOrderSequenceNumber: _OUT_OF_SEQUENCE,
    kafka.UnknownProducerId: _OUT_OF_SEQUENCE,
    kafka.InvalidProducerEpoch: _OUT_OF_SEQUENCE,
    kafka.ProducerFenced: _OUT_OF_SEQUENCE,
    # With idempotence aiokafka tries again whatever it is told, and ends with these only when a
    # partition had no leader for as long as a request may take: the brokers are away, for this one.
    kafka.NotLeaderForPartitionError: _NO_LEADER,
    kafka.LeaderNotAvailableError: _NO_LEADER,
    kafka.MessageSizeTooLargeError: _BATCH_TOO_LARGE,
    kafka.RecordListTooLargeError: _BATCH_TOO_LARGE,
    # Without the right to write no batch was ever taken, and a partition accepts any first
    # sequence from a producer that it does not know: one department's missing permission must
    # not cost the others a new producer with every request.
    kafka.TopicAuthorizationFailedError: _REFUSED._replace(leaves_gap=False),
    kafka.InvalidTopicError: _REFUSED,
    kafka.InvalidTimestampError: _BATCH_REFUSED,
    kafka.PolicyViolationError: _REFUSED,
    kafka.CorruptRecordException: _BATCH_REFUSED,
    kafka.InvalidRequestError: _BATCH_REFUSED,
    kafka.UnsupportedForMessageFormatError: _REFUSED,
}

_BEFORE: Final[dict[type[BaseException], Verdict]] = {
    kafka.MessageSizeTooLargeError: Verdict(
        RECORD_TOO_LARGE, may_have_been_sent=False, leaves_gap=False
    ),
    kafka.UnknownTopicOrPartitionError: Verdict(
        TOPIC_UNKNOWN, may_have_been_sent=False, leaves_gap=False
    ),
    kafka.TopicAuthorizationFailedError: _REFUSED._replace(leaves_gap=False),
    kafka.KafkaTimeoutError: Verdict(BROKER_TIMEOUT, may_have_been_sent=False, leaves_gap=False),
    kafka.KafkaConnectionError: Verdict(
        BROKER_UNREACHABLE, may_have_been_sent=False, leaves_gap=False
    ),
}


def verdict(error: BaseException, *, tried_before: bool) -> Verdict:
    """Judge the error with which the delivery of a record ended.

    What is not in the table is taken for the worst: it may have been sent, and the producer is
    not to be trusted any more. `tried_before`: its batch had been sent before. The refusal says
    nothing of what became of it then, so no refusal is certain.
    """
    judged = _DELIVERY.get(type(error), _UNCONFIRMED)
    if not tried_before:
        return judged
    if judged.again:
        return _UNCONFIRMED
    return judged._replace(may_have_been_sent=True, leaves_gap=True, of_a_batch=False)


def refused_before_sending(error: BaseException) -> Verdict:
    """Judge an error from before the record had a place in a batch: it was certainly not sent."""
    return _BEFORE.get(type(error), Verdict(BROKER_UNREACHABLE, may_have_been_sent=False))
