#!/bin/sh
# lesson_dev.sh -- for who writes lessons: `dev new` makes what `dev check` then asks to be filled, and
# each step of docs/howto/add-a-lesson.md that is forgotten is told of by name.
. "$(dirname "$0")/lib.inc"
unset TORCHLESS_COURSE TORCHLESS_LESSON_HOME SMOLLM2
cd "$work" || exit 2
course=$work/course
conf=$course/00-first/checks.conf

# anew: the small course as it is.
anew() { rm -rf "$course" && cp -r "$root/tests/support/course" "$course"; }

dev() { try "$T" lesson --course "$course" dev "$@"; }

# forgets WHAT PATTERN: `dev check 00` ends with 1 and says so.
forgets() {
	dev check 00
	is "$1: status" 1 "$status"
	has "$1" "$2" "$out"
	has "$1: the last line sums up" '^[1-9][0-9]* findings? · 1 lesson, 3 exercises · [0-9]+ s$' "$out"
}

# does_not_open WHAT PATTERN: the course is refused, by file and line.
does_not_open() { refuses "$1" 2 "$2" "$T" lesson --course "$course" list; }

# What holds of the small course as it is: its answers do.
anew
dev check 00
for line in '^ok   calls: ' '^ok   positions: ' 'heads-guess: c: nothing says what it means'; do
	has "the small course" "$line" "$out"
done

# A step of course.conf.
anew
mkdir "$course/02-third" && cp "$course/00-first/"* "$course/02-third/"
forgets "a folder that course.conf does not name" 'course.conf: 02-third stands in no order'
sed -i 's/^order = .*/order = "01-second"/' "$course/course.conf"
rm -r "$course/01-second/softmax.c"
does_not_open "a kernel without its file" 'checks.conf:.*there is no softmax.c'
anew
sed -i 's/^order = .*/order = "00-first 01-second 03-fourth"/' "$course/course.conf"
does_not_open "an order with a folder that is not there" 'there is no folder.*03-fourth'

# Steps of checks.conf.
anew
sed -i 's/^tittle/title/; s/^hardest = "yes"/hradest = "yes"/' "$conf"
does_not_open "a key that nobody reads" 'checks.conf:[0-9]+: .*hradest'
anew
sed -i '/^wrong.heads.says/d' "$conf"
forgets "a wrong answer without words" '^calls: wrong.heads: nothing says what it means'
anew
sed -i 's/^wrong.heads = .*/wrong.heads = "SELECT n_layers FROM model"/' "$conf"
forgets "a wrong answer that is right" '^calls: wrong.heads: it passes, and should fail'
anew
sed -i 's/^answer = "SELECT pos, piece.*/answer = "SELECT 1, 2"/' "$conf"
forgets "an answer that is a literal" '^positions: the right rows written down: it passes'
anew
printf 'equivalent.turned = "SELECT pos, piece FROM v_token WHERE run_id = 1 ORDER BY pos DESC"\nwrong.pieces = "SELECT pos, upper(piece) FROM v_token WHERE run_id = 1 ORDER BY pos"\nwrong.pieces.says = ""\n' >> "$conf"
forgets "an equivalent query that is none" '^positions: equivalent.turned: it should pass, and fails'
has "a wrong query without words" '^positions: wrong.pieces: nothing says what it means' "$out"
anew
sed -i 's/^answer = "SELECT n_layers.*/answer = "SELECT 5"/' "$conf"
forgets "a value that is a literal" '^calls: answer: it is written down'
anew
sed -i 's/^answer = "SELECT n_layers.*/answer = "SELECT nothing FROM model"/' "$conf"
forgets "an answer that is no query" '^calls: .*nothing'

# Steps of lesson.md and hints.md.
anew
sed -i '/^### Exercise calls/,/^A number/d' "$course/00-first/lesson.md"
does_not_open "an exercise without its heading" 'lesson.md has no heading ### Exercise calls'
anew
sed -i '/^A number\.$/d; /^A recording holds/d' "$course/00-first/lesson.md"
forgets "a part with nothing below it" 'lesson.md:[0-9]+: nothing is written below ## What it is'
anew
rm "$course/00-first/hints.md"
forgets "hints" 'the exercise calls has no hints in hints.md'

# A new lesson: what is left to write is named, and nothing is written over.
anew
dev new 02-cache tl_softmax
is "dev new: status" 0 "$status"
has "dev new: what next" '^next .*torchless lesson dev check 02' "$out"
has "dev new: the order" '^order = "00-first 01-second 02-cache"$' "$course/course.conf"
for file in lesson.md checks.conf hints.md cache.c wrong/one.c wrong/two.c equivalent/other.c; do
	[ -s "$course/02-cache/$file" ] || fail "dev new: no $file"
done
for kind in value sql locate bench milestone; do
	has "dev new: an exercise of each kind" "^# kind = \"$kind\"" "$course/02-cache/checks.conf"
done
cp "$course/course.conf" "$work/before"
refuses "dev new: a number that is there" 2 'lesson 02 is there already' "$T" lesson --course "$course" dev new 02-other
refuses "dev new: a name that is none" 2 'as 17-cache is' "$T" lesson --course "$course" dev new cache
refuses "dev new: a kernel that there is not" 2 "no kernel 'tl_x'" "$T" lesson --course "$course" dev new 03-x tl_x
mkdir "$course/03-x"
refuses "dev new: a folder that is there" 2 '03-x' "$T" lesson --course "$course" dev new 03-x
cmp -s "$work/before" "$course/course.conf" || fail "dev new: a refusal changes course.conf"
rmdir "$course/03-x"
refuses "dev new: the course of the program" 2 'with --course' "$T" lesson dev new 03-x
dev check 02
is "what dev new made: status" 1 "$status"
for line in 'nothing is written below ## See it run' 'the exercise cache-guess asks nothing yet' \
	'the exercise cache-kernel has no hints' "wrong/one.c:1: the comment it begins with has no .says" \
	'^cache-kernel: solution: does not pass' '^cache-guess: no: nothing says what it means' \
	'is what is believed|nothing is written below ## What people believe'; do
	has "what is left to write" "$line" "$out"
done
hasnt "what dev new made is read" 'does not compile|warnings' "$out"
# With the solution in its place, and a part written, that is not told any more.
cp "$root/tests/support/course/01-second/softmax.c" "$course/02-cache/cache.c"
sed -i 's/^wrong.no = ""/wrong.no = "There are tokens."/' "$course/02-cache/checks.conf"
sed -i 's/^<!-- The question.*/Are there tokens?/' "$course/02-cache/lesson.md"
dev check 02
hasnt "what is written is not asked for" '^cache-kernel: solution|cache-guess asks|^cache-guess: no' "$out"
finish
