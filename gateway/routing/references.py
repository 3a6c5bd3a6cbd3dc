"""What names say of each other, once all files are read: departments, grants, readers, secrets.

Room rule: a definition that is broken counts as defined, and a part of the file that could not be
read counts as defining everything, so that one mistake gives one problem.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from gateway.errors import Text
from gateway.routing.grants import MAX_COMPARISONS, Grants
from gateway.routing.nearest import Nearest
from gateway.routing.notations import GRANT
from gateway.routing.reading import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.routing.reading import Mention, Reading

__all__ = ["check_references"]

_MOST_NAMES: Final = 20


def check_references(reading: Reading, comparisons: int = MAX_COMPARISONS) -> None:
    """Report references to what does not exist, and secrets that two channels share.

    `comparisons` limits the work that grants may cause.
    """
    if Section.DEPARTMENTS not in reading.incomplete:
        _departments(reading)
    if Section.SERVICES not in reading.incomplete:
        _grants(reading, comparisons)
    if Section.CHANNELS not in reading.incomplete:
        _case_readers(reading)
    _secrets(reading)


def _departments(reading: Reading) -> None:
    known = reading.definitions[Section.DEPARTMENTS]
    allowed, nearest = _listed(known), Nearest(known)
    for mention in reading.mentions.get("departments", ()):
        if mention.value not in known:
            near = () if reading.full else nearest.find(mention.value)
            mention.place.problem(
                "unknown_department",
                mention.node,
                found=mention.value,
                allowed=allowed,
                suggestion=near[0] if near else None,
            )


def _listed(names: Iterable[str]) -> Text:
    first = list(islice(names, _MOST_NAMES + 1))
    shown = ", ".join([*first[:_MOST_NAMES], *(["…"] if len(first) > _MOST_NAMES else [])])
    return Text(shown or "none yet", shown or "暂无")


def _grants(reading: Reading, comparisons: int) -> None:
    services = reading.definitions[Section.SERVICES]
    grants = Grants(services, comparisons)
    nearest = Nearest(services)
    families = Nearest({f"{service_id.partition('.')[0]}.*" for service_id in services})
    for mention in reading.mentions.get("grants", ()):
        if grants.exhausted:
            limit = f"{comparisons} comparisons of grants and services"
            mention.place.problem("too_many_values", mention.node, allowed=limit)
            return
        if _stays_open(reading, mention):
            continue
        if not grants.matches_any(mention.value):
            near = (
                ()
                if reading.full
                else (families if "*" in mention.value else nearest).find(mention.value)
            )
            _unmatched(mention, near[0] if near else None)


def _stays_open(reading: Reading, mention: Mention) -> bool:
    """Whether a service whose name cannot be an ID may be the one that the grant means."""
    return reading.unreadable_ids and GRANT.fullmatch(mention.value) is not None


def _unmatched(mention: Mention, suggestion: str | None) -> None:
    well_formed = GRANT.fullmatch(mention.value)
    mention.place.problem(
        "grant_without_service" if well_formed else "bad_grant",
        mention.node,
        found=mention.value,
        allowed=Text(
            "the ID of a service, or a pattern that matches one", "服务编号，或能匹配服务的通配模式"
        ),
        suggestion=suggestion,
    )


def _case_readers(reading: Reading) -> None:
    channels = reading.definitions[Section.CHANNELS]
    allowed, nearest = _listed(channels), Nearest(channels)
    for value, node, place in reading.mentions.get("case_readers", ()):
        own = place.path[1]
        if value == own:
            others = _listed(name for name in channels if name != own)
            place.problem("case_reader_itself", node, found=value, allowed=others)
        elif value not in channels:
            near = () if reading.full else nearest.find(value, 2)
            meant = next((name for name in near if name != own), None)
            place.problem("unknown_channel", node, found=value, allowed=allowed, suggestion=meant)


def _secrets(reading: Reading) -> None:
    first: dict[object, Mention] = {}
    for mention in reading.mentions.get("secrets", ()):
        known = first.setdefault(mention.value, mention)
        if known.place.path[:2] != mention.place.path[:2]:
            mention.place.problem(
                "secret_shared",
                mention.node,
                allowed=Text("a secret of its own for each channel", "每个渠道使用单独的密钥"),
                first=f"{known.place.file}:{known.node.line}:{known.node.column}",
            )
