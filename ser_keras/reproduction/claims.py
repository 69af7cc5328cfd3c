"""What a paper says of two rows, judged on what both of ours judged."""

import dataclasses

from ser_keras.reproduction import metrics, rows

HELD, REVERSED, UNRESOLVED, NOT_RUN = "held", "reversed", "unresolved", "not run"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim under a protocol.

    Attributes:
        claim: rows.Claim.
        setup: the protocol's name, and the condition where there is one.
        leaky: whether its figures are.
        verdict: `held` (the whole interval of better minus than is above 0), `reversed` (below), `unresolved`, or
            `not run`.
        reported: difference of the reported figures, None where one isn't reported.
        measure: what is compared, `wa` or `uar`.
        difference: figures.Figure of better minus than, or None.
        n: how many windows or utterances both judged.
        reason: why it wasn't run; blank otherwise.
    """

    claim: rows.Claim
    setup: str
    leaky: bool
    verdict: str
    reported: float | None
    measure: str
    difference: metrics.Figure | None = None
    n: int = 0
    reason: str = ""


def judge(outcomes):
    """Every claim of the papers that outcomes belong to, under every protocol.

    Args:
        outcomes: list of running.Outcome.

    Returns:
        list of Verdict, in the order of protocols and claims; claims of which neither row was run are left out.
    """
    verdicts = []
    for setup in dict.fromkeys(outcome.setup for outcome in outcomes):
        found = {outcome.row.id: outcome for outcome in outcomes if outcome.setup == setup}
        papers = dict.fromkeys(outcome.row.paper for outcome in found.values())
        for claim in rows.claims(papers):
            if any(name in found and found[name].has_figures for name in (claim.better, claim.than)):
                verdicts.append(_judge(claim, setup, found))
    return verdicts


def _judge(claim, setup, found):
    known, one = rows.table(), next(iter(found.values()))
    run_on = one.protocol, one.condition, one.corpora
    pair = [known[name] for name in (claim.better, claim.than)]
    reported = [row.reported(*run_on)[0] for row in pair]
    if pair[0].corpora != pair[1].corpora:  # then their reported figures can't be subtracted
        reported = [None, None]
    verdict = Verdict(
        claim,
        setup,
        one.leaky,
        NOT_RUN,
        None if None in reported else reported[0] - reported[1],
        known[claim.better].measure,
    )
    for name in (claim.better, claim.than):
        if name not in found or not found[name].has_figures:
            return dataclasses.replace(verdict, reason=f"{name} wasn't run")
    better, than = (found[name].judged.at(claim.level) for name in (claim.better, claim.than))
    if better is None or than is None:
        return dataclasses.replace(verdict, reason=f"one of them judges no {claim.level}s")
    difference, n = metrics.difference(better, than, verdict.measure, one.by_speaker)
    if difference is None:
        return dataclasses.replace(verdict, reason="they share no test material, or their classes differ")
    word = HELD if difference.low > 0 else REVERSED if difference.high < 0 else UNRESOLVED
    return dataclasses.replace(verdict, verdict=word, difference=difference, n=n)


def text(verdicts):
    """The verdicts as lines."""
    if not verdicts:
        return []
    lines = [
        "claims of the paper, each as the first row above the second, with the difference in points and its interval:"
    ]
    for setup in dict.fromkeys(v.setup for v in verdicts):
        own = [v for v in verdicts if v.setup == setup]
        lines.append(f"  {setup}{' (LEAKY)' if own[0].leaky else ''}")
        for v in own:
            numbers = v.reason
            if v.difference is not None:
                reported = "" if v.reported is None else f"reported {100 * v.reported:+.1f}; "
                numbers = (
                    f"{100 * v.difference.value:+.1f} [{100 * v.difference.low:+.1f}, {100 * v.difference.high:+.1f}] "
                    f"({reported}{metrics.MEASURES[v.measure]}, {v.n} {v.claim.level}s)"
                )
            lines.append(f"    {v.verdict:<10}  {v.claim.better} > {v.claim.than}: {numbers}")
            if v.difference is not None:
                lines.append(f"    {'':<10}  {v.claim.text}")
    return lines
