"""What a figure was measured on; no host name, no path."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import TypedDict


class Hardware(TypedDict):
    """`system` and architecture, `cpu`'s name, number of `cores` (None where the system does not tell)."""

    system: str
    cpu: str
    cores: int | None


def hardware() -> Hardware:
    """This machine."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"system": f"{platform.system()} {platform.machine()}", "cpu": model, "cores": os.cpu_count()}
