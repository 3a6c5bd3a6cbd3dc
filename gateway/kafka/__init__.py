"""Talking Kafka: a supervised producer, an inbox for replies, and the form of the records.

Room rule: the only room that knows aiokafka. What leaves it are this project's values and faults;
an exception of the library never does. It reports through `events.KafkaEvents` and knows neither
routes files nor HTTP status numbers.
"""
