"""What a figure was measured on; no host name, no path."""

import contextlib
import os
import platform
from pathlib import Path


def hardware():
    """`system` and architecture, `cpu`'s name, number of `cores`."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"system": f"{platform.system()} {platform.machine()}", "cpu": model, "cores": os.cpu_count()}
