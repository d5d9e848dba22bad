#!/bin/sh
# The pages of docs/recording*.md are what scripts/recording-doc prints, and the recipe for the SQL of a recording runs nothing but that.
. "$(dirname "$0")/lib.inc"
for page in page answers reference; do
	file=docs/recording-$page.md
	[ "$page" != page ] || file=docs/recording.md
	scripts/recording-doc $page | diff -u "$file" - || fail "$file: run make docs"
done
scripts/recording-doc nonsense >"$out" 2>"$err"
is "a page that there is not: status" 2 $?

# What a person reads first is a page, and what it points to is there.
[ "$(wc -l <docs/recording.md)" -le 260 ] || fail "docs/recording.md has more than 260 lines: the answers are behind it"
for page in docs/recording*.md; do
	grep -o '](recording[a-z-]*\.md#[a-z0-9_-]*)\|](#[a-z0-9_-]*)' "$page" | tr -d '()' | sed 's/^]//' | sort -u |
		while IFS='#' read -r file anchor; do
			[ -n "$file" ] && file=docs/$file || file=$page
			sed -n 's/^##* //p' "$file" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-' | grep -qx -- "$anchor" || echo "$page: $file#$anchor"
		done
done >"$out"
is "links that lead nowhere" "" "$(cat "$out")"

# SQL out of a file is never pasted into a shell that has commands of its own.
if grep -rnE 'sqlite3 .*\$\((sqlite3|\./torchless|torchless)|(SELECT sql|saved_query).*\| *(sqlite3|sh|bash)\b' README.md docs lessons scripts -I; then
	fail "a text of a recording is handed to a shell"
fi

# The recipe, as the page has it, on recordings whose question is something else.
checkpoint window --preset window --layers 2
awk '/^do not hand it to a shell/ { on = 1 } on && /^\$ / { print substr($0, 3) } on && /^The others want/ { exit }' docs/recording.md >"$work/recipe"
is "lines of the recipe" 2 "$(wc -l <"$work/recipe")"
ln -s "$root/scripts" "$root/.venv" "$work"
mkdir "$work/bin" && ln -s "$T" "$work/bin/torchless" && ln -s "$T" "$work/torchless"
cd "$work" || exit 2
"$T" trace -q -m "$root/build/test-models/window" -o good.db "The model reads" || exit 2

recipe() { # run both lines over trace.db
	while IFS= read -r line; do
		PATH=$work/bin:$PATH try sh -c "$line"
		cat "$out" >>answers
	done <recipe
}

cp good.db trace.db && : >answers && recipe
is "the recipe answers: status" 0 "$status"
is "the recipe answers: rows of both" 2 "$(grep -c embed answers)"

# question WHAT TEXT: nothing is made, started or opened for that SQL, and the recipe ends.
question() {
	cp good.db trace.db
	printf '%s' "$2" >text
	sqlite3 trace.db "UPDATE saved_query SET sql = CAST(readfile('text') AS TEXT) WHERE name = 'residual'" || fail "$1: no recording"
	cp trace.db before.db
	recipe
	[ ! -e pwned ] || fail "$1: it was run"
	rm -f pwned
	cmp -s trace.db before.db || fail "$1: the recording is another"
	hasnt "$1: no traceback of the program" '^torchless: .*assert' "$err"
}
question "dot commands" ".shell touch pwned
.once pwned
SELECT 1;
.system touch pwned
"
question "a dot command behind SQL" "SELECT 1;
.shell touch pwned
"
question "VACUUM INTO" "VACUUM INTO 'pwned'"
question "ATTACH" "ATTACH 'file:pwned?mode=rwc' AS x"
question "functions of the shell" "SELECT writefile('pwned', 'x'), edit('x', 'touch pwned; true')"
# shellcheck disable=SC2016 # a shell that sees it would run it: that is the test
question "the words of a shell, and a change" 'DELETE FROM run; -- $(touch pwned)`touch pwned`'
finish
