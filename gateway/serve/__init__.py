"""Start, signals, drain: the only place where objects are built and joined.

Room rule: no decision about a request is made here, and nothing is built anywhere else.
"""

from __future__ import annotations

from gateway.serve.gateway import Gateway, run

__all__ = ["Gateway", "run"]
