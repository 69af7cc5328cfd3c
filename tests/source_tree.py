"""A copy of what a wheel is built from, so that building leaves nothing in the repository."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE_FOLDERS = {"ser_keras": "ser_keras", "export": "ser_keras/export", "tuning": "ser_keras/tuning"}  # in a wheel
FILES = ("pyproject.toml", "README.md", "LICENSE", "Makefile")


def copy_source_tree(target):
    """Copy the packages and the files that building and checking them needs into `target`; returns it."""
    target.mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, target / name)
    for name in PACKAGE_FOLDERS:
        shutil.copytree(ROOT / name, target / name, ignore=_ignored)
    return target


def package_files(pattern):
    """Paths, as in a wheel, of the package's files that match a glob pattern."""
    return {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, place in PACKAGE_FOLDERS.items()
        for path in (ROOT / folder).rglob(pattern)
        if not any((ROOT / folder / part) in (path, *path.parents) for part in _passed_over(ROOT / folder))
    }


def _passed_over(folder):
    """Names in a package's folder that aren't its own: links to the other packages, and a built web demo."""
    links = [path.name for path in folder.iterdir() if path.is_symlink()]
    return ["web", *links] if folder.name == "ser_keras" else links


def _ignored(folder, names):
    own = _passed_over(Path(folder)) if Path(folder).parent == ROOT else []
    return {"__pycache__", *own} & set(names)
