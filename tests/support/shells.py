"""shells.py -- a real bash, zsh or fish on a pseudo-terminal: type, press Tab, look at the line.

The line is not read off the screen: a key of the test's own has the shell write what stands in its
editor to a file.  Keys are taken one after the other, so nothing waits for a time to pass.
"""
import os
import pty
import select
import signal
import tempfile
import time

# How each is started with nothing of its user's, and told the key: Ctrl-X p writes the line, Ctrl-X q clears it.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile"], r"""
        dump() { dumps=$((${dumps:-0} + 1)); printf '%s\036' "$READLINE_LINE" >"$DUMP.$dumps"; }
        bind -x '"\C-xp": dump'
        bind '"\C-xq": kill-whole-line'
        bind 'set completion-query-items 0'
        bind 'set page-completions off'
        """),
    "zsh": (["zsh", "-f"], r"""
        autoload -Uz compinit && compinit -D
        LISTMAX=10000
        dump() { dumps=$((${dumps:-0} + 1)); print -rn -- "$BUFFER"$'\036' >"$DUMP.$dumps" }
        zle -N dump
        bindkey '^Xp' dump
        bindkey '^Xq' kill-buffer
        """),
    "fish": (["fish", "--no-config"], r"""
        function fish_prompt; echo '> '; end
        function dump
        set -g dumps (math 0$dumps + 1)
        printf '%s\036' (commandline | string collect) >$DUMP.$dumps
        end
        bind \cxp dump
        bind \cxq 'commandline -r ""'
        """),
}


def read(file):
    try:
        with open(file, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


class Shell:
    def __init__(self, kind, folder, home, setup="", seconds=60, args=(), **env):
        """One in `folder`, with `home` for whatever it keeps, that has run the lines of `setup`."""
        self.kind, self.seconds, self.shown, self.dumps = kind, seconds, b"", 0
        self.dump = os.path.join(tempfile.mkdtemp(dir=home), "line")
        command, own = SHELLS[kind]
        source = os.path.join(home, f"setup.{kind}")
        with open(source, "w") as f:
            f.write("\n".join(line.strip() for line in own.split("\n")) + setup + "\n")
        env = {"PATH": os.environ["PATH"], "HOME": home, "ZDOTDIR": home, "TERM": "xterm", "LC_ALL": "C.UTF-8",
               "DUMP": self.dump, **{f"XDG_{x}_HOME": f"{home}/{x}" for x in ("CONFIG", "DATA", "CACHE", "STATE")}, **env}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], [*command, *args], env)
        self.wait(lambda: self.shown)
        self.run(f" source {source}")

    def send(self, keys):
        data = keys.encode("utf-8", "surrogateescape")
        while data:
            data = data[os.write(self.fd, data):]

    def read(self, seconds):
        """What the shell shows, as long as there is any or until the time is over."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        assert data, f"{self.kind} ended: {self.shown[-2000:]!r}"
        self.shown += data
        return True

    def wait(self, holds):
        end = time.monotonic() + self.seconds
        while not holds():
            assert time.monotonic() < end, f"{self.kind} does not answer: {self.shown[-2000:]!r}"
            self.read(0.02)

    def look(self):
        """What stands on the line."""
        self.dumps += 1
        file = f"{self.dump}.{self.dumps}"
        self.send("\x18p")
        self.wait(lambda: read(file).endswith(b"\036"))
        return read(file)[:-1].decode("utf-8", "surrogateescape")

    def tab(self, typed, times=1):
        """The line after typing and pressing Tab; what was shown meanwhile is in self.shown."""
        self.send("\x18q")
        self.look()
        self.shown = b""
        self.send(typed)
        for _ in range(times):
            self.send("\t")
        return self.look()

    def run(self, line):
        """A line, to its end."""
        if os.path.exists(self.dump):
            os.remove(self.dump)
        self.send(f"{line}; : >\"$DUMP\"\r")
        self.wait(lambda: os.path.exists(self.dump))

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
