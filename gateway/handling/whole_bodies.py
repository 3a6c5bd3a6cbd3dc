"""A body in one piece, where something needs all of it: a record's value, a fingerprint.

Room rule: as `gateway.handling`; its limit is the body's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.message import Body

__all__ = ["whole"]


async def whole(body: Body) -> bytes:
    """Read a body to its end; raises the `Fault` of whoever sends it."""
    at_hand = body.read_available()
    if at_hand is not None:
        return at_hand
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    return b"".join(pieces)
