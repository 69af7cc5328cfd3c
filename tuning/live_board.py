"""What one sees of a running search: a live table on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras.common.progress import say
from ser_keras.common.text import duration
from ser_keras.tuning import outcome
from ser_keras.tuning.trials import describe

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from ser_keras.tuning.durable_oracle import Durable
    from ser_keras.tuning.outcome import TrialResult
    from ser_keras.tuning.search import Search

SHOWN = 12  # rows of the live table


class Board:
    """Keeps `trials.csv` and what is on the terminal up to date while a search runs.

    Args:
        search: the search that runs.
        oracle: its oracle.
        folder: the search's folder.
    """

    def __init__(self, search: Search, oracle: Durable, folder: Path) -> None:
        self.search, self.oracle, self.folder = search, oracle, folder
        self._before = {r.id for r in outcome.rows(oracle) if _is_done(r)}  # trials done before this start
        self._shown = set(self._before)  # trials whose line or row was shown
        self._live: Live | None = None  # the live table; None where standard error is no terminal
        self._began = time.monotonic()

    def __enter__(self) -> Board:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            # The terminal's own stream: a trial sends what it says to its log.
            console = Console(file=sys.stderr)
            self._live = Live(get_renderable=self.table, console=console, refresh_per_second=1)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.changed()
        if self._live is not None:
            self._live.stop()

    def changed(self) -> None:
        """A trial has begun, done a fold or ended; does little where nothing is new."""
        table = outcome.rows(self.oracle)
        new = [r for r in table if _is_done(r) and r.id not in self._shown]
        if not new:
            return
        self._shown |= {r.id for r in new}
        outcome.write(self.folder, table, self.search.space.axes)
        if self._live is None:
            best = next(iter(outcome.ranked(table)), None)
            for r in new:
                say(f"trial {r.id}: {r} ({describe(r.values)}){self._standing(table, best)}")

    def _standing(self, table: list[TrialResult], best: TrialResult | None) -> str:
        """The best trial so far and the time left, for the end of a line."""
        seconds = self.time_left(table)
        standing = f"; best {best} (trial {best.id})" if best else ""
        return standing + (f"; {len(self._shown)} done, about {duration(seconds)} left" if seconds is not None else "")

    def time_left(self, table: list[TrialResult]) -> float | None:
        """Seconds until all trials are done, by the pace of this start; None before the first, or without an end."""
        done = len([r for r in table if _is_done(r) and r.id not in self._before])
        expected = self.oracle.expected_trials()
        if not done or expected is None:
            return None
        remaining = max(0, expected - len([r for r in table if _is_done(r)]))
        return (time.monotonic() - self._began) / done * remaining

    def table(self) -> Table:
        """The live table: the best trials, and those that run."""
        from rich.table import Table

        table = outcome.rows(self.oracle)
        done = [r for r in table if _is_done(r)]
        best = outcome.ranked(table)
        seconds, expected = self.time_left(table), self.oracle.expected_trials()
        title = f"{self.search.space.name}: {len(done)}{f' of {expected}' if expected else ''} trials"
        title += f", about {duration(seconds)} left" if seconds is not None else ""
        shown = Table(title=title, expand=False)
        shown.add_column("trial")
        shown.add_column("settings", overflow="fold")
        shown.add_column("folds", justify="right")
        shown.add_column("mean UAR", justify="right")
        shown.add_column("state")
        running = [r for r in table if r.status == "running"]
        for r in [*best[: SHOWN - len(running)], *running]:
            figures = (
                f"{100 * r.uar:.1f}" + (f" ± {100 * r.uar_sd:.1f}" if r.uar_sd is not None else "") if r.uar else ""
            )
            state = "best" if best and r.id == best[0].id else r.status
            folds = f"{len(r.folds)}/{self.search.request.folds}"
            style = "bold" if state == "best" else "cyan" if r.status == "running" else None
            shown.add_row(r.id, r.settings_text, folds, figures, state, style=style)
        return shown


def _is_done(row: TrialResult) -> bool:
    return row.status not in ("running", "waiting")
