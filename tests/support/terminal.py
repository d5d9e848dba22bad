"""terminal.py -- what a program sends to a terminal, and what of it a terminal would obey.

A recording, a checkpoint or a prompt may hold any bytes.  on_terminal() runs a program on a
pseudo-terminal; harm() finds in what it wrote whatever is neither text nor a sequence of its own.
"""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

# Every control character but NUL (no argument holds one), raw bytes of C1, what turns the direction of text.
HOSTILE = ("evil\x1b]0;title\x07\x1b[31m" + "".join(map(chr, range(1, 32))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0)))
           + "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" + "end")
BRIEF = "evil\x1b[31m\x07\x7f\x9b2J\u202eend"  # the kinds, in a name
RAW = b"raw\x9b31m\x90\x9d\xff\x1b[Kend"

DIRECTING = {0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)}
STYLES = rb"\x1b\[(?:1|2|32|33|0)m"
PAINT = rb"\x1b\[(?:[34]8;(?:2;\d{1,3};\d{1,3};\d{1,3}|5;\d{1,3})|[34]9|3[3-6])m"  # of pictures: for `also` of harm()
BAR = rb"\r(?=(?:prefill|decode|runs) )|\r?\x1b\[K"  # progress, and how it is taken away


def on_terminal(argv, env=(), columns=100, typed=b"", seconds=60, cwd=None, term="xterm", streams=(0, 1, 2)):
    """(bytes, status) of a command; STREAMS are on the terminal, the others at /dev/null; TYPED is sent without an echo."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for stream in {0, 1, 2} - set(streams):
                os.dup2(null, stream)
            if cwd:
                os.chdir(cwd)
            environment = {**os.environ, "TERM": term, "LC_ALL": "C.UTF-8", "COLUMNS": str(columns), "PAGER": "cat", **dict(env)}
            os.execvpe(argv[0], argv, environment)
        except BaseException as error:  # nothing of the test may go on in the child
            print(error, file=sys.stderr)
        finally:
            os._exit(127)
    mode = termios.tcgetattr(fd)  # what a pseudo-terminal's two ends share
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    end, out = time.monotonic() + seconds, b""
    while True:
        ready = select.select([fd], [fd] if typed else [], [], max(0, end - time.monotonic()))
        if not (ready[0] or ready[1]):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"{argv!r} did not end in {seconds} s: {out[-300:]!r}")
        if ready[1]:
            typed = typed[os.write(fd, typed[:512]):]
        if not ready[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    os.close(fd)
    return out, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def harm(out, also=rb"(?!)"):
    """What of OUT a terminal would obey or be deceived by, [] for nothing; ALSO are sequences that may be there."""
    out = out.replace(b"\r\n", b"\n")  # the terminal's own doing
    out = re.sub(STYLES + rb"|" + BAR + rb"|" + also, b"", out)
    found = []
    text = out.decode("utf-8", "surrogateescape")
    for at, c in enumerate(text):
        code = ord(c)
        if (code < 32 and c not in "\n\t") or 0x7F <= code < 0xA0 or code in DIRECTING or 0xDC80 <= code < 0xDD00:
            found.append((hex(code), text[max(0, at - 30):at + 30]))
    return found
