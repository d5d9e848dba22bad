#!/bin/sh
# debug_shell.sh -- `torchless debug` as a person types at a terminal: tests/support/debug_at_terminal.py.
. "$(dirname "$0")/lib.inc"
command -v tmux > /dev/null || { fail "tmux is not installed"; finish; }
unset TMUX
LC_ALL=C.UTF-8 python3 "$root/tests/support/debug_at_terminal.py" "$T" "$work" || fail "at a terminal"
finish
