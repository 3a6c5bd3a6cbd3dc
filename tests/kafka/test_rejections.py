from __future__ import annotations

import pytest
from aiokafka import errors

from gateway.errors import (
    BROKER_REFUSED,
    BROKER_TIMEOUT,
    BROKER_UNREACHABLE,
    RECORD_TOO_LARGE,
    TOPIC_UNKNOWN,
    Cause,
)
from gateway.kafka.rejections import refused_before_sending, verdict


@pytest.mark.parametrize(
    "error",
    [
        errors.OutOfOrderSequenceNumber(),
        errors.UnknownProducerId(),
        errors.InvalidProducerEpoch(),
        errors.ProducerFenced(),
    ],
)
def test_a_record_refused_for_its_sequence_goes_to_a_successor(error: Exception) -> None:
    judged = verdict(error, tried_before=False)
    assert judged.again
    assert judged.leaves_gap
    assert not judged.may_have_been_sent


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.MessageSizeTooLargeError(), RECORD_TOO_LARGE),
        (errors.InvalidTimestampError(), BROKER_REFUSED),
        (errors.PolicyViolationError(), BROKER_REFUSED),
    ],
)
def test_a_refused_record_was_not_sent_and_leaves_a_gap(error: Exception, cause: Cause) -> None:
    judged = verdict(error, tried_before=False)
    assert (judged.cause, judged.may_have_been_sent, judged.again) == (cause, False, False)
    assert judged.leaves_gap


def test_a_missing_permission_costs_no_producer() -> None:
    judged = verdict(errors.TopicAuthorizationFailedError("topic"), tried_before=False)
    assert (judged.cause, judged.may_have_been_sent, judged.leaves_gap) == (
        BROKER_REFUSED,
        False,
        False,
    )


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownError(),
        errors.KafkaConnectionError(),
        errors.KafkaError("Unexpected error during batch delivery"),
        RuntimeError(),
    ],
)
def test_what_is_not_known_may_have_been_sent(error: Exception) -> None:
    fault = verdict(error, tried_before=False).fault()
    assert (fault.cause, fault.may_have_been_sent) == (BROKER_TIMEOUT, True)


@pytest.mark.parametrize(
    "error", [errors.LeaderNotAvailableError(), errors.NotLeaderForPartitionError()]
)
def test_a_partition_without_a_leader_is_an_outage(error: Exception) -> None:
    judged = verdict(error, tried_before=False)
    fault = judged.fault()
    assert (fault.cause, fault.may_have_been_sent) == (BROKER_UNREACHABLE, True)
    assert judged.leaves_gap


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.PolicyViolationError(), BROKER_REFUSED),
        (errors.MessageSizeTooLargeError(), RECORD_TOO_LARGE),
        (errors.TopicAuthorizationFailedError("topic"), BROKER_REFUSED),
        (errors.OutOfOrderSequenceNumber(), BROKER_TIMEOUT),
        (errors.UnknownError(), BROKER_TIMEOUT),
        (errors.LeaderNotAvailableError(), BROKER_UNREACHABLE),
    ],
)
def test_what_a_refused_batch_of_an_earlier_try_became_is_not_known(
    error: Exception, cause: Cause
) -> None:
    judged = verdict(error, tried_before=True)
    assert (judged.cause, judged.may_have_been_sent, judged.leaves_gap) == (cause, True, True)
    assert not judged.again
    assert not judged.of_a_batch


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.MessageSizeTooLargeError(), RECORD_TOO_LARGE),
        (errors.UnknownTopicOrPartitionError(), TOPIC_UNKNOWN),
        (errors.TopicAuthorizationFailedError("topic"), BROKER_REFUSED),
        (errors.KafkaTimeoutError(), BROKER_TIMEOUT),
        (errors.ProducerClosed(), BROKER_UNREACHABLE),
        (errors.KafkaConnectionError(), BROKER_UNREACHABLE),
    ],
)
def test_before_it_has_a_place_in_a_batch_a_record_was_not_sent(
    error: Exception, cause: Cause
) -> None:
    fault = refused_before_sending(error).fault()
    assert (fault.cause, fault.may_have_been_sent) == (cause, False)
