"""What stands beneath a table of rows: derived labels, choices on test speakers, what a choice of features is worth."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from ser_keras.evaluation import MEASURES
from ser_keras.reproduction.outcomes import Outcome

MULTITASK = "_mtl"  # a row of this ending is its namesake's, with further tasks


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Lines on the outcomes of one table.

    Args:
        outcomes: those of one setup.

    Returns:
        The lines; none where there is nothing to note.
    """
    shown = [o for o in outcomes if o.has_metrics]
    return [line for line in (_derived(shown), _spread(shown), _selected(shown)) if line]


def _derived(outcomes: Sequence[Outcome]) -> str | None:
    corpora_of = {o.row.id: o.derived_from_class for o in outcomes if o.derived_from_class}
    if not corpora_of:
        return None
    corpora = ", ".join(sorted({name for names in corpora_of.values() for name in names}))
    return f"activation and valence of {corpora} are derived from the class: {', '.join(corpora_of)}"


def _selected(outcomes: Sequence[Outcome]) -> str | None:
    ids = [o.row.id for o in outcomes if o.metrics.get("selection_overlap")]
    return f"chosen with an eye on test speakers, figures may be too good: {', '.join(ids)}" if ids else None


def _spread(outcomes: Sequence[Outcome]) -> str | None:
    """Which matters more, features or architecture (M. Neumann, 2016, conclusions)."""
    values = {o.row.id: o.metric.value for o in outcomes}
    pairs = [(values[name], values[name + MULTITASK]) for name in values if name + MULTITASK in values]
    if len(pairs) < 2:
        return None
    of_features = [100 * (max(column) - min(column)) for column in zip(*pairs, strict=True)]
    of_architectures = [100 * abs(single - several) for single, several in pairs]
    measure = MEASURES[outcomes[0].row.require_measure()].title
    return (
        f"spread of {measure} over {len(pairs)} sets of features: {statistics.mean(of_features):.1f} points; over "
        f"single and multi-task nets: {statistics.mean(of_architectures):.1f} points (means over the other)"
    )
