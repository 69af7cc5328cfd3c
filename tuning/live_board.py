"""What one sees of a running search: a live table on a terminal, a line a trial elsewhere."""

import sys
import time

from ser_keras.common.progress import say
from ser_keras.common.text import duration
from ser_keras.tuning import outcome
from ser_keras.tuning.trials import describe

SHOWN = 12  # rows of the live table


class Board:
    """Keeps `trials.csv` and what is on the terminal up to date while a search runs.

    Args:
        search: search.Search.
        oracle: Durable.
        folder: the search's folder.
    """

    def __init__(self, search, oracle, folder):
        self.search, self.oracle, self.folder = search, oracle, folder
        self._before = {r.id for r in outcome.rows(oracle) if _is_done(r)}
        self._told, self._live, self._began = set(self._before), None, time.monotonic()

    def __enter__(self):
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            # The terminal's own stream: a trial sends what it says to its log.
            console = Console(file=sys.stderr)
            self._live = Live(get_renderable=self.table, console=console, refresh_per_second=1)
            self._live.start()
        return self

    def __exit__(self, *_):
        self.changed()
        if self._live is not None:
            self._live.stop()

    def changed(self):
        """A trial has begun, done a fold or ended; does little where nothing is new."""
        table = outcome.rows(self.oracle)
        new = [r for r in table if _is_done(r) and r.id not in self._told]
        if not new:
            return
        self._told |= {r.id for r in new}
        outcome.write(self.folder, table, self.search.space.axes)
        if self._live is None:
            best = next(iter(outcome.ranked(table)), None)
            for r in new:
                say(f"trial {r.id}: {outcome.said(r)} ({describe(r.values)}){self._standing(table, best)}")

    def _standing(self, table, best):
        left = self.time_left(table)
        standing = f"; best {outcome.said(best)} (trial {best.id})" if best else ""
        return standing + (f"; {len(self._told)} done, about {duration(left)} left" if left is not None else "")

    def time_left(self, table):
        """Seconds until all trials are done, by the pace of this start; None before the first, or without an end."""
        done = len([r for r in table if _is_done(r) and r.id not in self._before])
        expected = self.expected()
        if not done or expected is None:
            return None
        left = max(0, expected - len([r for r in table if _is_done(r)]))
        return (time.monotonic() - self._began) / done * left

    def expected(self):
        """How many trials there will be, or None."""
        oracle = self.oracle
        if hasattr(oracle, "stages"):
            return len(oracle.points) + min(oracle.stages.finalists, len(oracle.points))
        if hasattr(oracle, "points"):
            return min(len(oracle.points), oracle.limit or len(oracle.points))
        return oracle.limit

    def table(self):
        """The live table: the best trials, and those that run."""
        from rich.table import Table

        table = outcome.rows(self.oracle)
        done = [r for r in table if _is_done(r)]
        best = outcome.ranked(table)
        left, expected = self.time_left(table), self.expected()
        title = f"{self.search.space.name}: {len(done)}{f' of {expected}' if expected else ''} trials"
        title += f", about {duration(left)} left" if left is not None else ""
        shown = Table(title=title, expand=False)
        for name, options in (
            ("trial", {}),
            ("settings", {"overflow": "fold"}),
            ("folds", {"justify": "right"}),
            ("mean UAR", {"justify": "right"}),
            ("state", {}),
        ):
            shown.add_column(name, **options)
        running = [r for r in table if r.status == "running"]
        for r in [*best[: SHOWN - len(running)], *running]:
            figures = (
                f"{100 * r.uar:.1f}" + (f" ± {100 * r.uar_sd:.1f}" if r.uar_sd is not None else "") if r.uar else ""
            )
            state = "best" if best and r.id == best[0].id else r.status
            epochs = {"tuner/epochs": r.epochs} if r.epochs else {}
            folds = f"{len(r.folds)}/{self.search.request.folds}"
            style = "bold" if state == "best" else "cyan" if r.status == "running" else None
            shown.add_row(r.id, describe({**r.values, **epochs}), folds, figures, state, style=style)
        return shown


def _is_done(row):
    return row.status not in ("running", "waiting")
