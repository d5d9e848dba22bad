"""recording.py -- what a recording holds, without times: to compare what a fault left with what there should be."""
import hashlib
import marshal
import os
import shutil
import sqlite3
import tempfile

SIDES = ("-wal", "-journal")
# What differs between two recordings of the same.
VOLATILE = {
    "run": {"uuid", "started_ns", "ended_ns", "opts"},
    "pass": {"ts", "dur"},
    "span": {"ts", "dur", "cycles", "instr", "llc_miss"},
    "event": {"ts"},
    "counter": {"ts", "value"},
    "timing": {"ns"},
}


def _hash(rows):
    # Version 2 has no references, which depend on who else knows an object.
    return hashlib.blake2b(marshal.dumps(rows, 2), digest_size=12).digest()


class Recording:
    """The file at a path, as it was when this was made; sqlite3.Error when it cannot be read.

    passes: {id: hash}, each with its calls and values; values: {id: [hash]} of each pass; ended: the passes in which a
    run met its error; ok: {id: hash} of the tokens of finished runs; uuids, prompts; n_lost: values whose dumps are
    missing.  With `whole` also tables: {name: hash}, and schema.
    """

    def __init__(self, path, whole=False):
        sides = [side for side in SIDES if os.path.exists(path + side)]
        if not sides:
            self._open(f"file:{path}?immutable=1", whole)
            return
        # Opening would roll a journal back and fold a log in: that is done to a copy.
        with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
            copy = os.path.join(folder, "r.db")
            for side in [""] + sides:
                shutil.copyfile(path + side, copy + side)
            self._open(f"file:{copy}", whole)

    def _open(self, uri, whole):
        db = sqlite3.connect(uri, uri=True)
        try:
            self.uuids = {row[0] for row in db.execute("SELECT uuid FROM run")}
            self.prompts = [row[0] for row in db.execute("SELECT prompt FROM run ORDER BY id")]
            self.passes, self.values = self._passes(db)
            self.ended = {row[0] for row in db.execute("""SELECT max(p.id) FROM pass p JOIN run r ON r.id = p.run_id WHERE r.status = 'error'
                AND p.phase IN ('prefill', 'decode') GROUP BY r.id""")}
            self.ok = {run: _hash(db.execute("SELECT pos, token_id, piece, source, logprob, rank FROM token WHERE run_id = ? ORDER BY pos",
                                             (run,)).fetchall())
                       for run, in db.execute("SELECT id FROM run WHERE status = 'ok'").fetchall()}
            self.n_lost = db.execute("""SELECT count(*) FROM value WHERE tensor_id IS NOT NULL
                AND tensor_id NOT IN (SELECT tensor_id FROM tensor_chunk)""").fetchone()[0]
            if whole:
                names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
                self.tables = {name: _hash(self._rows(db, name)) for name in names if not name.startswith("sqlite_")}
                self.schema = _hash(db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall())
        finally:
            db.close()

    @staticmethod
    def _columns(db, table):
        return [f'"{row[1]}"' for row in db.execute(f"PRAGMA table_info({table})") if row[1] not in VOLATILE.get(table, ())]

    def _rows(self, db, table):
        if table == "meta":
            return db.execute("SELECT key, iif(key IN ('closed', 'created'), '', value) FROM meta ORDER BY 1").fetchall()
        columns = self._columns(db, table)
        if table == "run":
            columns.append("json_remove(opts, '$.argv')")
        order = ", ".join(str(i + 1) for i in range(min(4, len(columns))))
        return db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}").fetchall()

    def _passes(self, db):
        parts = {row[0]: [row] for row in db.execute("SELECT id, run_id, idx, phase, pos0, n_tok, kv_len FROM pass")}
        values = {key: [] for key in parts}
        for table in ("span", "value"):
            columns = ", ".join(self._columns(db, table))
            for row in db.execute(f"SELECT pass_id, {columns} FROM {table} ORDER BY id"):
                parts.setdefault(row[0], []).append(row)
                if table == "value":
                    values.setdefault(row[0], []).append(_hash(row))
        return {key: _hash(rows) for key, rows in parts.items()}, values

    def differs(self, other):
        """None, or how this whole recording differs from another."""
        different = [name for name in other.tables if self.tables.get(name) != other.tables[name]]
        if different:
            return f"has other rows of {', '.join(different)}"
        return None if self.schema == other.schema else "has another schema"

    def strays(self, whole, partial=False):
        """None, or which of the passes and finished runs that are there are not those of a whole recording;
        partial: the last pass may have stopped anywhere, as a session does.  The pass in which a run met its error
        has the values up to there, and no others."""
        if self.n_lost:
            return f"has {self.n_lost} values without their dumps"
        last = max(self.passes, default=None)
        wrong = [str(p) for p, h in self.passes.items() if whole.passes.get(p) != h and not (partial and p == last)
                 and not (p in self.ended and self.values[p] == whole.values.get(p, [])[:len(self.values[p])])]
        if wrong:
            return f"has passes ({', '.join(wrong[:5])}) that are not whole, or not the right ones"
        wrong = [str(r) for r, h in self.ok.items() if whole.ok.get(r) != h]
        return f"has finished runs ({', '.join(wrong)}) with other tokens" if wrong else None
