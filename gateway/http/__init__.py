"""TALKING HTTP: server protocol, client protocol, connection pool, header rules.

Room rule: the wire and nothing else. This room knows no service, no channel, no policy and no
metric; what it cannot do it says with a `Fault`. Everything here runs on the event loop's thread.
"""
