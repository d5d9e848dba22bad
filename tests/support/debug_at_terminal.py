"""debug_at_terminal.py -- `torchless debug` in a tmux, as a person types: debug_at_terminal.py TORCHLESS DIRECTORY ENDLESS-MODEL."""
import os
import re
import shlex
import subprocess
import sys
import termios
import time

from until import until

torchless, directory, endless = sys.argv[1:]
failures = 0
history = os.path.join(os.environ["XDG_STATE_HOME"], "torchless/debug_history")


class Terminal:
    """A tmux of its own with a program in it."""

    def __init__(self, name, command, columns=100, rows=30):
        self.name, self.tmux = name, ["tmux", "-L", f"torchless-{os.getpid()}-{name}", "-f", "/dev/null"]
        self.ended, self.tty = os.path.join(directory, name + ".status"), None
        # Ctrl-C reaches the shell too, which must outlive it, and the program must not ignore it.
        line = f"trap : INT; cd {shlex.quote(directory)} && {command}; echo $? > {shlex.quote(self.ended)}; sleep 1000"
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh", "-c", line], check=True)

    def told(self, what):
        """What tmux says of the terminal."""
        return subprocess.run([*self.tmux, "display-message", "-p", f"#{{{what}}}"], check=True, capture_output=True, text=True).stdout.strip()

    def echoes(self):
        """Whether the kernel has the keys, and not the line editor: a command runs."""
        if self.tty is None:
            self.tty = os.open(self.told("pane_tty"), os.O_RDONLY | os.O_NOCTTY)
        return bool(termios.tcgetattr(self.tty)[3] & termios.ECHO)

    def computed(self):
        """The seconds that the program has computed."""
        with open(f"/proc/{self.told('pane_pid')}/task/{self.told('pane_pid')}/children", encoding="ascii") as f:
            program = f.read().split()[0]
        with open(f"/proc/{program}/stat", encoding="ascii", errors="replace") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def type(self, *keys):
        # A prompt is seen a moment before the editor has the keys: what comes between is shown by the kernel too,
        # and Ctrl-D is no end then.
        if keys[0] != "C-c":
            until(f"the editor has the keys, for {keys}", lambda: not self.echoes())
        for key in keys:
            subprocess.run([*self.tmux, "send-keys", key], check=True)

    def screen(self):
        return subprocess.run([*self.tmux, "capture-pane", "-p"], check=True, capture_output=True, text=True).stdout.rstrip()

    def expect(self, what, holds, seconds=float(os.environ.get("SCREEN_SECONDS", "60"))):
        global failures
        end = time.monotonic() + seconds
        while not holds(self.screen()):
            if time.monotonic() > end:
                print(f"debug_shell: {self.name}: {what}:\n{self.screen()}")
                failures += 1
                return
            time.sleep(0.05)

    def shows(self, text):
        self.expect(f"'{text}' is not shown", lambda screen: text in screen)

    def ends(self, text):
        self.expect(f"'{text}' is not last", lambda screen: screen.endswith(text))

    def status(self, expected):
        self.expect(f"it does not end with {expected}", lambda _: os.path.exists(self.ended) and open(self.ended).read().strip() == str(expected))

    def close(self):
        if self.tty is not None:
            os.close(self.tty)
        subprocess.run([*self.tmux, "kill-server"], capture_output=True)


def first_steps():
    t = Terminal("steps", f"{torchless} debug 'Once upon a'")
    t.ends("(tl)")
    t.type("start", "Enter"), t.ends("(tl 0.0)")
    t.type("Enter"), t.ends("(tl 0.0)\n(tl 0.0)")  # start is not repeated
    t.type("stepi", "Enter"), t.ends("(tl 0.1)")
    t.type("Enter"), t.ends("(tl 0.2)")  # stepi is
    t.type("run", "Enter"), t.ends("(y or n)")
    t.type("n", "Enter"), t.shows("not restarted"), t.ends("(tl 0.2)")
    t.type("run", "Enter"), t.ends("(y or n)")
    t.type("C-d"), t.ends("(tl 0.2)")  # the end of input is no yes
    t.type("nonsense", "C-c"), t.ends("(tl 0.2)")
    t.type("finsh", "Enter"), t.shows('did you mean "finish"'), t.ends("(tl 0.2)")
    t.type("break layers.1", "Enter"), t.shows("Breakpoint 1")
    t.type("commands", "Enter"), t.ends(">")
    t.type("echo x", "C-c"), t.ends("(tl 0.2)")  # takes the list back
    t.type("commands", "Enter"), t.ends(">")
    t.type("C-d"), t.shows('has no "end"'), t.ends("(tl 0.2)")  # gives the list up, not the session
    t.type("b layers.", "Tab"), t.shows("layers.{0..4}")
    t.type("3.ml", "Tab"), t.ends("b layers.3.mlp")
    t.type("C-c")
    t.type("set confirm off", "Enter", "run", "Enter"), t.shows("Breakpoint 1\n0.23  model.layers.1")
    t.type("quit 5", "Enter"), t.status(5)
    t.close()


def kept():
    """What was typed is there in the next session, for its owner alone; scripts are not repeated."""
    t = Terminal("kept", f"{torchless} debug -ex start -ex stepi 'Once upon a'")
    t.ends("(tl 0.1)")
    t.type("Enter"), t.ends("(tl 0.1)\n(tl 0.1)")
    t.type("Up"), t.ends("quit 5")
    t.type("C-c"), t.ends("(tl 0.1) quit 5\n(tl 0.1)")  # typed between two prompts C-d is no end: the line discipline makes a NUL of it
    t.type("C-d"), t.status(0)
    t.close()
    if os.stat(history).st_mode & 0o77 or "stepi\n" not in open(history).read():
        print("debug_shell: the history is not kept, or for others too")
        sys.exit(1)


def init_file():
    config = os.path.join(os.environ["XDG_CONFIG_HOME"], "torchless")
    os.makedirs(config, exist_ok=True)
    with open(os.path.join(config, "init"), "w") as f:
        f.write("echo INIT\\n\nset history off\nnonsense\necho BEHIND\\n\n")
    t = Terminal("init", f"{torchless} debug -ex 'echo LATER\\n' 'Once upon a'")
    t.shows("init:3: Undefined command"), t.shows("INIT"), t.shows("LATER"), t.ends("(tl)")
    t.expect("the file goes on behind a failure", lambda screen: "BEHIND" not in screen)
    t.type("echo unkept", "Enter"), t.ends("(tl) echo unkept\nunkept(tl)")
    t.type("C-d"), t.status(0)
    t.close()
    os.remove(os.path.join(config, "init"))
    if "unkept" in open(history).read():
        print("debug_shell: `set history off` keeps")
        sys.exit(1)


def pages():
    """What is longer than the screen goes through the pager, but not before the first prompt."""
    pager = os.path.join(directory, "pager")
    with open(pager, "w") as f:
        f.write("#!/bin/sh\nhead -3\necho PAGED\n")
    os.chmod(pager, 0o755)
    t = Terminal("pages", f"PAGER={shlex.quote(pager)} {torchless} debug -ex 'help all' 'Once upon a'", rows=20)
    t.ends("(tl)"), t.expect("before the prompt", lambda screen: "PAGED" not in screen)
    t.type("help all", "Enter"), t.shows("PAGED"), t.ends("(tl)")
    t.type("C-l", "help step", "Enter"), t.shows("step [N]")
    t.type("set pagination off", "Enter", "help all", "Enter"), t.ends("(tl)")
    t.type("q", "Enter"), t.status(0)
    t.close()


def interrupted():
    """Ctrl-C stops what runs, the session stands, and again at the next command."""
    t = Terminal("interrupted", f"{torchless} debug -m {shlex.quote(endless)} -n 1000000 'Once upon a'")
    t.ends("(tl)")
    t.type("set confirm off", "Enter")
    for _ in range(2):
        t.type("run", "Enter"), t.ends(" run")
        before = t.computed()
        until("it runs", lambda: t.echoes() and t.computed() > before + 0.1)
        t.type("C-c"), t.shows("Interrupted."), t.expect("it does not stop", lambda screen: screen.split("\n")[-1].startswith("(tl "))
        t.type("C-l", "stepi", "Enter"), t.expect("it does not go on", lambda screen: re.search(r"stepi\n\d+\.\d+ ", screen))
    t.type("q", "Enter"), t.status(0)
    t.close()


for story in (first_steps, kept, init_file, pages, interrupted):
    story()
sys.exit(failures > 0)
