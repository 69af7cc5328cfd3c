"""A reproduction, with the lines that a terminal shows of it."""

from ser_keras.cli import texts
from ser_keras.reproduction.running import reproduce


def reproduce_with_lines(names, corpora, out, **options):
    """The result, and the lines in their order."""
    lines = []
    result = reproduce(names, corpora, out, announce=lambda event: lines.append(str(event)), **options)
    return result, [*lines, *texts.reproduction(result)]
