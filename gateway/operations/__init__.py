"""The ops door, on its own port: metrics, health and what runs, for operators and probes.

Room rule: nothing here is on the path of a request, and nothing shown here is secret.
"""
