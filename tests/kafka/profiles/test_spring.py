"""Byte by byte, with what Spring for Apache Kafka reads and writes: `KafkaHeaders`,
`MessagingMessageListenerAdapter` and `DefaultKafkaHeaderMapper`."""

from __future__ import annotations

from gateway.kafka.profiles.spring import SPRING
from tests.kafka.profiles.records import ACCEPT, ID, echoed, reply, sent

REPLIED = (
    ("kafka_correlationId", ID.encode()),
    ("__TypeId__", b"gov.example.Account"),
    ("spring_json_header_types", b'{"ce_httpstatus":"java.lang.String"}'),
)


def test_a_request_has_these_headers_byte_by_byte() -> None:
    assert sent("spring") == echoed("kafka_correlationId", "kafka_replyTopic")


def test_a_request_that_waits_for_nothing_has_no_reply_headers() -> None:
    assert not [name for name, _ in sent("spring", ACCEPT) if name.startswith("kafka_")]


def test_a_listeners_reply_is_this_answer() -> None:
    record = reply(*REPLIED, value=b'{"months":214}')
    assert SPRING.correlation_id(record) == ID
    assert not SPRING.is_request(record)
    answer = SPRING.reply_of(record)
    assert (answer.status, answer.fields, answer.body) == (
        200,
        b"content-type: application/json\r\n",
        b'{"months":214}',
    )


def test_a_listener_names_a_status_with_a_header_of_its_message() -> None:
    assert SPRING.reply_of(reply(*REPLIED, ("ce_httpstatus", b"422"))).status == 422


def test_the_binary_id_of_another_requester_is_no_id_of_ours() -> None:
    assert SPRING.correlation_id(reply(("kafka_correlationId", bytes(range(16))))) is None


def test_a_reply_that_copied_all_headers_of_its_request_is_taken_for_a_request() -> None:
    assert SPRING.is_request(reply(*REPLIED, ("kafka_replyTopic", b"hrss.pension.replies")))
