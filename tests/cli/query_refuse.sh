#!/bin/sh
# query_refuse.sh -- what SQL over a recording may not do: each is one sentence, and the file stays as it is.
. "$(dirname "$0")/lib.inc"
checkpoint window --preset window --layers 2
m=$root/build/test-models/window
cd "$work" || exit 2
"$T" trace -q -m "$m" "The model reads" || fail "no recording to ask"
: > in.sql
: > "$out"
: > "$err"
before="$(cksum < trace.db) $(ls)"

# Whatever writes: by the argument, from stdin as SQL, and as the shell reads it.
# STATEMENT|what the sentence says
while IFS='|' read -r statement sentence; do
	refuses "$statement" 2 "$sentence" "$T" query "$statement"
	for dash in - ""; do
		printf '%s;\n' "$statement" > in.sql
		# shellcheck disable=SC2086
		"$T" query $dash < in.sql > "$out" 2> "$err"
		is "$statement from stdin" "2 1 " "$? $(wc -l < "$err" | tr -d ' ') $(cat "$out")"
		has "$statement from stdin" "^torchless: .*$sentence" "$err"
	done
	: > in.sql
done <<'SQL'
ATTACH 'x.db' AS x|ATTACH is refused: a recording is only read here$
ATTACH ':memory:' AS x|ATTACH is refused
DETACH main|DETACH is refused
INSERT INTO meta VALUES ('a', 'b')|INSERT into meta is refused
INSERT INTO v_run DEFAULT VALUES|(INSERT|cannot modify v_run)
REPLACE INTO meta VALUES ('a', 'b')|INSERT into meta is refused
UPDATE run SET status = 'ok'|UPDATE of run is refused
DELETE FROM run|DELETE from run is refused
WITH x AS (SELECT 1) DELETE FROM run|DELETE from run is refused
EXPLAIN DELETE FROM run|DELETE from run is refused
UPDATE sqlite_schema SET sql = 'x'|(UPDATE is refused|may not be modified)
DELETE FROM sqlite_schema|(DELETE is refused|may not be modified)
DROP TABLE run|DROP is refused
DROP VIEW v_value|DROP is refused
CREATE TABLE x(y)|CREATE is refused
CREATE TABLE x AS SELECT 1|CREATE is refused
CREATE TEMP TABLE x AS SELECT 1|CREATE is refused
CREATE TEMP VIEW x AS SELECT 1|CREATE is refused
CREATE TEMP TRIGGER x AFTER INSERT ON run BEGIN SELECT 1; END|CREATE is refused
CREATE INDEX x ON run(status)|CREATE is refused
CREATE VIRTUAL TABLE x USING fts5(y)|CREATE is refused
ALTER TABLE run RENAME TO x|ALTER is refused
REINDEX|REINDEX is refused
ANALYZE|ANALYZE is refused
VACUUM|VACUUM is refused
VACUUM INTO 'y.db'|VACUUM is refused
BEGIN|BEGIN is refused
BEGIN IMMEDIATE|BEGIN is refused
COMMIT|COMMIT is refused
ROLLBACK|ROLLBACK is refused
SAVEPOINT x|SAVEPOINT is refused
RELEASE x|RELEASE is refused
SELECT load_extension('x')|function load_extension is refused
SELECT fts3_tokenizer('simple')|(function fts3_tokenizer is refused|no such function: fts3_tokenizer)
SELECT fts3_tokenizer('simple', x'00')|(function fts3_tokenizer is refused|no such function: fts3_tokenizer)
SELECT writefile('y', 'z')|(function writefile is refused|no such function: writefile)
SELECT readfile('trace.db')|(function readfile is refused|no such function: readfile)
SELECT edit('x')|(function edit is refused|no such function: edit)
SELECT * FROM fsdir('.')|no such (table|function): fsdir
SELECT * FROM pragma_journal_mode('wal')|unknown database
SELECT * FROM pragma_wal_checkpoint|no such table
PRAGMA main.journal_mode = off|setting PRAGMA journal_mode is refused
PRAGMA journal_mode(wal)|setting PRAGMA journal_mode is refused
SELECT 1; DROP TABLE run|DROP is refused
SELECT 1; SELECT 2; SELEC 3|syntax error
SQL

for pragma in analysis_limit=1 application_id=4 auto_vacuum=1 automatic_index=0 busy_timeout=1 cache_size=1 case_sensitive_like=1 \
	cell_size_check=0 default_cache_size=1 defer_foreign_keys=1 encoding=\'UTF-16\' foreign_keys=0 hard_heap_limit=0 ignore_check_constraints=1 \
	incremental_vacuum incremental_vacuum=1 journal_mode=DELETE journal_mode=WAL journal_size_limit=1 key=\'x\' legacy_alter_table=1 \
	locking_mode=exclusive max_page_count=1 mmap_size=0 optimize page_size=512 query_only=0 read_uncommitted=1 recursive_triggers=1 \
	reverse_unordered_selects=1 schema_version=9 secure_delete=1 shrink_memory soft_heap_limit=0 synchronous=OFF temp_store=1 \
	temp_store_directory=\'/tmp\' threads=8 trusted_schema=1 user_version=3 wal_autocheckpoint=1 wal_checkpoint wal_checkpoint=TRUNCATE \
	writable_schema=1; do
	refuses "PRAGMA $pragma" 2 "PRAGMA ${pragma%%=*} is refused: a recording is only read here$" "$T" query "PRAGMA $pragma"
done
is "pragmas that only look are fine" "10000 delete ok" "$("$T" query "PRAGMA user_version; PRAGMA journal_mode; PRAGMA quick_check(1)" | paste -sd' ')"

# What takes too long, or too much.
count="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
refuses "a recursion without end" 2 "stopped after 0.2 s, the time limit$" "$T" query --timeout 0.2 "$count SELECT count(*) FROM n"
refuses "one that keeps what it saw" 2 "stopped after 0.2 s" "$T" query --timeout 0.2 "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n"
refuses "a join of everything" 2 "stopped after 0.2 s" "$T" query --timeout 0.2 "SELECT count(*) FROM v_value a, v_value b, v_value c, v_value d"
refuses "a sort of everything" 2 "stopped after 0.2 s" "$T" query --timeout 0.2 "SELECT a.id FROM v_value a, v_value b, v_value c, v_value d ORDER BY random()"
refuses "a blob too large" 2 "larger than the 512 MB" "$T" query "SELECT length(zeroblob(2000000000))"
refuses "a text too large" 2 "larger than the 512 MB" "$T" query "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000)))"
refuses "a text that doubles" 3 "more than the 1024 MB of memory" \
	"$T" query "WITH RECURSIVE n(i, s) AS (SELECT 1, hex(zeroblob(1 << 24)) UNION ALL SELECT i + 1, s || s FROM n) SELECT max(length(s)) FROM n"
refuses "SQL too deep" 2 "." "$T" query "SELECT $(python3 -c 'print("(" * 2000 + "1" + ")" * 2000)')"
# shellcheck disable=SC2016
{
	python3 -c "print('SELECT 1' + ' UNION ALL SELECT 1' * 999)" > in.sql
	refuses "a union of too many" 2 "too many terms" sh -c '"$1" query - < in.sql' - "$T"
	python3 -c "print('SELECT ' + '1,' * 5000 + '1')" > in.sql
	refuses "too many columns" 2 "too many columns" sh -c '"$1" query - < in.sql' - "$T"
	python3 -c "print('SELECT length(\'' + 'a' * 2000000 + '\')')" > in.sql
	refuses "SQL too long" 2 "the SQL is longer than the 1 MB that a statement may have" sh -c '"$1" query - < in.sql' - "$T"
}
: > in.sql
is "rows without end end at the limit" "1 2 3" "$(timeout 100 "$T" query --limit 3 "$count SELECT i FROM n" | paste -sd' ')"
is "or when nobody reads on" 1 "$(timeout 100 "$T" query "$count SELECT i FROM n" | head -1)"

# Several statements in one argument: all or nothing is compiled, then each answers.
is "several statements answer in turn" "1 2" "$("$T" query "SELECT 1; SELECT 2" | paste -sd' ')"

is "the recording is what it was, and nothing lies beside it" "$before" "$(cksum < trace.db) $(ls)"
finish
