"""Errors, progress and outputs that are whole or absent, the same way in every script.

An output is written beside its target under a temporary name and renamed at the end, so a script
that fails, or is interrupted, leaves what was there before and nothing else. An error is one
sentence on stderr, `NAME: FILE: what is wrong`, and decides the exit status: 2 for input that is
not what it should be, 3 for the environment (disk, network, missing tool), 130 for an interrupt.

An input may come from anybody: it is a regular file, and its size is known, before a byte is read.
"""

import contextlib
import importlib
import os
import shlex
import shutil
import signal
import sqlite3
import stat
import sys
import tempfile
import time

from . import what_is
from .terminal import columns, guard, sentence, wrap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV_PYTHON = os.path.join(ROOT, ".venv", "bin", "python")


class BadInput(Exception):
    """The input is not what it should be: one sentence, exit status 2."""

    status = 2


class EnvironmentProblem(Exception):
    """The machine is in the way (disk, network, missing tool): one sentence, exit status 3."""

    status = 3


def script(name):
    """scripts/NAME as it is typed where one is."""
    path = os.path.join(ROOT, "scripts", name)
    here = os.path.relpath(path)
    return shlex.quote(path if here.startswith("..") else here)


def explain(doc, argv, right):
    """End with DOC when --help is asked for, with a sentence when the arguments are not RIGHT."""
    if argv[:1] in (["-h"], ["--help"]):
        print(doc.strip())
        sys.exit(0)
    if not right:
        name = os.path.basename(sys.argv[0])
        print(f"{name}: these are not its arguments: `{script(name)} --help` says which are", file=sys.stderr)
        sys.exit(2)


def need(*modules, kind="import"):
    """Import MODULES; when one is missing, run this script again with .venv's Python.

    Scripts can then be called by their name, whichever python3 is first in the PATH.
    """
    try:
        found = [importlib.import_module(name) for name in modules]
    except ImportError as error:
        in_venv = os.path.abspath(sys.prefix) == os.path.join(ROOT, ".venv")
        if os.access(VENV_PYTHON, os.X_OK) and not in_venv:
            sys.stdout.flush()
            os.execv(VENV_PYTHON, [VENV_PYTHON, *sys.argv])
        name = os.path.basename(sys.argv[0])
        venv = f"{script('venv')} {kind}"
        if not {"-h", "--help"}.isdisjoint(sys.argv[1:]):
            print(f"{(sys.modules['__main__'].__doc__ or name).strip()}\n\nIts options: `{venv}`, then --help again.")
            sys.exit(0)
        print(f"{name}: Python's {error.name} is missing: run {venv}", file=sys.stderr)
        sys.exit(3)
    return found[0] if len(found) == 1 else found


def _on_signal(number, _frame):
    raise KeyboardInterrupt(number)


def _say(text):
    """A sentence on stderr, broken at words where it is a terminal."""
    print(wrap(sentence(text), columns(sys.stderr)), file=sys.stderr)


def _fail(text, status):
    _say(f"{os.path.basename(sys.argv[0])}: {text}")
    return status


def _end_as_a_pipe_does():
    """What reads stdout is gone: end as a program does that does not catch the signal."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)


def _flushed(main):
    status = main(sys.argv[1:]) or 0
    sys.stdout.flush()
    return status


def run_main(main):
    """Call main(argv); turn its exceptions into one sentence on stderr and an exit status."""
    guard()
    # A terminated script cleans up as an interrupted one does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    try:
        status = _flushed(main)
    except (BadInput, EnvironmentProblem) as error:
        status = _fail(error, error.status)
    except BrokenPipeError:
        _end_as_a_pipe_does()
        status = 3
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        bad_name = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))
        status = _fail(f"{where}{error.strerror or error}", 2 if bad_name else 3)
    except sqlite3.Error as error:
        status = _fail(error, 2)
    except RecursionError:
        status = _fail("the input is nested too deeply", 2)
    except MemoryError:
        status = _fail("not enough memory", 3)
    except KeyboardInterrupt:
        status = _fail("interrupted", 130)
    sys.exit(status)


def open_regular(path, wanted=None, own=()):
    """Open PATH for reading; BadInput unless it is a regular file.

    With WANTED also where its first bytes are those of something else, as what_is.stranger() has it.
    A pipe would be waited for, a device read without an end: neither is opened, and one that takes
    the file's place in that moment is not waited for.
    """
    def check(mode):
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
            raise BadInput(f"{path}: is {kind}")

    try:
        check(os.stat(path).st_mode)
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in the name
        raise BadInput(f"{path}: {error}") from None
    file = os.fdopen(number, "rb")
    try:
        check(os.fstat(number).st_mode)
        said = wanted and what_is.stranger(path, os.pread(number, what_is.HEAD_BYTES, 0), wanted, own)
        if said:
            raise BadInput(said)
    except BaseException:
        file.close()
        raise
    return file


def read_regular(path, limit, wanted=None, own=()):
    """The bytes of the regular file PATH, of at most LIMIT bytes; WANTED as open_regular() has it."""
    with open_regular(path, wanted, own) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise BadInput(f"{path}: has {size} bytes, {limit} are allowed")
        return file.read(size)


def warn(text):
    """One sentence on stderr about input that is taken all the same."""
    _say(f"{os.path.basename(sys.argv[0])}: warning: {text}")


def _remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def staged_file(path):
    """Yield a binary file beside PATH that becomes PATH when the block ends without error."""
    path = os.path.abspath(path)
    if os.path.isdir(path):
        raise BadInput(f"{path}: is a directory, a file was to be written there")
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadInput(f"{path}: is no regular file, one was to be written there")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    number, temporary = tempfile.mkstemp(
        prefix=f".{os.path.basename(path)}.", suffix=".part", dir=os.path.dirname(path)
    )
    try:
        with os.fdopen(number, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


@contextlib.contextmanager
def staged_directory(path, replaceable):
    """Yield a directory beside PATH that becomes PATH when the block ends without error.

    A directory that is already there is replaced only when REPLACEABLE(path) says that it is an
    earlier output of the same kind: a script must not sweep away somebody's files.
    """
    path = os.path.abspath(path)
    if os.path.lexists(path):
        if not os.path.isdir(path):
            raise BadInput(f"{path}: exists and is no directory")
        if os.listdir(path) and not replaceable(path):
            raise BadInput(f"{path}: exists and does not look like an earlier output: name another")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = tempfile.mkdtemp(
        prefix=f".{os.path.basename(path)}.", suffix=".part", dir=os.path.dirname(path)
    )
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        if os.path.lexists(path):
            # rename() replaces empty directories only: the old one steps aside first.
            aside = temporary + ".old"
            os.rename(path, aside)
            try:
                os.rename(temporary, path)
            except BaseException:
                os.rename(aside, path)
                raise
            _remove(aside)
        else:
            os.rename(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def check_space(directory, n_bytes):
    """Say that the disk is too small before it is full."""
    free = shutil.disk_usage(directory).free
    if free < n_bytes:
        raise EnvironmentProblem(
            f"{directory}: {human_size(n_bytes)} are needed, {human_size(free)} are free"
        )


def human_size(n_bytes):
    """1536 -> '1.5 KB'."""
    size = float(n_bytes)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


class Progress:
    """How far a job of TOTAL bytes is, on stderr: a bar on a terminal, else a line each quarter."""

    WIDTH = 30

    def __init__(self, label, total, quiet=False, stream=None):
        self.label, self.total, self.quiet = label, max(total, 1), quiet
        self.stream = stream or sys.stderr
        self._draw = getattr(self.stream, "draw", self.stream.write)
        self.done, self.last_quarter = 0, 0
        self.start = self.last_time = time.monotonic()
        self.tty = self.stream.isatty()

    def add(self, n_bytes):
        """N_BYTES more are done."""
        self.done += n_bytes
        if self.quiet:
            return
        now = time.monotonic()
        if self.tty and (now - self.last_time > 0.1 or self.done >= self.total):
            self.last_time = now
            full = min(self.WIDTH, self.WIDTH * self.done // self.total)
            bar = "█" * full + "░" * (self.WIDTH - full)
            self._draw(f"\r{self.label:<12}{bar} {100 * self.done // self.total:3d} %")
            self.stream.flush()
        elif not self.tty and 4 * self.done // self.total > self.last_quarter:
            self.last_quarter = 4 * self.done // self.total
            self.stream.write(f"{self.label:<12}{100 * self.done // self.total:3d} %\n")
            self.stream.flush()

    def finish(self, text):
        """Say what was made; ends the bar's line."""
        if self.quiet:
            return
        seconds = time.monotonic() - self.start
        self.abandon()
        self.stream.write(f"{self.label:<12}{text}, {seconds:.1f} s\n")

    def abandon(self):
        """End the bar's line without a result, so that an error starts on its own line."""
        if self.tty and not self.quiet:
            self._draw("\r\x1b[K")
