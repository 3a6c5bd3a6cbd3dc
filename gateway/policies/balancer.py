"""Balancer: which endpoint of a service takes the next request, and which one rests.

Room rule: a decision; time and random numbers are arguments. Two endpoints are drawn by weight
and the one with fewer pending requests for its weight is taken: nearly as even as asking all, and
without herding on the one that looks best. (M. Mitzenmacher, "The Power of Two Choices in
Randomized Load Balancing", IEEE TPDS 12(10), 2001.)

An endpoint that fails several times in a row rests; the last one that is left never does.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.routing.model import Ejection, Endpoint

__all__ = ["Balancer"]

_Address = tuple[str, str, int]


class _EndpointState:
    """What outlives a reload: `failures` are those in a row, `rests_until` is on the clock."""

    __slots__ = ("failures", "pending", "rests_until")

    def __init__(self) -> None:
        self.failures = 0
        self.pending = 0
        self.rests_until = float("-inf")


class Balancer:
    """Chooses among `endpoints`, of which at least one has a weight above 0; names them by index.

    After `choose` comes `started`, and each `started` is ended by exactly one of `succeeded`,
    `failed` and `abandoned`, with the same balancer.
    """

    __slots__ = (
        "_available",
        "_cumulative",
        "_ejection",
        "_endpoints",
        "_look_at",
        "_states",
        "_weights",
    )

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        ejection: Ejection,
        known: Mapping[_Address, _EndpointState] | None = None,
    ) -> None:
        """`known` is for `retuned`: the states of endpoints by address."""
        known = known or {}
        self._endpoints = tuple(endpoints)
        self._ejection = ejection
        self._weights = tuple(endpoint.weight for endpoint in endpoints)
        self._states = tuple(known.get(_address(e)) or _EndpointState() for e in endpoints)
        self._available: tuple[int, ...] = ()
        self._cumulative: tuple[int, ...] = ()
        self._look_at = float("-inf")

    def choose(self, now: float, first: float, second: float, tried: int = 0) -> int:
        """Return the index of the endpoint that takes the request.

        `first` and `second` are random numbers in [0, 1). Bit i of `tried` is set when endpoint i
        has had this request already: it gets it again only if no other one is available.
        """
        if now >= self._look_at:
            self._look(now)
        index = self._draw(first, second, tried)
        if self._states[index].rests_until > now:  # put to rest since the last look
            self._look(now)
            index = self._draw(first, second, tried)
        return index

    def started(self, index: int) -> None:
        """A request goes to this endpoint."""
        self._states[index].pending += 1

    def succeeded(self, index: int) -> None:
        """It was answered, and the answer was not the endpoint's fault."""
        state = self._states[index]
        state.pending -= 1
        state.failures = 0

    def failed(self, index: int, now: float) -> None:
        """It failed through the endpoint's fault; after enough in a row the endpoint rests.

        After its rest one more failure sends it back; a success is what clears it.
        """
        state = self._states[index]
        state.pending -= 1
        state.failures += 1
        if state.failures >= self._ejection.failures:
            self._eject(index, now)

    def abandoned(self, index: int) -> None:
        """It ended without telling anything about the endpoint."""
        self._states[index].pending -= 1

    def pending(self, index: int) -> int:
        """Requests started and not ended."""
        return self._states[index].pending

    def up(self, index: int, now: float) -> bool:
        """False while the endpoint rests: the metric `gateway_endpoint_up`."""
        return self._states[index].rests_until <= now

    def retuned(self, endpoints: Sequence[Endpoint], ejection: Ejection) -> Balancer:
        """Return the balancer of a new version of the routes.

        It shares the state of every endpoint that stays (same scheme, host and port). Requests
        that began with this one end with it: an index means what it meant when it was given.
        """
        known = dict(zip(map(_address, self._endpoints), self._states, strict=True))
        return Balancer(endpoints, ejection, known)

    def _draw(self, first: float, second: float, tried: int) -> int:
        available, cumulative = self._available, self._cumulative
        if tried:
            untried = tuple(i for i in available if not tried >> i & 1)
            if untried:
                available, cumulative = untried, self._cumulate(untried)
        if len(available) == 1:
            return available[0]
        weights = self._weights
        total = cumulative[-1]
        position = bisect_right(cumulative, int(first * total))
        one = available[position]
        one_weight = weights[one]
        # The second draw is among the others: a point in the line without the first one's part.
        point = int(second * (total - one_weight))
        if point >= cumulative[position] - one_weight:
            point += one_weight
        other = available[bisect_right(cumulative, point)]
        states = self._states
        if states[other].pending * one_weight < states[one].pending * weights[other]:
            return other
        return one

    def _eject(self, index: int, now: float) -> None:
        last = len(self._available) == 1 and now < self._look_at
        if last or self._states[index].rests_until > now:
            return
        self._look(now)
        if index in self._available and len(self._available) > 1:
            self._states[index].rests_until = now + self._ejection.pause

    def _look(self, now: float) -> None:
        """See who is available; if a reload has left nobody, all are."""
        states = self._states
        weighted = tuple(i for i, weight in enumerate(self._weights) if weight)
        available = tuple(i for i in weighted if states[i].rests_until <= now)
        if not available:
            available = weighted
            for i in weighted:
                states[i].rests_until = now
        self._available = available
        self._cumulative = self._cumulate(available)
        rests = (states[i].rests_until for i in weighted)
        self._look_at = min((until for until in rests if until > now), default=float("inf"))

    def _cumulate(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(accumulate(self._weights[i] for i in indices))


def _address(endpoint: Endpoint) -> _Address:
    return endpoint.scheme, endpoint.host, endpoint.port
