"""DECISIONS: rate limit, requests in flight, breaker, retries and their budget, balancer.

Room rule: synchronous and pure. No clock, no I/O, no logging; `now` (seconds, never less than the
call before had) and random numbers in [0, 1) are arguments. Policies do not know each other, and only their own methods change
their state, so that on one event loop each decision is atomic without a lock. A call costs well
under a microsecond, however many requests, endpoints or seconds lie behind it.
"""
