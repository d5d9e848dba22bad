"""screen.py -- a program on a terminal that is drawn: tmux runs it, one sends keys and sees its screen."""
import os
import subprocess
import tempfile

from until import until


# One who writes a test does not want to wait as long as a busy machine may.
SECONDS = float(os.environ.get("SCREEN_SECONDS", "60"))


class Screen:
    """A window of ROWS x COLUMNS with a shell in it that runs ARGV and then tells its exit status."""

    def __init__(self, argv, columns=80, rows=24, env=(), term="tmux-256color"):
        self.folder = tempfile.TemporaryDirectory(prefix="screen")
        self.socket = self.folder.name + "/tmux"
        self.argv = argv
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PS1": "", **dict(env)}
        for name in ("TMUX", "NO_COLOR", "COLORTERM"):
            if name not in dict(env):
                environment.pop(name, None)
        # "$0" "$@": the shell quotes nothing of its own.
        script = f'TERM={term}; export TERM; "$0" "$@"; s=$?; stty -a | tr " ;" "\\n\\n" | grep -x -e "-*icanon" -e "-*echo"; echo "status $s"; read line'
        config = self.folder.name + "/conf"
        with open(config, "w") as f:
            f.write("set -g escape-time 0\nset -g status off\nset -g remain-on-exit on\n")
        subprocess.run(["tmux", "-u", "-S", self.socket, "-f", config, "new-session", "-d", "-s", "s", "-x", str(columns), "-y", str(rows),
                        "sh", "-c", script, *argv], env=environment, check=True)

    def tmux(self, *args):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *args], check=True, capture_output=True, text=True).stdout

    def text(self):
        return self.tmux("capture-pane", "-p", "-t", "s")

    def lines(self):
        return self.text().split("\n")

    def painted(self):
        return self.tmux("capture-pane", "-p", "-e", "-N", "-t", "s")

    def send(self, *keys):
        """Keys at once, as when a line is pasted."""
        self.tmux("send-keys", "-t", "s", *keys)

    def see(self, what, holds=None):
        """Wait until the screen has a text, or holds(text)."""
        holds = holds or (lambda text: what in text)
        try:
            until(what, lambda: holds(self.text()), seconds=SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen is\n{self.text()}") from None

    def resize(self, columns, rows):
        self.tmux("resize-window", "-t", "s", "-x", str(columns), "-y", str(rows))

    def pid(self):
        """Of the program, the child of the shell."""
        shell = int(self.tmux("display-message", "-p", "-t", "s", "#{pane_pid}"))
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(shell)], capture_output=True, text=True).stdout.split()
        return int(children[0])

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True)
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
