"""How a page is rendered: templates, the form of figures, pictures inlined in light and in dark."""

import base64
import math
from pathlib import Path

import jinja2

from ser_keras.common.files import write_atomic
from ser_keras.common.text import duration
from ser_keras.evaluation.reports import plots


def write_page(path, template, folders=(), **content):
    """Render a template of this folder, or of one of `folders`, to a file; every string is escaped."""
    loader = jinja2.FileSystemLoader([Path(__file__).parent, *folders])
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "interval": interval, "duration": time_taken, "capitalise": capitalise}
    text = environment.get_template(template).render(**content)
    write_atomic(path, text.encode("utf-8", "replace"))  # file names may hold bytes that are no UTF-8


def percent(value, digits=1):
    """`68.0 %`, or a dash where there is no figure."""
    return f"{100 * value:.{digits}f}\u202f%" if is_number(value) else "–"


def interval(pair):
    """`63.9 to 72.0 %`, or a dash where there is none."""
    low, high = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (None, None)
    return f"{100 * low:.1f} to {100 * high:.1f}\u202f%" if is_number(low) and is_number(high) else "–"


def capitalise(text):
    """The text with its first letter large (Python's own makes the others small)."""
    return text[:1].upper() + text[1:]


def time_taken(seconds: float | None) -> str:
    """The exact `common.text.duration`, or a dash where there is none."""
    return duration(seconds, exact=True) if is_number(seconds) else "–"


def picture(draw, alt):
    """Draw a figure in light and in dark for inlining.

    Args:
        draw: function of a theme -> matplotlib Figure, or None where there is nothing to draw.
        alt: what the figure shows, for those who don't see it.

    Returns:
        dict for the template's `picture`, or None.
    """
    figure = draw(plots.LIGHT)
    if figure is None:
        return None
    width, height = figure.get_size_inches()
    light, dark = (base64.b64encode(plots.png(f)).decode() for f in (figure, draw(plots.DARK)))
    return {"light": light, "dark": dark, "width": round(width * 100), "height": round(height * 100), "alt": alt}


def is_number(value):
    """Whether a value from JSON is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)
