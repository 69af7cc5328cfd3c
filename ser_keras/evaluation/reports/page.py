"""Rendering of HTML pages: templates, the format of numbers, pictures inlined in light and in dark."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, TypeGuard

import jinja2
from matplotlib.figure import Figure

from ser_keras.common.files import write_atomic
from ser_keras.common.text import duration
from ser_keras.evaluation.reports import plots


class Picture(TypedDict):
    """What the template's `picture` takes: PNG as base64 in both themes, size in pixels, and the text for the blind."""

    light: str
    dark: str
    width: int
    height: int
    alt: str


def write_page(path: Path, template: str, *, folders: Sequence[Path] = (), **content: object) -> None:
    """Render a template to a file; every string is escaped.

    Args:
        path: the file.
        template: name of a file of this folder, or of one of `folders`.
        folders: where else templates are looked for.
        content: the template's variables.

    Raises:
        SerKerasError: the file cannot be written.
    """
    loader = jinja2.FileSystemLoader([Path(__file__).parent, *folders])
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "interval": interval, "duration": time_taken, "capitalise": capitalise}
    text = environment.get_template(template).render(**content)
    write_atomic(path, text.encode("utf-8", "replace"))  # file names may hold bytes that are no UTF-8


def percent(value: float | None, digits: int = 1) -> str:
    """`68.0 %`, or a dash where there is no number."""
    return f"{100 * value:.{digits}f}\u202f%" if is_number(value) else "–"


def interval(bounds: Sequence[float | None] | None) -> str:
    """`63.9 to 72.0 %`, or a dash where there is none."""
    low, high = bounds if isinstance(bounds, list | tuple) and len(bounds) == 2 else (None, None)
    return f"{100 * low:.1f} to {100 * high:.1f}\u202f%" if is_number(low) and is_number(high) else "–"


def capitalise(text: str) -> str:
    """The text with its first letter large (Python's own makes the others small)."""
    return text[:1].upper() + text[1:]


def time_taken(seconds: float | None) -> str:
    """The exact `common.text.duration`, or a dash where there is none."""
    return duration(seconds, exact=True) if is_number(seconds) else "–"


def picture(draw: Callable[[plots.Theme], Figure | None], alt: str) -> Picture | None:
    """A plot in light and in dark, for inlining.

    Args:
        draw: draws in a theme; None where there is nothing to draw.
        alt: what the plot shows, for those who do not see it.

    Returns:
        None where there is nothing to draw.
    """
    light, dark = draw(plots.LIGHT), draw(plots.DARK)
    if light is None or dark is None:
        return None
    width, height = light.get_size_inches()
    return {
        "light": base64.b64encode(plots.png(light)).decode(),
        "dark": base64.b64encode(plots.png(dark)).decode(),
        "width": round(width * 100),
        "height": round(height * 100),
        "alt": alt,
    }


def stored_picture(path: Path, alt: str) -> Picture | None:
    """A PNG of `plots.png`, for inlining: the same in light and in dark.

    Args:
        path: the file.
        alt: what it shows, for those who do not see it.

    Returns:
        None where there is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    text = base64.b64encode(content).decode()
    scale = 100 / plots.DPI
    return {"light": text, "dark": text, "width": round(width * scale), "height": round(height * scale), "alt": alt}


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value from JSON is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)
