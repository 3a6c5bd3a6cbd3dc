"""DECISIONS: rate limit, requests in flight, breaker, retries and their budget, balancer.

Room rule: synchronous and pure. No clock, no I/O, no logging; `now` (monotonic seconds, never less
than in the call before) and random numbers in [0, 1) are arguments. Policies do not know each
other, and only their own methods change their state, so that on one event loop each decision is
atomic without a lock. What every request calls costs well under a microsecond, however many
requests, endpoints or seconds lie behind it.
"""
