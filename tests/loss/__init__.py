"""The loss test: whoever got a receipt finds the request in the topic, whatever happened meanwhile.

Room rule: a black box. Real Apache Kafka, the real command, HTTP, signals and files; of the
gateway's modules none is imported, so that what is judged is what callers and departments see.
"""
