"""The tools that the checks need: pinned, fetched once from the package registries, verified."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

LIST = Path(__file__).with_name("tools.json")


class CheckError(Exception):
    """A check failed, or can't be made; one line."""


def call(command, what, **kwargs):
    """Run a command; what it printed is shown only where it fails.

    Args:
        command: list of str.
        what: what the error's line calls it.

    Returns:
        str: its standard output.

    Raises:
        CheckError: missing or failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    except FileNotFoundError:
        raise CheckError(f"{what}: no `{command[0]}` on this machine; install it") from None
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise CheckError(f"{what} failed (exit code {done.returncode}); what it said is above")
    return done.stdout


def fetch(folder):
    """Fetch what isn't there yet.

    Args:
        folder: Path for downloads and what is unpacked from them.

    Returns:
        dict: name -> Path of each unpacked file that `tools.json` lists under `take`.

    Raises:
        CheckError: a registry doesn't give it, or it isn't what was pinned.
    """
    taken = {}
    for package in json.loads(LIST.read_text()):
        content = folder / "downloads" / package["file"]
        unpacked = folder / f"{package['name']}-{package['version'].replace(':', '_')}"
        if not (unpacked / ".complete").is_file():
            _download(package, content)
            shutil.rmtree(unpacked, ignore_errors=True)
            for inner in package["take"].values():
                _unpack(package, content, inner, unpacked)
            (unpacked / ".complete").touch()
        taken.update({name: unpacked / inner[-1] for name, inner in package["take"].items()})
    return taken


def _download(package, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        print(f"fetching {package['name']} {package['version']} from {package['registry']}", flush=True)
        _from_registry(package, path.parent)
    if not path.is_file():
        raise CheckError(f"{package['registry']} gave no {package['file']}: is {package['version']} still there?")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package["sha256"]:
        path.unlink()
        raise CheckError(f"{package['file']} is not what was pinned: sha256 {digest}, expected {package['sha256']}")


def _from_registry(package, folder):
    name, version = package["name"], package["version"]
    what = f"fetching {name} {version} from {package['registry']}"
    if package["registry"] == "PyPI":
        wheel = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        call([*wheel, "--dest", str(folder), f"{name}=={version}"], what)
    elif package["registry"] == "npm":
        call(["npm", "pack", "--silent", "--pack-destination", str(folder.resolve()), f"{name}@{version}"], what)
    else:
        download = ["apt-get", "download", f"{name}={version}"]
        try:
            call(download, what, cwd=folder)
        except CheckError:  # a new machine has no package lists
            call(["apt-get", "update"], "apt-get update")
            call(download, what, cwd=folder)


def _unpack(package, path, inner, folder):
    """Take one file out of a download; `inner` leads through archives within archives to it. A name that ends in
    `/` stands for a folder."""
    name = inner[0]
    if package["registry"] == "Debian":
        folder.mkdir(parents=True, exist_ok=True)
        call(["dpkg-deb", "-x", str(path), str(folder)], f"unpacking {path.name}")
        if not (folder / name).is_file():
            raise CheckError(f"{path.name} holds no {name}")
        return
    if path.suffix == ".tgz":
        with tarfile.open(path) as archive:
            archive.extract(name, folder, filter="data")
    else:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member == name or (name.endswith("/") and member.startswith(name)):
                    archive.extract(member, folder)
    if inner[1:]:
        _unpack(package, folder / name, inner[1:], folder)
    (folder / name).chmod(0o755)
