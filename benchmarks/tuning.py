"""Two workers on half the cores each against one worker with all of them: seconds for the same trials, and CPU use.

    python benchmarks/tuning.py --corpus emodb=PATH

Each way runs the same grid points of one space in a fresh directory; the caches are warm. The time is that of the
trials alone, from the first one's start to the last one's end: starting up, and the winner's score at the end, are the
same for both. Run it on a machine that does nothing else.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

SPACE = {
    "title": "trials of equal cost",
    "recipe": "anand2015.r2",
    "set": {"training.epochs": 5},
    "vary": {"training.learning_rate": {"min": 1e-4, "max": 1e-3, "scale": "log", "steps": 4}, "model.l2": [0.0, 1e-4]},
}


def run(corpora, filters, n_workers, folder):
    """Run the search; returns (seconds of its trials, CPUs in use, {part: share of the workers' time})."""
    space, out = folder / "space.yaml", folder / f"workers{n_workers}"
    space.write_text(yaml.safe_dump({**SPACE, "set": {**SPACE["set"], "model.filters": [filters]}}))
    command = [sys.executable, "-m", "ser_keras", "tune", str(space), "--strategy=grid", "--stop-behind=1"]
    command += [f"--corpus={c}" for c in corpora] + [f"--workers={n_workers}", f"--out={out}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    begun = min(_begun(log) for log in out.glob("trials/*/log.txt"))
    ended = max(p.stat().st_mtime for p in out.glob("trials/*/folds/*/fold.json"))
    sessions = [json.loads(p.read_text()) for p in (out / "time").glob("*.json")]
    wall = sum(s["wall"] for s in sessions)
    parts = {part: sum(s["seconds"][part] for s in sessions) / wall for part in sessions[0]["seconds"]}
    return ended - begun, sum(s["cpu"] for s in sessions) / wall * len(sessions), parts


def _begun(log):
    first = re.match(r"[-\d]+ [:\d]+", log.read_text()).group()
    return datetime.datetime.strptime(first, "%Y-%m-%d %H:%M:%S").timestamp()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--corpus", metavar="NAME=PATH", action="append", required=True)
    arguments.add_argument("--filters", type=int, nargs="*", default=[32, 256], help="sizes of the net: 64x5 filters")
    chosen = arguments.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores; 8 trials of 3 folds, 5 epochs, {', '.join(chosen.corpus)}")
    heads = ("filters", "workers", "trials, s", "CPUs in use", "steps", "first steps", "around")
    print(" ".join(f"{head:>11}" for head in heads))
    for filters in chosen.filters:
        seconds = {}
        for n_workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                if not seconds:
                    run(chosen.corpus, filters, 1, Path(folder))  # fills the caches
            with tempfile.TemporaryDirectory() as folder:
                seconds[n_workers], cpus, parts = run(chosen.corpus, filters, n_workers, Path(folder))
            shares = [f"{100 * parts[p]:.0f} %" for p in ("steps", "first steps", "around steps")]
            cells = (filters, n_workers, f"{seconds[n_workers]:.1f}", f"{cpus:.2f}", *shares)
            print(" ".join(f"{cell:>11}" for cell in cells))
        print(f"{'':11} two workers take {seconds[2] / seconds[1]:.2f} of the time of one")
    print(time.strftime("%Y-%m-%d"))


if __name__ == "__main__":
    main()
