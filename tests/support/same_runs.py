#!/usr/bin/env python3
"""same_runs.py A.db RUN B.db RUN ... -- compare runs, two at a time, row by row.

Everything a run owns is compared but row ids, which depend on what was recorded before, and times.
"""
import sqlite3
import sys

QUERIES = {
    "value": """SELECT v.pass, v.phase, v.pos0, v.fqn, v.dtype, v.shape, v.hash, v.mean, v.absmax_at, v.n_inf, v.edit_id IS NULL,
        (SELECT group_concat(hex(p.data), '') FROM v_payload p WHERE p.value_id = v.id), t.dump_from, t.pos_stats
        FROM v_value v JOIN value t USING (id) WHERE v.run_id = ? ORDER BY v.id""",
    "span": """SELECT s.id - f.first, s.last_id - f.first, s.pass, s.phase, s.module, s.depth, s.flops, s.bytes
        FROM v_span s, (SELECT min(id) first FROM v_span WHERE run_id = ?1) f WHERE s.run_id = ?1 ORDER BY s.id""",
    "token": "SELECT pos, token_id, piece, source, byte_start, byte_end, logprob, rank, entropy FROM v_token WHERE run_id = ? ORDER BY pos",
    "cand": "SELECT pos, rank, token_id, piece, logit, logprob, kept, cut_by FROM v_cand WHERE run_id = ? ORDER BY pos, rank",
    "tok_step": "SELECT seq, rule, left_piece, right_piece, merged, rank, at_byte FROM v_tok_step WHERE run_id = ? ORDER BY seq",
    "pass": "SELECT idx, phase, pos0, n_tok, kv_len, dur IS NULL FROM pass WHERE run_id = ? ORDER BY id",
    "edit": "SELECT point_id, sel, kind FROM edit WHERE run_id = ? ORDER BY id",
    "event": "SELECT kind, severity, data FROM event WHERE run_id = ? ORDER BY id",
    "counter": "SELECT name FROM counter WHERE run_id = ?",
    "run": "SELECT status, seed, sampler, prompt, prompt_redacted FROM run WHERE id = ?",
}


def rows(db, run):
    return {name: db.execute(sql, (run,)).fetchall() for name, sql in QUERIES.items()}


def main(args):
    for i in range(0, len(args), 4):
        a, b = (rows(sqlite3.connect(args[j]), int(args[j + 1])) for j in (i, i + 2))
        if not (a["value"] and a["token"] and a["span"]):
            sys.exit(f"{args[i]} has nothing of run {args[i + 1]}")
        for name in QUERIES:
            for n, (x, y) in enumerate(zip(a[name], b[name])):
                if x != y:
                    sys.exit(f"{' '.join(args[i:i + 4])}: row {n} of {name} differs: {str(x)[:200]} is not {str(y)[:200]}")
            if len(a[name]) != len(b[name]):
                sys.exit(f"{' '.join(args[i:i + 4])}: {len(a[name])} rows of {name} are not {len(b[name])}")


main(sys.argv[1:])
