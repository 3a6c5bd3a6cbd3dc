"""Loading the routes: at start all or nothing, later as much as is good.

Room rule: as `gateway.background`. Files are read in a thread; the new snapshot is complete before
it is put in place, and one department's slip stops nobody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import StartError
from gateway.handling.admission import key_digest
from gateway.handling.live_routes import LiveRoutes, RouteBoard
from gateway.routing.difference import Merged, merge
from gateway.routing.loader import ContentDigest, Loaded, load_routes
from gateway.routing.secrets import Resolved, resolve_secrets
from gateway.routing.sources import UnreadableFileError, read_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gateway.handling.live_routes import ChannelKeys, RouteBuilder
    from gateway.routing.loader import SecretPlace
    from gateway.routing.model import Routes, SecretRef
    from gateway.routing.problem import Problem
    from gateway.telemetry.metrics import Metrics

__all__ = ["ReloadState", "RoutesReload"]

UNREADABLE: Final = "unreadable"

SHOWN: Final = 20
"""Problems that are written to the log at once; all are on the ops door."""

_log = logging.getLogger("gateway.routes")


@dataclass(frozen=True, slots=True)
class ReloadState:
    """What runs and what was refused, for the ops door; times in UTC.

    `refused` has the problems by service; `rejected` those of a file of which nothing was taken,
    `rejected_digest` names its contents (None when it could not be read).
    """

    loaded_at: datetime
    result: str
    result_at: datetime
    refused: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    rejected: tuple[Problem, ...] = ()
    rejected_digest: str | None = None


class _ChannelSecrets(NamedTuple):
    """Keys, and what callbacks are signed with, by channel; values, never to be shown."""

    keys: ChannelKeys
    callbacks: dict[str, str]


class RoutesReload:
    """Reads `path`, builds snapshots and puts them on the board.

    `given` are secrets that need not be looked up. `swapped` is called with each new snapshot after
    it is in place. `seen` is what `look` would have returned when the files were read last.
    """

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        builder: RouteBuilder,
        metrics: Metrics,
        swapped: Callable[[LiveRoutes], None],
        *,
        given: Mapping[SecretRef, str] | None = None,
    ) -> None:
        self._path = path
        self._environ = environ
        self._given = given or {}
        self._builder = builder
        self._metrics = metrics
        self._swapped = swapped
        self._content = ContentDigest(path)
        self._secrets: Mapping[SecretRef, SecretPlace] = {}
        self._schemas: tuple[str, ...] = ()
        self._board: RouteBoard | None = None
        self._state: ReloadState | None = None
        self.seen = UNREADABLE

    @property
    def state(self) -> ReloadState:
        """What happened last; only after `first`."""
        if self._state is None:
            raise RuntimeError("the routes have not been loaded yet")
        return self._state

    async def first(self) -> RouteBoard:
        """Load at start; raises `StartError` with every problem when there is any."""
        loaded, keys, problems = await asyncio.to_thread(self._read)
        if problems or loaded.routes is None:
            raise StartError(_start_text(self._path, problems))
        live = self._builder.build(loaded.routes, keys.keys, None, keys.callbacks)
        self._board = RouteBoard(live)
        now = datetime.now(UTC)
        self._state = ReloadState(now, "applied", now)
        self._took_effect(live, loaded.digest, now)
        return self._board

    async def reload(self) -> None:
        """Load again and apply what is good; never raises for what is in the file."""
        board = self._board
        if board is None:
            raise RuntimeError("reload before the first load")
        try:
            loaded, keys, problems = await asyncio.to_thread(self._read)
        except UnreadableFileError as error:
            self._refuse_all((error.problem,), None)
            return
        if not problems and _runs(loaded, keys, board.current):
            self._note_unchanged()
            return
        merged = merge(board.current.routes, loaded)
        if not merged.applied or any(problem.service is None for problem in problems):
            self._refuse_all(problems, loaded.digest)
            return
        self._apply(board, merged, keys)

    def _apply(self, board: RouteBoard, merged: Merged, keys: _ChannelSecrets) -> None:
        live = self._builder.build(merged.routes, keys.keys, board.current, keys.callbacks)
        board.swap(live)
        now = datetime.now(UTC)
        result = "partial" if merged.refused or merged.kept else "applied"
        self._state = ReloadState(now, result, now, merged.refused)
        self._metrics.routes_reload(result)
        self._metrics.routes_refused(sorted(merged.refused))
        self._took_effect(live, merged.routes.digest, now)
        _log.info(
            "routes reloaded",
            extra={
                "fields": {
                    "result": result,
                    "digest": merged.routes.digest,
                    "added": sorted(merged.added),
                    "changed": sorted(merged.changed),
                    "removed": sorted(merged.removed),
                    "refused": sorted(merged.refused),
                }
            },
        )
        _log_problems([problem for group in merged.refused.values() for problem in group])

    def _took_effect(self, live: LiveRoutes, digest: str, now: datetime) -> None:
        self._metrics.routes_loaded(digest, now.timestamp())
        self._swapped(live)

    def _refuse_all(self, problems: tuple[Problem, ...], digest: str | None) -> None:
        state = self.state
        self._state = ReloadState(
            state.loaded_at, "refused", datetime.now(UTC), state.refused, problems, digest
        )
        self._metrics.routes_reload("refused")
        self._metrics.routes_refused([*sorted(state.refused), "-"])
        _log.error(
            "routes refused: the last good version runs on", extra={"fields": {"digest": digest}}
        )
        _log_problems(list(problems))

    def _note_unchanged(self) -> None:
        now = datetime.now(UTC)
        self._state = ReloadState(self.state.loaded_at, "unchanged", now)
        self._metrics.routes_reload("unchanged")
        self._metrics.routes_refused(())

    def look(self) -> str:
        """Return a text that differs when the files or the keys do; runs in a thread."""
        try:
            content = self._content.current(self._schemas)
        except (UnreadableFileError, OSError):  # OSError: it went while it was looked at
            return UNREADABLE
        return _stamp(content, self._resolve().values)

    def _read(self) -> tuple[Loaded, _ChannelSecrets, tuple[Problem, ...]]:
        """Runs in a thread: files are read, and keys looked up, here."""
        self.seen = UNREADABLE
        loaded = load_routes(self._path)
        self._secrets, self._schemas = loaded.secrets, loaded.schemas
        resolved = self._resolve()
        self.seen = _stamp(loaded.digest, resolved.values)
        problems = (*loaded.problems, *resolved.problems)
        return loaded, _channel_secrets(loaded.routes, resolved.values), problems

    def _resolve(self) -> Resolved:
        sought = {ref: place for ref, place in self._secrets.items() if ref not in self._given}
        found = resolve_secrets(sought, self._environ, read_bounded, self._path.parent)
        given = {ref: value for ref, value in self._given.items() if ref in self._secrets}
        return Resolved({**given, **found.values}, found.problems)


def _stamp(content: str, values: Mapping[SecretRef, str]) -> str:
    """Name a state of files and keys; a key that was put in a file's place changes it."""
    keys = "\n".join(sorted(f"{reference} {value}" for reference, value in values.items()))
    return f"{content} {hashlib.sha256(keys.encode()).hexdigest()}"


def _runs(loaded: Loaded, secrets: _ChannelSecrets, live: LiveRoutes) -> bool:
    """Whether exactly these files and keys are in force."""
    owners = {key_digest(key): id_ for id_, values in secrets.keys.items() for key in values}
    running = {digest: channel.id for digest, (_, channel) in live.keys.items()}
    return (
        loaded.digest == live.routes.digest
        and owners == running
        and secrets.callbacks == live.callback_secrets
    )


def _channel_secrets(routes: Routes | None, values: Mapping[SecretRef, str]) -> _ChannelSecrets:
    channels = () if routes is None else routes.channels.values()
    keys = {
        channel.id: tuple(values[key].encode() for key in channel.keys if key in values)
        for channel in channels
    }
    callbacks = {
        channel.id: values[channel.callback.secret]
        for channel in channels
        if channel.callback is not None and channel.callback.secret in values
    }
    return _ChannelSecrets(keys, callbacks)


def _start_text(path: Path, problems: tuple[Problem, ...]) -> str:
    lines = [f"{path} cannot be used; nothing was started."]
    lines += [_line(problem) for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"… and {len(problems) - SHOWN} more.")
    lines.append(f"Everything about them: gateway check {path}")
    return "\n".join(lines)


def _line(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}:{problem.column}"
    return f"{place}: [{problem.code}] {problem.message} {problem.fix}"


def _log_problems(problems: list[Problem]) -> None:
    for problem in problems[:SHOWN]:
        _log.error("%s", _line(problem), extra={"fields": {"problem": problem.as_json()}})
