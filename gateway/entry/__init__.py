"""THE UNIFIED DOOR: HTTP to message, error to status and problem body.

Room rule: the only room that knows status numbers and the public shape of URLs and headers. It
decides nothing about a request; that is `gateway.handling`.
"""
