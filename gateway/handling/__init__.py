"""THE PATH OF A REQUEST, on one screen: admission, delivery, route runtime, live routes, record.

Room rule: the order of decisions is the code of `pipeline.py` and nothing else; numbers are
configuration. Live state is in the runtimes here, changed only through policies' methods.
"""
