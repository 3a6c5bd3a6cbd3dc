"""Where one run takes place: a folder, the ports, and the configuration written for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.bench.processes import free_port

__all__ = ["Site"]

CONFIGURATIONS: Final = Path(__file__).parent / "configurations"


@dataclass(frozen=True, slots=True)
class Site:
    """A folder of its own, and the ports of the origin, the entry and the ops door."""

    folder: Path
    origin: int
    port: int
    ops: int

    @classmethod
    def make(cls, folder: Path, origin: int) -> Self:
        """Make the folder and pick free ports for a gateway before that origin."""
        folder.mkdir()
        return cls(folder, origin, free_port(), free_port())

    def configure(self, name: str, **values: str) -> Path:
        """Write a file of `configurations/` here, its `@NAMES@` replaced."""
        text = (CONFIGURATIONS / name).read_text(encoding="utf-8")
        ports = {"ORIGIN": str(self.origin), "PORT": str(self.port)}
        for key, value in (ports | values).items():
            text = text.replace(f"@{key}@", value)
        return self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        """Write a file here."""
        written = self.folder / name
        written.write_text(text, encoding="utf-8")
        return written
