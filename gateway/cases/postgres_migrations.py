"""The schema of the PostgreSQL store: numbered files, applied in order, by one gateway at a time.

Room rule: as `gateway.cases`. Gateways of the version before go on working while a new one starts
beside them, so a script only adds; what is not needed any more goes one version later.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.cases.postgres_database import Connection

__all__ = ["FOLDER", "migrate", "scripts"]

FOLDER: Final = Path(__file__).parent / "migrations" / "postgres"
LOCK: Final = 0x6361_7365_7321
"""What all gateways lock while they migrate; any number that no one else on the server uses."""
TIME_LIMIT: Final = 120.0
"""Seconds that one script, or waiting for another gateway that migrates, may take."""

_VERSION: Final = "SELECT coalesce(max(version), 0) FROM schema_versions"


def scripts(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the scripts in the order of their numbers; reads files. Raises `StartError`."""
    paths = sorted(folder.glob("*.sql"))
    for number, path in enumerate(paths, 1):
        if not path.name.startswith(f"{number:04}_"):
            raise StartError(f"{path.name} is not migration {number:04}; reinstall the gateway.")
    return tuple(path.read_text("utf-8") for path in paths)


async def migrate(connection: Connection, migrations: Sequence[str]) -> None:
    """Bring the schema up to date, in one transaction: it is there whole or not at all.

    Raises `StartError` when a newer version of the gateway has been at it already.
    """
    async with connection.transaction():
        # A transaction's lock: it goes with the transaction, whatever happens to the gateway.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=TIME_LIMIT)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions ("
            "version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        version = await connection.fetchval(_VERSION)
        if version > len(migrations):
            raise StartError(
                f"The case store was migrated by a newer version of the gateway (schema {version}, "
                f"this one knows {len(migrations)}). Start that version, or name another database."
            )
        for number, script in enumerate(migrations[version:], version + 1):
            await connection.execute(script, timeout=TIME_LIMIT)
            await connection.execute("INSERT INTO schema_versions (version) VALUES ($1)", number)
