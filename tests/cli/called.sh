#!/bin/sh
# called.sh -- what the program tells one to type works when it is pasted, however it was called: by
# a path from here, by PATH, by a path that a shell has to have quoted.
. "$(dirname "$0")/lib.inc"

here=$work/here tree="$work/a tree"
mkdir -p "$here" "$tree/scripts" "$work/bin" "$work/it's"
ln -s "$T" "$here/torchless"
ln -s "$T" "$work/bin/torchless"
cp "$T" "$tree/torchless"
ln -s "$T" "$work/it's/torch less"
ln -s "$root/lessons" "$tree/lessons"
ln -s "$root/lessons" "$here/lessons"
cp scripts/export_mistral.py "$tree/scripts"
PATH=$work/bin:$PATH
cd "$here" || exit 2

# The lines of $out and $err that one may type: behind "try", at the end of help, in backquotes.
typed() {
	cat "$out" "$err" | sed -n 's/^\(try\|   \)  *\(.*query .*\|.*graph .*\|.*report.*\|.*info .*\|.*run .*\|.*tokenize .*\|.*trace .*\)$/\2/p'
}

# called NAME AS_TYPED: everything that it says to type begins with that word, and works.
called() {
	as=$2
	try "$1" trace -n 1 -o 'a b.db' "Tom has"
	typed >"$work/lines"
	is "$as trace: commands to try" 3 "$(grep -cF "$as " "$work/lines")"
	try "$1" info
	typed >"$work/info"
	is "$as info: commands to try" 4 "$(grep -cF "$as " "$work/info")"
	cat "$work/info" >>"$work/lines"
	try "$1" help
	has "$as help: usage" "^usage: .*torch ?less'? COMMAND \[" "$out"
	is "$as help: usage as it is called" "usage: $as COMMAND [OPTIONS] [ARGUMENTS]" "$(grep '^usage' "$out")"
	tail -n 1 "$out" | sed 's/^  //' >>"$work/lines"
	grep -qF "\`$as COMMAND --help\`" "$out" || fail "$as help does not say $as COMMAND --help"
	try "$1" query --help
	sed -n '/^examples:/,$ s/^  //p' "$out" | grep -F "$as query --" | head -n 3 >>"$work/lines"
	is "$as: lines" 11 "$(wc -l <"$work/lines" | tr -d ' ')"
	while IFS= read -r line; do
		sh -c "$line" >"$out" 2>"$err" </dev/null || fail "\`$line\` fails: $(brief "$(cat "$err")")"
	done <"$work/lines"
	# Errors, in backquotes; what they begin with stays.
	for args in 'nope' '--nope' 'trace' 'query no-such-query' 'query -t /nonexistent/trace.db x' 'debug --batch -ex exec-file' 'show --capture x'; do
		# shellcheck disable=SC2086 # words
		try "$1" $args
		has "$as $args: begins as ever" '^torchless: ' "$err"
		# shellcheck disable=SC2016
		sed -n 's/^[^`]*`\([^`]* [^`]*\)`.*/\1/p' "$err" | grep -vF "$as " | grep . && fail "$as $args names another program: $(cat "$err")"
	done
	try "$1" debug --batch -ex start -ex 'save edits e.jsonl' -ex 'help save edits' "Tom"
	is "$as debug: the recipe" 2 "$(tr '\n' ' ' <"$out" | grep -oF "\`$as trace --edits " | wc -l | tr -d ' ')"
}
called ./torchless ./torchless
called torchless torchless
called "$T" "$T"
called ../here/torchless ../here/torchless
called "$work/a tree/torchless" "'$work/a tree/torchless'"
called "../it's/torch less" "'../it'\\''s/torch less'"

# A script of the source tree is named as it is found from here; without a tree it is said whose it is.
printf '\200\002}q.' >x.bin
try ./torchless info -m x.bin
has "a script of the tree" "to .$root/scripts/export_mistral\.py \. -o model\.safetensors.$" "$err"
try "$tree/torchless" info -m x.bin
has "a script in a tree with a space" "to .'$tree/scripts/export_mistral\.py' \. -o model\.safetensors.$" "$err"
cp "$T" "$work/bin/alone"
try alone info -m x.bin
has "no tree" "to .scripts/export_mistral\.py \. -o model\.safetensors. of torchless's source tree$" "$err"
(cd "$root" && "$T" info -m "$here/x.bin") >"$out" 2>"$err"
has "in the tree" "to .scripts/export_mistral\.py $here -o model\.safetensors.$" "$err"

# What is kept, mailed or read by man(1) and the documents calls it torchless.
./torchless help --markdown >"$out"
hasnt "help --markdown" '\./torchless' "$out"
./torchless help --man query >"$out"
hasnt "help --man" '\./torchless' "$out"
./torchless query "SELECT group_concat(doc) || group_concat(name) FROM schema_doc, (SELECT 1) JOIN (SELECT name FROM saved_query)" -t 'a b.db' >"$out" 2>"$err"
hasnt "a recording" '\./torchless' "$out"
torchless trace -q -n 1 -o page.db Tom && ./torchless report -t page.db -o page.html 2>/dev/null
hasnt "a page" '\./torchless' page.html

# Words that are no name: a login shell's dash, nothing at all, control bytes.
# shellcheck disable=SC2016 # expanded by the bash within
as='exec -a "$0" "$1" help'
try bash -c "$as" -torchless "$T"
is "called -torchless" "usage: torchless COMMAND [OPTIONS] [ARGUMENTS]" "$(grep '^usage' "$out")"
try bash -c "$as" "" "$T"
is "called nothing" "usage: torchless COMMAND [OPTIONS] [ARGUMENTS]" "$(grep '^usage' "$out")"
try bash -c "$as" "$(printf '\033[31mred')" "$T"
hasnt "called by control bytes" "$(printf '\033')" "$out"

# A sentence that is put into others is given the options of the recording once; no prompt is a prompt too.
torchless trace -q -n 1 -o none.db ""
try torchless query -t none.db silent-units
has "an empty prompt" "trace -n 1 -o none\.db --capture units ''.$" "$err"
torchless trace -q -n 1 --redact -o left_out.db Tom
try torchless query -t left_out.db silent-units
has "a prompt that was left out" "trace -n 1 --redact -o left_out\.db --capture units PROMPT.$" "$err"
finish
