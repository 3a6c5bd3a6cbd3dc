"""What operators see: every Prometheus series, the request log, the process log, trace context.

Room rule: labels come from configuration alone, nothing here fails or delays a request, and
personal data has no field to stand in. The path of a request calls only methods that count.
"""
