"""A bundle as Python users hold it: what an app embeds, with its sizes, times and figures."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.errors import NotFound
from ser_keras.common.files import read_json
from ser_keras.common.text import html_table

if TYPE_CHECKING:
    from ser_keras.export.bundle_json import BundleJson


class Bundle:
    """A bundle: the folder that apps embed. `Run.export` makes one; `ser_keras.load` and `predict` take it.

    Args:
        path: the folder.

    Raises:
        NotFound: it holds no bundle.json.

    Example:
        >>> import ser_keras
        >>> from ser_keras.runtime.bundle import DEFAULT_MODEL, PRETRAINED
        >>> bundle = ser_keras.Bundle(PRETRAINED / DEFAULT_MODEL)
        >>> bundle.default, bundle.sizes[bundle.default] > 10_000
        ('model.tflite', True)
        >>> ser_keras.load(bundle).classes == bundle.classes
        True
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "bundle.json").is_file():
            raise NotFound(f"{path} is no bundle: it holds no bundle.json")

    def __fspath__(self) -> str:
        """The folder, so that a bundle can stand wherever a path can."""
        return str(self.path)

    @functools.cached_property
    def index(self) -> BundleJson:
        """The content of bundle.json; docs/mobile-developer.md describes it."""
        content: BundleJson = read_json(self.path / "bundle.json")
        return content

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return tuple(self.index["classes"])

    @property
    def default(self) -> str:
        """The file that the bundle recommends."""
        return self.index["default"]

    @property
    def files(self) -> list[Path]:
        """The files of the bundle."""
        return [self.path / name for name in self.index["files"]]

    @property
    def sizes(self) -> dict[str, int]:
        """File -> bytes."""
        return {name: entry["bytes"] for name, entry in self.index["files"].items()}

    @property
    def latencies(self) -> dict[str, float]:
        """`.tflite` file -> median milliseconds a window takes on one thread of the machine that exported it."""
        return {name: latency["median_ms"] for name, latency in self.index["latency"].items()}

    @property
    def uar(self) -> dict[str, float | None]:
        """`.tflite` file -> UAR of the converted fold models on their test utterances; None where not measured."""
        estimates = self.index["uar_estimate"].items()
        return {name: None if estimate is None else estimate["uar"] for name, estimate in estimates}

    @property
    def lines(self) -> list[str]:
        """The files for people: size, latency, how near they are to Keras; what was left out, and why."""
        index, lines = self.index, []
        for name, estimate in index["uar_estimate"].items():
            line = f"{name}{' (default)' if name == self.default else ''}: {self.sizes[name] / 1000:.0f} KB, "
            line += f"{self.latencies[name]:.1f} ms a window on one thread"
            line += f", largest difference from Keras {index['difference'][name]['largest']:.1e}"
            if estimate is not None:
                line += f", UAR {estimate['uar']:.3f} (Keras {estimate['keras_uar']:.3f}) on {estimate['n']} utterances"
            lines.append(line)
        lines += [f"{name} left out: {reason}" for name, reason in index["left_out"].items()]
        if index["step"] is not None:
            file = index["step"]["file"]
            lines.append(f"{file}: {self.sizes[file] / 1000:.0f} KB, for audio chunk by chunk")
        if index["uar_estimate_missing"]:
            lines.append(f"the converted files were not measured on test audio: {index['uar_estimate_missing']}")
        return lines

    def __repr__(self) -> str:
        return "\n ".join([f"<Bundle {self.path}: {', '.join(self.classes)}", *self.lines]) + ">"

    def _repr_html_(self) -> str:
        rows = []
        for name, uar in self.uar.items():
            size, latency = f"{self.sizes[name] / 1000:.0f} KB", f"{self.latencies[name]:.1f} ms"
            rows.append((name, size, latency, None if uar is None else f"{100 * uar:.1f}"))
        heads = ["file", "size", "a window, one thread", "UAR, %"]
        return html_table(heads, rows, f"{self.path}: {', '.join(self.classes)}; {self.default} is the default")
