"""signal_storm.py -- a session at a terminal gets window changes and Ctrl-C while it draws: it stands, each Ctrl-C
gives a new prompt, and standard output has not failed: signal_storm.py PROMPT QUIT COMMAND..."""
import os
import pty
import select
import signal
import sys
import time

prompt, leave, command = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
SECONDS = 60


class Session:
    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(command[0], command)
        self.said = b""

    def wait(self, what):
        """Until it is said after what was waited for before."""
        end = time.monotonic() + SECONDS
        while what not in self.said:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                sys.exit(f"signal_storm: {what!r} is not said in {SECONDS} s, but {self.said[-300:]!r}")
            try:
                self.said += os.read(self.fd, 65536)
            except OSError:
                sys.exit(f"signal_storm: it has ended: {self.said[-300:]!r}")
        self.said = self.said[self.said.rindex(what) + len(what):]

    def type(self, text):
        os.write(self.fd, text)


for _ in range(3):
    s = Session()
    s.wait(prompt)
    for _ in range(40):
        for _ in range(12):
            s.type(b"x")
            os.kill(s.pid, signal.SIGWINCH)
        s.said = b""
        s.type(b"\x03")
        s.wait(b"\n" + prompt)  # a line drawn anew has no line feed before it
    s.type(leave + b"\r")
    if os.waitpid(s.pid, 0)[1] != 0:
        sys.exit("signal_storm: its end is not 0")
    os.close(s.fd)
