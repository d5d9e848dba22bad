"""tmux.py -- a program in a tmux of its own, used as a person uses a terminal."""
import os
import subprocess
import tempfile
import termios
import time


class Tmux:
    """A terminal of COLUMNS by ROWS in which the shell command LINE runs, with ENV added."""

    def __init__(self, line, columns, rows=1000, env=(), cwd=None):
        self.tty = None
        self.folder = tempfile.TemporaryDirectory(prefix="tmux")
        self.command = ["tmux", "-S", os.path.join(self.folder.name, "socket"), "-f", os.path.join(self.folder.name, "conf")]
        with open(self.command[-1], "w", encoding="utf-8") as file:
            file.write("set -g status off\nset -g default-terminal tmux-256color\n")
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **dict(env)}
        environment.pop("COLUMNS", None)
        environment.pop("TMUX", None)
        subprocess.run([*self.command, "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh", "-c", line],
                       check=True, env=environment, cwd=cwd)

    def type(self, text):
        """A line and Enter."""
        subprocess.run([*self.command, "send-keys", "-l", "--", text, ";", "send-keys", "Enter"] if text else
                       [*self.command, "send-keys", "Enter"], check=True)

    def screen(self, *options):
        """What stands there, without the empty lines at its end; -e: with its colours, -J: lines that wrapped as one."""
        shown = subprocess.run([*self.command, "capture-pane", "-p", *options], check=True, capture_output=True).stdout
        return shown.decode("utf-8", "replace").rstrip("\n")

    def wait(self, holds, seconds=120):
        """The screen, as soon as that holds of it; TimeoutError with the screen otherwise."""
        end, pause = time.monotonic() + seconds, 0.005
        while not holds(screen := self.screen()):
            if time.monotonic() > end:
                raise TimeoutError(screen)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        return screen

    def reads_keys(self):
        """Whether a line editor has the terminal: what is typed before is echoed by the kernel, and stands there twice."""
        if not self.tty:
            shown = subprocess.run([*self.command, "display-message", "-p", "#{pane_tty}"], check=True, capture_output=True, text=True)
            self.tty = os.open(shown.stdout.strip(), os.O_RDONLY | os.O_NOCTTY)
        return not termios.tcgetattr(self.tty)[3] & termios.ECHO

    def close(self):
        if self.tty:
            os.close(self.tty)
        subprocess.run([*self.command, "kill-server"], capture_output=True, check=False)
        self.folder.cleanup()
