#!/bin/sh
# debug_shell.sh -- `torchless debug` as a person types at a terminal: tests/support/debug_at_terminal.py.
. "$(dirname "$0")/lib.inc"
command -v tmux > /dev/null || { fail "tmux is not installed"; finish; }
unset TMUX
checkpoint window --preset window --layers 2
# Nothing ends what it says but Ctrl-C.
cp -r "$root/build/test-models/window" "$work/endless"
sed -i 's/"max_position_embeddings": [0-9]*/"max_position_embeddings": 100000000/; s/"eos_token_id": [0-9]*/"eos_token_id": null/' \
	"$work/endless/config.json" "$work/endless/generation_config.json"
LC_ALL=C.UTF-8 python3 "$root/tests/support/debug_at_terminal.py" "$T" "$work" "$work/endless" || fail "at a terminal"
LC_ALL=C.UTF-8 python3 "$root/tests/support/signal_storm.py" "(tl)" quit "$T" debug "Once upon a" || fail "debug among signals"
finish
