#!/bin/sh
# check_rings.sh -- scripts/check-rings finds planted rings, and none where there is none.
. "$(dirname "$0")/lib.inc"
check=$root/scripts/check-rings
cd "$work" || exit 2
mkdir -p src/a/b src/c include/torchless

file() { # PATH LINE...
	path=$1
	shift
	printf '%s\n' "$@" >"$path"
}

# rings WHAT STATUS OUTPUT: compile the tree and check it.
rings() {
	rm -rf obj
	objects=
	for source in src/*/*.c src/*/*/*.c; do
		object=obj/${source%.c}.o
		mkdir -p "${object%/*}"
		${CC:-cc} -Iinclude -MMD -MP -c -o "$object" "$source" || fail "$1: $source does not compile"
		objects="$objects $object"
	done
	# shellcheck disable=SC2086
	try "$check" obj $objects
	is "$1" "$2 $3" "$status $(cat "$out")"
}

file include/torchless/one.h '#ifndef ONE' '#define ONE' 'int one(int n);' '#endif'
file src/a/own.h 'int two(int n);' 'extern int table[];'
file src/a/one.c '#include "torchless/one.h"' '#include "own.h"' 'int one(int n) { return n ? two(n) : table[0]; }'
file src/a/two.c '#include "own.h"' 'static int one(int n) { return n; }' 'int two(int n) { return one(n); }' 'int table[1];'
file src/a/b/part.c '#include "../own.h"' 'int part(int n) { return two(n); }'
file src/c/user.c '#include "torchless/one.h"' 'int part(int n);' 'int user(int n) { return one(part(n)); }'
rings "no ring: a static function is nobody's" 0 "2 rooms, 6 files, no rings"

file src/a/two.c '#include "torchless/one.h"' '#include "own.h"' 'int two(int n) { return one(n); }' 'int table[1];'
rings "a ring of calls" 1 "a: one.c -> two.c (table, two) -> one.c (one)"

file src/a/two.c '#include "own.h"' 'int three(int n);' 'int two(int n) { return three(n); }' 'int table[1];'
file src/a/three.c '#include "torchless/one.h"' 'int three(int n);' 'int three(int n) { return one(n); }'
rings "of three" 1 "a: one.c -> two.c (table, two) -> three.c (three) -> one.c (one)"

file src/a/three.c 'extern int (*hook)(int);' 'int (*hook)(int);' 'int three(int n) { return hook(n); }'
file src/a/one.c '#include "torchless/one.h"' '#include "own.h"' 'extern int (*hook)(int);' 'int one(int n) { hook = two; return n; }'
rings "a pointer that is set is no ring" 0 "2 rooms, 7 files, no rings"

file src/a/two.c '#include "own.h"' 'int part(int n);' 'int two(int n) { return part(n); }' 'int table[1];'
rings "a file and a folder beside it" 1 "a: two.c -> b (part) -> two.c (two)"

file src/a/two.c '#include "own.h"' 'int user(int n);' 'int two(int n) { return user(n); }' 'int table[1];'
rings "two rooms" 1 "src: a -> c (user) -> a (one, part)"

file src/a/two.c '#include "own.h"' 'int two(int n) { return n; }' 'int table[1];'
file src/a/own.h '#ifndef OWN' '#define OWN' '#include "other.h"' 'int two(int n);' 'extern int table[];' '#endif'
file src/a/other.h '#ifndef OTHER' '#define OTHER' '#include "own.h"' '#endif'
rings "headers of a folder" 1 "a: own.h -> other.h (#include) -> own.h (#include)"

file src/a/other.h '#include "torchless/one.h"'
file include/torchless/one.h '#ifndef ONE' '#define ONE' '#include "torchless/same.h"' 'int one(int n);' '#endif'
file include/torchless/same.h '#ifndef SAME' '#define SAME' '#include "torchless/one.h"' '#endif'
rings "public headers" 1 "include/torchless: one.h -> same.h (#include) -> one.h (#include)"

file include/torchless/same.h ''
rings "and none again" 0 "2 rooms, 9 files, no rings"
try "$check" obj obj/nothing.o
is "an object that is not there" 2 "$status"
finish
