"""pictures.py -- a terminal that shows pictures, and what it was shown: PNG, kitty's protocol, sixels."""
import base64
import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
import zlib

ASK_KITTY, ASK_DA1 = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", b"\x1b[c"


class Screen:
    """What a command did with a terminal: out, status, whether it left the terminal as it was, and what it left to read."""


def on_screen(argv, answers, env=(), size=(50, 100, 0, 0), typed=b"", seconds=60, signal_at=None):
    """Run a command on a terminal that answers: ANSWERS are (question, answer); SIZE is rows, columns, pixels across and down.

    A question that is answered is cut out of what was shown. SIGNAL_AT is (bytes, number): sent when they were shown.
    """
    start, told = os.pipe()
    fd, own = os.openpty()  # its own end stays open, so that it can be looked at when all is over
    fcntl.ioctl(own, termios.TIOCSWINSZ, struct.pack("HHHH", *size))
    pid = os.fork()
    if pid == 0:
        try:
            os.read(start, 1)  # until its mode is known
            os.setsid()
            fcntl.ioctl(own, termios.TIOCSCTTY, 0)
            for stream in (0, 1, 2):
                os.dup2(own, stream)
            os.closerange(3, 64)
            environment = {k: v for k, v in os.environ.items() if k not in ("TMUX", "STY", "KITTY_WINDOW_ID", "TERM_PROGRAM", "COLUMNS")}
            os.execvpe(argv[0], argv, {**environment, "TERM": "xterm", "LC_ALL": "C.UTF-8", **dict(env)})
        finally:
            os._exit(127)
    mode = termios.tcgetattr(own)
    os.write(told, b"x")
    screen, pending = Screen(), list(answers)
    screen.out, end = b"", time.monotonic() + seconds
    if typed:
        os.write(fd, typed)
    status = None
    while status is None or select.select([fd], [], [], 0)[0]:
        assert time.monotonic() < end, f"{argv} did not end: {screen.out[-300:]!r}"
        if select.select([fd], [], [], 0.01)[0]:
            screen.out += os.read(fd, 65536)
        for question, answer in list(pending):
            if question in screen.out:
                screen.out = screen.out.replace(question, b"", 1)
                pending.remove((question, answer))
                os.write(fd, answer)
        if signal_at and signal_at[0] in screen.out:
            os.kill(pid, signal_at[1])
            signal_at = None
        if status is None:
            done, ended = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(ended) if done else None
    screen.status, screen.restored = status, termios.tcgetattr(own) == mode
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    mode[6][termios.VMIN] = 0
    termios.tcsetattr(own, termios.TCSANOW, mode)
    screen.left = os.read(own, 4096)
    screen.unasked = [question for question, _ in pending]
    for f in (own, fd, start, told):
        os.close(f)
    return screen


def make_png(width, height, rgba):
    """A PNG of rgba(x, y)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"".join(bytes(rgba(x, y)) for x in range(width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def from_kitty(out):
    """(PNG, keys of the first chunk) of the one picture in OUT, which holds nothing else."""
    chunks = re.findall(rb"\x1b_G([^;\x1b]*);([A-Za-z0-9+/=]*)\x1b\\", out)
    assert chunks and re.sub(rb"\x1b_G[^\x1b]*\x1b\\", b"", out) == b"\r\n", out[:200]
    keys = [dict(k.split(b"=") for k in keys.split(b",")) for keys, _ in chunks]
    assert all(len(data) <= 4096 for _, data in chunks) and all(len(data) % 4 == 0 for _, data in chunks), "chunks"
    assert [k[b"m"] for k in keys] == [b"1"] * (len(chunks) - 1) + [b"0"] and all(k.keys() == {b"m"} for k in keys[1:]), keys
    return base64.b64decode(b"".join(data for _, data in chunks)), keys[0]


def from_sixel(out):
    """The rows of (r, g, b) of the one picture in OUT, which holds nothing else; what was not drawn is None."""
    match = re.fullmatch(rb"\x1bP[0-9;]*q\"1;1;(\d+);(\d+)([\x20-\x7e]*)\x1b\\\r\n", out)
    assert match, out[:200]
    width, height = int(match[1]), int(match[2])
    rows = [[None] * width for _ in range(height)]
    colors, x, y, color = {}, 0, 0, None
    for token in re.finditer(rb"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$])|(-)", match[3]):
        if token[1]:
            colors[int(token[1])] = tuple(round(int(token[i]) * 2.55) for i in (2, 3, 4))
        elif token[5]:
            color = colors[int(token[5])]
        elif token[9]:
            x = 0
        elif token[10]:
            x, y = 0, y + 6
        else:
            bits = (token[7] or token[8])[0] - 0x3F
            for x in range(x, x + int(token[6] or 1)):
                for bit in range(6):
                    if bits >> bit & 1:
                        assert x < width and y + bit < height and rows[y + bit][x] is None, (x, y + bit)
                        rows[y + bit][x] = color
            x += 1
    assert "".join(re.split(r"#\d+(?:;2;\d+;\d+;\d+)?|!\d+[?-~]|[?-~]|[$]|-", match[3].decode())) == "", "something else"
    assert len(colors) <= 256
    return rows
