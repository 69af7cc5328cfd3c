"""What a paper says of two rows, judged on what both of ours judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from ser_keras.evaluation import MEASURES, Estimate
from ser_keras.reproduction import metrics, rows
from ser_keras.reproduction.outcomes import Outcome

Word: TypeAlias = Literal["held", "reversed", "unresolved", "not run"]
HELD: Word
REVERSED: Word
UNRESOLVED: Word
NOT_RUN: Word
HELD, REVERSED, UNRESOLVED, NOT_RUN = "held", "reversed", "unresolved", "not run"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim under a protocol.

    Attributes:
        claim: what the paper says.
        setup: the protocol's name, and the condition where there is one.
        leaky: whether its metrics are.
        verdict: `held` (the whole interval of better minus than is above 0), `reversed` (below), `unresolved`, or
            `not run`.
        reported: difference of the reported figures, None where one is not reported.
        measure: what is compared.
        difference: `better` minus `than`, or None.
        n: how many windows or utterances both judged.
        reason: why it wasn't run; blank otherwise.
    """

    claim: rows.Claim
    setup: str
    leaky: bool
    verdict: Word
    reported: float | None
    measure: metrics.MeasureName
    difference: Estimate | None = None
    n: int = 0
    reason: str = ""


def judge(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Every claim of the papers that outcomes belong to, under every protocol.

    Args:
        outcomes: rows that were run or refused.

    Returns:
        Verdicts in the order of protocols and claims; claims of which neither row was run are left out.
    """
    verdicts = []
    for setup in dict.fromkeys(outcome.setup for outcome in outcomes):
        by_row = {outcome.row.id: outcome for outcome in outcomes if outcome.setup == setup}
        papers = dict.fromkeys(outcome.row.paper for outcome in by_row.values())
        for claim in rows.claims(papers):
            if any(name in by_row and by_row[name].has_metrics for name in (claim.better, claim.than)):
                verdicts.append(_judge(claim, setup, by_row))
    return verdicts


def _judge(claim: rows.Claim, setup: str, by_row: Mapping[str, Outcome]) -> Verdict:
    one = next(iter(by_row.values()))
    better_row, than_row = rows.table()[claim.better], rows.table()[claim.than]
    reported = _reported_difference(better_row, than_row, one)
    measure = better_row.require_measure()
    verdict = Verdict(claim, setup, leaky=one.leaky, verdict=NOT_RUN, reported=reported, measure=measure)
    for name in (claim.better, claim.than):
        if name not in by_row or not by_row[name].has_metrics:
            return dataclasses.replace(verdict, reason=f"{name} wasn't run")
    better, than = (by_row[name].judged.at(claim.level) for name in (claim.better, claim.than))
    if better is None or than is None:
        return dataclasses.replace(verdict, reason=f"one of them judges no {claim.level}s")
    difference, n = metrics.difference(better, than, measure, by_speaker=one.by_speaker)
    if difference is None:
        return dataclasses.replace(verdict, reason="they share no test material, or their classes differ")
    word = HELD if difference.low > 0 else REVERSED if difference.high < 0 else UNRESOLVED
    return dataclasses.replace(verdict, verdict=word, difference=difference, n=n)


def _reported_difference(better: rows.Row, than: rows.Row, run_on: Outcome) -> float | None:
    """Difference of the reported figures; None where one is not reported, or where they are of other corpora."""
    figures = [row.reported(run_on.protocol, run_on.condition, run_on.corpora)[0] for row in (better, than)]
    if better.corpora != than.corpora or figures[0] is None or figures[1] is None:
        return None
    return figures[0] - figures[1]


def text(verdicts: Sequence[Verdict]) -> list[str]:
    """The verdicts as lines."""
    if not verdicts:
        return []
    lines = [
        "claims of the paper, each as the first row above the second, with the difference in points and its interval:"
    ]
    for setup in dict.fromkeys(v.setup for v in verdicts):
        of_setup = [v for v in verdicts if v.setup == setup]
        lines.append(f"  {setup}{' (LEAKY)' if of_setup[0].leaky else ''}")
        for v in of_setup:
            numbers = v.reason
            if v.difference is not None:
                reported = "" if v.reported is None else f"reported {100 * v.reported:+.1f}; "
                numbers = (
                    f"{100 * v.difference.value:+.1f} [{100 * v.difference.low:+.1f}, {100 * v.difference.high:+.1f}] "
                    f"({reported}{MEASURES[v.measure].title}, {v.n} {v.claim.level}s)"
                )
            lines.append(f"    {v.verdict:<10}  {v.claim.better} > {v.claim.than}: {numbers}")
            if v.difference is not None:
                lines.append(f"    {'':<10}  {v.claim.text}")
    return lines
