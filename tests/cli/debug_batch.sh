#!/bin/sh
# debug_batch.sh -- `torchless debug` with -x, -ex and --batch: their order, exit codes, and what is read from where.
. "$(dirname "$0")/lib.inc"
cd "$work" || exit 2
batch() { # ARG...: a batch on the teaching model
	try "$T" debug --batch "$@" "Once upon a"
}
places() { # the places that were printed
	sed -n 's/^\([0-9][0-9.+]*\)  .*/\1/p; s/^\(tokenizer\.[0-9]*\)  .*/\1/p' "$out" | paste -sd' '
}

# ---- order -------------------------------------------------------------------------------------
printf '# a comment\n\n  next\nnext\n' > next.tl
printf 'start\nstepi\n' > start.tl
batch -x start.tl -ex 'echo one\n' -x next.tl -ex 'echo two\n'
is "status" 0 "$status"
is "-x and -ex run as they stand" "0.0 0.1 0.2 0.23" "$(places)"
is "also between files" "one two" "$(grep -E '^(one|two)$' "$out" | paste -sd' ')"
batch -ex 'echo one\n' -x start.tl && is "the other way" "one" "$(head -1 "$out")"
batch && is "nothing to do" "0  " "$status $(cat "$out") $(cat "$err")"
batch -ex stepi && is "what needs the program begins it" "0.0 0.1" "$(places)"

# ---- failures ----------------------------------------------------------------------------------
printf 'start\n\nnonsense\nstepi\n' > bad.tl
batch -x bad.tl -ex stepi
is "the first failure ends it" "2 0.0" "$status $(places)"
is "and says where" 'torchless: bad.tl:3: Undefined command: "nonsense".  Try "help"' "$(cat "$err")"
batch -ex start -ex stp -ex stepi
is "-ex too" "2 0.0 torchless: -ex 2: Undefined command: \"stp\"; did you mean \"step\"?" "$status $(places) $(cat "$err")"
batch --keep-going -x bad.tl -ex 'source nosuch' -ex stepi
is "--keep-going goes on" "2 0.0 0.1 0.2" "$status $(places)"
is "and tells each" 3 "$(wc -l < "$err" | tr -d ' ')"
has "with its place" "^torchless: -ex 1: cannot open nosuch" "$err"
batch --keep-going -ex 'source nosuch' -ex nonsense && is "the status is the first one's" 3 "$status"
printf 'next\nsource bad.tl\nnext\n' > outer.tl
batch -x outer.tl
has "a file in a file" '^torchless: outer.tl:2: bad.tl:3: Undefined command' "$err"
echo 'source self.tl' > self.tl
refuses "a file that sources itself" 2 "16 deep" "$T" debug --batch -x self.tl "Once"
refuses "no such file" 3 "cannot open nosuch.tl" "$T" debug --batch -x nosuch.tl "Once"
printf 'start\000\n' > nul.tl
refuses "a NUL byte" 2 "nul.tl:1: the line holds a NUL byte" "$T" debug --batch -x nul.tl "Once"
refuses "--keep-going alone" 2 "goes with --batch" "$T" debug --keep-going "Once"
refuses "--batch and --tui" 2 "exclude each other" "$T" debug --batch --tui "Once"
refuses "a prompt beside a recording" 2 "has its own prompt" "$T" debug --batch -t x.db "Once"
refuses "no prompt" 2 'there is no prompt yet: "run PROMPT" gives one' "$T" debug --batch -ex run
head -c 10000000 /dev/zero | tr '\0' x > long.tl
try "$T" debug --batch -x long.tl "Once" && is "a line of 10 MB" 2 "$status"
is "is answered in short" 1 "$(($(wc -c < "$err") < 2000))"

# ---- ends --------------------------------------------------------------------------------------
batch -ex 'quit 7' -ex stepi && is "quit N" "7 " "$status $(cat "$out")"
batch -ex quit -ex nonsense && is "quit" 0 "$status"
refuses "quit of a number that is none" 2 "is no exit status" "$T" debug --batch -ex 'quit 256' "Once"
batch -ex run && is "the end of time is no failure" 0 "$status"
batch -ex start -ex 'reverse-continue' && is "nor its beginning" 0 "$status"
batch --fail-on-stop -ex start -ex stepi -ex finish -ex run && is "nor is where one is sent a stop" 0 "$status"
batch --fail-on-stop -ex 'break layers.1' -ex run -ex bt && is "--fail-on-stop" 1 "$status"
has "what follows runs" "^#0 " "$out"
batch -ex 'break layers.1' -ex run && is "without it" 0 "$status"

# ---- where input comes from --------------------------------------------------------------------
printf 'Once upon a' | timeout 60 "$T" debug --batch -ex start - > "$out" 2> "$err"
is "the prompt from standard input" "0 0.0" "$? $(places)"
printf 'Once' | timeout 60 "$T" debug - > "$out" 2> "$err"
is "then there are no commands" "2" "$?"
printf 'start\nnonsense\n\nstepi' | timeout 60 "$T" debug "Once upon a" > "$out" 2> "$err"
is "commands from a pipe, to the last" "2 0.0 0.1" "$? $(places)"
hasnt "no prompt is shown there" "\\(tl" "$out"
printf 'stepi\n' | timeout 60 "$T" debug --batch -ex start "Once upon a" > "$out" 2> "$err"
is "a batch reads nothing" "0.0" "$(places)"
printf 'run "Once upon a"\nshow args\nset args Tom has\nrun\n' | timeout 60 "$T" debug > "$out" 2> "$err"
is "a prompt that is given later" 0 "$?"
has "without its quotes" 'is "Once upon a"' "$out"
mkdir -p .config/torchless && printf '%s\n' 'echo INIT' > .config/torchless/init && cp .config/torchless/init init
batch -ex start
hasnt "a batch reads no init file" "INIT" "$out"
"$T" debug --batch -ex start "Once" > /dev/full 2> "$err"
is "an output that takes nothing" 3 "$?"
"$T" debug --batch -ex start "Once" >&- 2> "$err"
is "a closed one" 3 "$?"

# ---- help --------------------------------------------------------------------------------------
batch -ex help && has "help" "^running " "$out"
batch -ex 'help running' && has "help CLASS" "^reverse-continue, rc " "$out"
batch -ex 'help s' && is "help COMMAND" "step [N]" "$(head -1 "$out")"
batch -ex 'help info' && has "help of a word before others" "^info program " "$out"
batch -ex 'apropos MODULE' && has "apropos" "^finish, fin " "$out"
refuses "no help" 2 'did you mean "finish"' "$T" debug --batch -ex 'help finsih' "Once"
refuses "no shell" 2 "runs no other programs" "$T" debug --batch -ex 'shell ls' "Once"
batch -ex 'complete reverse-' && is "complete" "reverse-step reverse-next reverse-stepi reverse-finish reverse-continue" "$(paste -sd' ' "$out")"
batch -ex 'complete b layers.' && is "layers are a range" "b layers.{0..4}" "$(cat "$out")"
batch -ex 'complete b layers.3.ml' && is "a component at a time" "b layers.3.mlp" "$(cat "$out")"
batch -ex 'complete set col' && is "a second word" "set color" "$(cat "$out")"

# ---- where one stands --------------------------------------------------------------------------
batch -ex 'advance model.layers.3.self_attn' -ex list -ex list -ex 'list -' -ex bt -ex 'up 2' -ex 'info line'
has "list marks the line" '^ 104 (→|>) .*q_proj' "$out"
is "goes on and back" "99 109 99" "$(grep -oE '^ *(99|109) ' "$out" | tr -d ' ' | paste -sd' ')"
is "frames" "#0 #1 #2 #3 #2" "$(grep -oE '^#[0-9]' "$out" | paste -sd' ')"
batch -ex start -ex 'list ops 30,31' && is "ops" "30 31" "$(awk '/^ / { print $1 }' "$out" | paste -sd' ')"
batch -ex 'list attention' && has "a function" "static value_id attention" "$out"
for c in "up:can't go up" "down:can't go down" "frame 9:no frame 9" "list 999:lines" "list nope:nope" "show nope:no setting" \
	"set width x:a number from" "set color x:expected" "info module layers.3.mpl:no module" "info line x:takes a line"; do
	batch -ex "goto tokenizer.0" -ex "${c%%:*}"
	is "${c%%:*}: status" "2 1" "$status $(wc -l < "$err" | tr -d ' ')"
	has "${c%%:*}" "^torchless: -ex 2: .*${c#*:}" "$err"
done
finish
