"""Cases: receipts, their states, where they are kept.

Room rule: knows neither Kafka nor HTTP; states are a table, stores are exchangeable behind one
protocol, and nothing of a case is ever dropped in silence.
"""
