#!/bin/sh
# lesson_ahead.sh -- what `lesson start` leaves to a process of its own at a terminal: tests/support/lesson_ahead.py.
. "$(dirname "$0")/lib.inc"

unset TORCHLESS_COURSE TORCHLESS_LESSON_HOME SMOLLM2
LC_ALL=C.UTF-8 python3 "$root/tests/support/lesson_ahead.py" "$T" "$work" || fail "at a terminal"
finish
