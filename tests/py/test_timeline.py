#!/usr/bin/env python3
"""Is what `torchless export` writes a trace, and does it say what the recording says?

Perfetto's file is read with the messages of the package perfetto, Chrome's JSON with a strict reader of the Trace Event
Format; both are opened in Perfetto's own trace processor, whose SQL is held against SQL over the recording.  Sound
recordings and such as a stranger might send.  Run with .venv/bin/python; needs ./torchless and scripts/setup --tests.
"""

import collections
import contextlib
import decimal
import io
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "tests", "support")]

import make_checkpoint  # noqa: E402
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TracePacket, TrackEvent  # noqa: E402
from trace_processor import TraceProcessor  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
HOSTILE = 'The \x1b[31m"model"\n</script> \\ \u202e reads \x07'
TRACKS = ["tokenizer", "prefill", "decode", "sampler", "writer"]

Slice = collections.namedtuple("Slice", "track name category ts dur depth args")


def torchless(*args, status=0, **how):
    """What a command says on stderr."""
    done = subprocess.run([TORCHLESS, *args], capture_output=True, cwd=folder, timeout=600, **how)
    assert done.returncode == status, (args, done.returncode, done.stderr)
    return done.stderr.decode()


def setUpModule():
    """A small random model, recordings of it, and a trace processor."""
    global folder, processor
    processor = TraceProcessor()
    folder = tempfile.mkdtemp(prefix="torchless-timeline-")
    with contextlib.redirect_stderr(io.StringIO()):
        make_checkpoint.main(["--preset", "window", "--layers", "3", "-q", "-o", os.path.join(folder, "model")])
    trace = ["trace", "-q", "-m", "model"]
    torchless(*trace, "-n", "5", "--temp", "1.2", "--top-k", "9", "--top-p", "0.9", "--min-p", "0.01", "-o", "plain.db",
              HOSTILE)
    torchless(*trace, "-n", "3", "--redact", "-o", "redacted.db", "The model reads")
    torchless(*trace, "-n", "3", "--chunk", "4", "--prompt-ids", "-o", "chunks.db", " ".join(["5"] * 11))
    with open(os.path.join(folder, "prompts.jsonl"), "w", encoding="utf-8") as file:
        for i in range(6):
            file.write(json.dumps({"prompt": "The model reads " * i + "it", "n": 1 + i % 3, "id": HOSTILE}) + "\n")
    torchless(*trace, "--prompts", "prompts.jsonl", "-o", "many.db")
    with open(os.path.join(folder, "edits.jsonl"), "w", encoding="utf-8") as file:
        file.write('{"point": "L1.mlp.act_mul", "kind": "set", "value": "nan", "passes": [1, null]}\n')
    torchless(*trace, "-n", "4", "--edits", "edits.jsonl", "-o", "nan.db", "The model reads")
    torchless(*trace, "-n", "4", "--edits", "edits.jsonl", "--stop-on", "nan", "-o", "stopped.db", "The model reads",
              status=1)


def tearDownModule():
    with processor:
        shutil.rmtree(folder)


def here(name):
    """A file of the test's own folder."""
    return os.path.join(folder, name)


def ask(name, sql):
    """Rows of a recording."""
    with contextlib.closing(sqlite3.connect(here(name))) as db:
        db.text_factory = lambda data: data.decode(errors="replace")
        return db.execute(sql).fetchall()


def export(name, **how):
    """Both files of a recording, and what was said of it."""
    paths = here(name + ".pftrace"), here(name + ".json")
    return *paths, torchless("export", "-t", name, "--perfetto", paths[0], "--chrome", paths[1], **how)


# ---- reading, strictly --------------------------------------------------------------------------


class Stacks:
    """Slices by begin and end, or by begin and duration, that have to nest on their tracks."""

    def __init__(self):
        self.open = collections.defaultdict(list)
        self.now = collections.defaultdict(int)
        self.slices = []

    def begin(self, track, ts, **fields):
        assert ts >= self.now[track], f"{track}: {ts} is before {self.now[track]}"
        self.now[track] = ts
        self.open[track].append((len(self.slices), ts))
        self.slices.append(dict(fields, track=track, ts=ts, depth=len(self.open[track]) - 1))

    def end(self, track, ts):
        at, begin = self.open[track].pop()
        assert ts >= self.now[track]
        self.now[track] = ts
        self.slices[at]["dur"] = ts - begin

    def complete(self, track, ts, dur, **fields):
        """Close what ended by then; what is still open has to hold this one."""
        assert dur >= 0
        while self.open[track] and self.end_of(track) <= ts and not (dur == 0 and self.end_of(track) == ts and
                                                                     fields["inside"]):
            self.open[track].pop()
        assert ts >= self.now[track], f"{track}: out of order"
        assert not self.open[track] or ts + dur <= self.end_of(track), f"{track}: {fields} sticks out"
        del fields["inside"]
        self.now[track] = ts
        self.open[track].append((len(self.slices), ts))
        self.slices.append(dict(fields, track=track, ts=ts, dur=dur, depth=len(self.open[track]) - 1))

    def end_of(self, track):
        last = self.slices[self.open[track][-1][0]]
        return last["ts"] + last["dur"]


class PerfettoFile:
    """Every promise of the format that a reader relies on, and what the file says."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        trace = Trace.FromString(data)
        stacks, self.instants, self.counts, self.tracks, self.processes = Stacks(), [], [], {}, {}
        names, categories, args = {}, {}, {}
        for i, packet in enumerate(trace.packet):
            assert packet.trusted_packet_sequence_id == 1
            state = TracePacket.SEQ_INCREMENTAL_STATE_CLEARED if i == 0 else TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
            assert packet.sequence_flags == state
            for table, entries in ((names, packet.interned_data.event_names),
                                   (categories, packet.interned_data.event_categories),
                                   (args, packet.interned_data.debug_annotation_names)):
                for entry in entries:
                    assert entry.iid > 0 and entry.iid not in table
                    table[entry.iid] = entry.name
            if packet.HasField("track_descriptor"):
                self.add_track(packet.track_descriptor)
            if packet.HasField("track_event"):
                self.add_event(packet, stacks, names, categories, args)
        assert not any(stacks.open.values()), "a slice without an end"
        self.slices = [Slice(**s) for s in stacks.slices]
        # What the schema does not know would be dropped here.
        trace.DiscardUnknownFields()
        assert trace.ByteSize() == len(data)

    def add_track(self, track):
        assert track.uuid and track.uuid not in self.tracks
        if track.HasField("process"):
            assert track.process.pid > 0
            label = (track.process.pid, None)
            self.processes[track.process.pid] = track.process.process_name
        elif track.HasField("thread"):
            assert track.thread.pid in {pid for pid, _ in self.tracks.values()} and track.thread.tid > 0
            label = (track.thread.pid, track.thread.thread_name)
        else:
            assert track.HasField("counter") and track.name
            label = (self.tracks[track.parent_uuid][0], track.name)
        self.tracks[track.uuid] = label

    def add_event(self, packet, stacks, names, categories, args):
        event = packet.track_event
        track = self.tracks[event.track_uuid]
        assert packet.HasField("timestamp") and packet.timestamp < 1 << 63
        if event.type == TrackEvent.TYPE_SLICE_END:
            stacks.end(track, packet.timestamp)
            return
        if event.type == TrackEvent.TYPE_COUNTER:
            kind = event.WhichOneof("counter_value_field")
            self.counts.append((track[0], track[1], packet.timestamp, getattr(event, kind)))
            return
        fields = {"name": names[event.name_iid] if event.HasField("name_iid") else event.name,
                  "category": categories[event.category_iids[0]],
                  "args": {args[a.name_iid]: getattr(a, a.WhichOneof("value")) for a in event.debug_annotations}}
        assert len(fields["args"]) == len(event.debug_annotations)
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            stacks.begin(track, packet.timestamp, **fields)
        else:
            assert event.type == TrackEvent.TYPE_INSTANT
            self.instants.append(Slice(track=track, ts=packet.timestamp, dur=0, depth=None, **fields))


def unique(pairs):
    """An object whose keys come once."""
    result = dict(pairs)
    assert len(result) == len(pairs), pairs
    return result


def refuse(word):
    raise ValueError(f"{word} is no JSON")


class ChromeFile:
    """The Trace Event Format, with exact numbers."""

    FIELDS = {"M": {"name", "args"}, "X": {"cat", "name", "ts", "dur", "args"}, "i": {"cat", "name", "ts", "s", "args"},
              "C": {"name", "ts", "args"}}

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read().decode()  # UTF-8, strictly
        for character in data:
            assert character >= " " or character == "\n"
        document = json.loads(data, parse_float=decimal.Decimal, parse_constant=refuse, object_pairs_hook=unique)
        assert set(document) == {"displayTimeUnit", "traceEvents"} and document["displayTimeUnit"] in ("ms", "ns")
        stacks, self.instants, self.counts, self.names = Stacks(), [], [], {}
        for event in document["traceEvents"]:
            self.add(event, stacks)
        self.slices = [Slice(**s) for s in stacks.slices]

    @staticmethod
    def ns(micro):
        exact = micro * 1000
        assert exact == int(exact) >= 0
        return int(exact)

    def add(self, event, stacks):
        fields = self.FIELDS[event["ph"]]
        assert set(event) == fields | {"ph", "pid", "tid"}, event
        assert all(isinstance(event[key], int) and event[key] > 0 for key in ("pid", "tid"))
        assert isinstance(event["name"], str) and isinstance(event["args"], dict)
        if event["ph"] == "M":
            self.add_meta(event)
            return
        track = event["pid"], self.names[event["pid"], event["tid"]]
        if event["ph"] == "C":
            value = event["args"]["value"]
            assert list(event["args"]) == ["value"] and isinstance(value, (int, decimal.Decimal))
            self.counts.append((event["pid"], event["name"], self.ns(event["ts"]), float(value)))
            return
        args = {key: float(value) if isinstance(value, decimal.Decimal) else value
                for key, value in event["args"].items()}
        what = {"name": event["name"], "category": event["cat"], "args": args}
        if event["ph"] == "X":
            stacks.complete(track, self.ns(event["ts"]), self.ns(event["dur"]), inside=False, **what)
        else:
            assert event["s"] == "t"
            self.instants.append(Slice(track=track, ts=self.ns(event["ts"]), dur=0, depth=None, **what))

    def add_meta(self, event):
        if event["name"].endswith("_sort_index"):
            assert isinstance(event["args"]["sort_index"], int)
            return
        key = (event["pid"], event["tid"])
        assert event["name"] in ("process_name", "thread_name") and key not in self.names
        self.names[key] = None if event["name"] == "process_name" else event["args"]["name"]


def by_place(slices):
    """Slices by track and time, so that files in another order compare."""
    return sorted(slices, key=lambda s: (s.track[0], s.track[1], s.ts, -s.dur, s.args.get("span_id", -1), s.name))


# ---- sound recordings ---------------------------------------------------------------------------

SPANS = """SELECT s.id, coalesce(nullif(m.path, ''), m.type), r.n, p.phase, s.ts + r.started_ns - (SELECT min(started_ns)
    FROM run), s.dur, s.depth + 1, s.flops, s.bytes_w, s.bytes_kv, s.bytes_act, m.type, m.layer, s.last_id, v.gbps, v.gflops
    FROM span s JOIN module m ON m.id = s.module_id JOIN pass p ON p.id = s.pass_id JOIN v_span v ON v.id = s.id
    JOIN (SELECT *, 10 * row_number() OVER (ORDER BY id) n FROM run) r ON r.id = p.run_id ORDER BY s.id"""
SHAPES = "SELECT v.span_id, v.shape FROM v_value v ORDER BY v.id"
RECORDINGS = ["plain.db", "redacted.db", "chunks.db", "many.db", "nan.db"]


class Sound(unittest.TestCase):
    """Files of recordings that this program made."""

    def test_spans_are_those_of_the_recording(self):
        for name in RECORDINGS:
            perfetto, chrome, said = export(name)
            self.assertEqual(len(said.splitlines()), 2, said)
            spans, shapes = ask(name, SPANS), ask(name, SHAPES)
            for file in PerfettoFile(perfetto), ChromeFile(chrome):
                written = {s.args["span_id"]: s for s in file.slices if s.category == "module"}
                self.assertEqual(len(written), len(spans))
                for span in spans:
                    s = written[span[0]]
                    self.assertEqual((s.name, s.track, s.ts, s.dur, s.depth), (span[1], (span[2], span[3]), *span[4:7]))
                    self.assertEqual([s.args[k] for k in ("FLOP", "weight_bytes", "kv_bytes", "activation_bytes", "type")],
                                     list(span[7:12]))
                    self.assertEqual((s.args["bytes"], s.args.get("layer")), (sum(span[8:11]), span[12]))
                    self.assertEqual((s.args.get("GB/s"), s.args.get("GFLOP/s")), (span[14], span[15]))
                    last = [shape for at, shape in shapes if span[0] <= at <= span[13]][-1]
                    self.assertEqual(s.args["shape"], f"[{last}]")

    def test_both_files_say_the_same(self):
        for name in [*RECORDINGS, "stopped.db"]:
            perfetto, chrome, _ = export(name)
            p, c = PerfettoFile(perfetto), ChromeFile(chrome)
            self.assertEqual(by_place(p.slices), by_place(c.slices))
            self.assertEqual(by_place(p.instants), by_place(c.instants))
            self.assertEqual(p.counts, c.counts)

    def test_passes_tokens_and_counters(self):
        for name in RECORDINGS:
            file = PerfettoFile(export(name)[0])
            runs = ask(name, "SELECT id, started_ns - (SELECT min(started_ns) FROM run) FROM run ORDER BY id")
            passes = ask(name, "SELECT run_id, idx, phase, pos0, n_tok, kv_len, ts, dur FROM pass WHERE idx NOT NULL")
            offset, pid = dict(runs), {run: 10 * (i + 1) for i, (run, _) in enumerate(runs)}
            self.assertEqual(
                sorted((pid[r], phase, offset[r] + ts, dur, idx, pos, n, kv) for r, idx, phase, pos, n, kv, ts, dur in passes),
                sorted((*s.track, s.ts, s.dur, *(s.args[k] for k in ("pass", "pos", "tokens", "kv_len")))
                       for s in file.slices if s.category == "pass"))
            tokens = ask(name, "SELECT run_id, pos, token_id, logprob, rank FROM token WHERE source = 'generated'")
            written = [i for i in file.instants if i.category == "token"]
            self.assertEqual(sorted((pid[r], *rest) for r, *rest in tokens),
                             sorted((i.track[0], *(i.args[k] for k in ("pos", "token_id", "logprob", "rank"))) for i in written))
            when = dict(((r, pos), ts) for r, pos, ts in ask(name, "SELECT run_id, pos0, ts FROM pass WHERE phase = 'sample'"))
            for i in written:
                run = next(r for r in pid if pid[r] == i.track[0])
                self.assertEqual(i.ts, offset[run] + when[run, i.args["pos"] - 1])
                self.assertEqual(i.track[1], "sampler")
            self.assertEqual([(pid[r], "kv_len", offset[r] + ts + dur, kv) for r, _, _, _, _, kv, ts, dur in passes],
                             [c for c in file.counts if c[1] == "kv_len"])
            recorder = ask(name, "SELECT run_id, CAST(value AS INT) FROM counter ORDER BY run_id")
            self.assertEqual([(pid[r], "writer", ns) for r, ns in recorder],
                             sorted((*s.track, s.dur) for s in file.slices if s.track[1] == "writer"))
            cuts = ask(name, "SELECT json_extract(data, '$.rule'), json_extract(data, '$.rank') FROM event "
                             "WHERE kind = 'sampler' AND json_extract(data, '$.rule') <> 'pick'")
            self.assertEqual(sorted(map(str, cuts)), sorted(str((i.name, i.args.get("candidates_left")))
                             for i in file.instants if i.track[1] == "sampler" and i.category == "event"))

    def test_the_sampler_is_there(self):
        names = {i.name for i in PerfettoFile(export("plain.db")[0]).instants if i.track[1] == "sampler"}
        self.assertLessEqual({"temp", "top_k", "top_p", "min_p"}, names)

    def test_pieces_are_shown(self):
        file = PerfettoFile(export("plain.db")[0])
        process = next(name for pid, name in file.processes.items() if pid == 10)
        self.assertIn('\\x1B[31m"model"\\n</script>', process)
        self.assertNotIn("\u202e", process)
        tokenize = next(i for i in file.instants if i.track[1] == "tokenizer")
        steps = dict(ask("plain.db", "SELECT rule, count(*) FROM tok_step GROUP BY rule"))
        self.assertEqual((tokenize.args["merges"], tokenize.args["splits"]), (steps.get("merge", 0), steps.get("split", 0)))
        self.assertIn("</script>", tokenize.args["prompt"])

    def test_what_is_redacted_stays_so(self):
        perfetto, chrome, _ = export("redacted.db")
        for path in perfetto, chrome:
            with open(path, "rb") as file:
                data = file.read()
            self.assertNotIn(b"model reads", data)
            self.assertIn(b"token ", data)

    def test_first_bad_value(self):
        for name in "nan.db", "stopped.db":
            (value, fqn, phase, begin), = ask(name, """SELECT v.id, pt.fqn, p.phase, s.ts FROM v_first_bad b
                JOIN value v ON v.id = b.value_id JOIN point pt ON pt.id = v.point_id JOIN span s ON s.id = v.span_id
                JOIN pass p ON p.id = v.pass_id""")
            (ts,), = ask(name, f"SELECT ts FROM event WHERE kind = 'first_nan' AND value_id = {value}")
            bad, = [i for i in PerfettoFile(export(name)[0]).instants if i.name.startswith("first ")]
            self.assertEqual((bad.name, bad.track[1], bad.ts), (f"first NaN: {fqn}", phase, ts - 1))
            self.assertGreaterEqual(bad.ts, begin)
            self.assertGreater(bad.args["NaN"], 0)

    def test_a_run_that_was_stopped(self):
        file = PerfettoFile(export("stopped.db")[0])
        left = {i for i, in ask("stopped.db", "SELECT id FROM span WHERE dur IS NULL")}
        (end,), = ask("stopped.db", "SELECT ts FROM event WHERE kind = 'stopped'")
        unfinished = [s for s in file.slices if s.args.get("unfinished")]
        self.assertEqual({s.args["span_id"] for s in unfinished if s.category == "module"}, left)
        self.assertEqual({s.ts + s.dur for s in unfinished}, {end})
        self.assertFalse([s for s in unfinished if "shape" in s.args or "GB/s" in s.args])


class TraceProcessorAgrees(unittest.TestCase):
    """Perfetto's own reader finds the spans of the recording in both files."""

    def test_sound(self):
        for name in RECORDINGS:
            spans = [tuple(row[i] for i in (0, 1, 2, 3, 4, 5, 6)) for row in ask(name, SPANS)]
            parents = ask(name, "SELECT id, parent_id FROM span ORDER BY id")
            for path, prefix in zip(export(name)[:2], ("debug", "args")):
                tp = processor.load(path)
                with self.subTest(path):
                    sql = f"""SELECT extract_arg(s.arg_set_id, '{prefix}.span_id') id, s.name, p.pid, t.name, s.ts, s.dur, s.depth
                        FROM slice s JOIN thread_track tt ON tt.id = s.track_id JOIN thread t USING (utid)
                        JOIN process p USING (upid) WHERE s.category = 'module' ORDER BY 1"""
                    self.assertEqual(tp.query(sql), spans)
                    self.assertEqual(tp.query(f"""SELECT extract_arg(s.arg_set_id, '{prefix}.span_id') id,
                        extract_arg(u.arg_set_id, '{prefix}.span_id') FROM slice s LEFT JOIN slice u ON u.id = s.parent_id
                        WHERE s.category = 'module' ORDER BY 1"""), parents)
                    self.assertEqual(tp.query("SELECT name, value FROM stats WHERE severity = 'error' AND value > 0"), [])
                    self.assertEqual({n for n, in tp.query("SELECT name FROM thread WHERE name NOT NULL AND tid > 0")},
                                     set(TRACKS))
                    self.assertEqual(tp.query("SELECT count(*) FROM slice WHERE category = 'token'"),
                                     ask(name, "SELECT count(*) FROM token WHERE source = 'generated'"))
                    self.assertEqual([int(x) for x, in tp.query("SELECT c.value FROM counter c JOIN counter_track t "
                                                                "ON t.id = c.track_id WHERE t.name GLOB 'kv_len*' ORDER BY c.ts, c.id")],
                                     [x for x, in ask(name, """SELECT kv_len FROM pass p JOIN run r ON r.id = p.run_id
                                                      WHERE idx NOT NULL ORDER BY r.started_ns, p.ts + p.dur""")])


# ---- recordings of strangers --------------------------------------------------------------------

DAMAGE = {
    "overlapping": "UPDATE span SET dur = dur * 3",
    "before their parents": "UPDATE span SET ts = ts - 100000",
    "negative": "UPDATE span SET ts = -ts, dur = -dur - 1",
    "huge": "UPDATE span SET ts = 9223372036854775807, dur = 9223372036854775807 WHERE id % 2",
    "a huge pass": "UPDATE pass SET ts = 9223372036854775807, dur = 9223372036854775807",
    "a negative pass": "UPDATE pass SET ts = -5, dur = -5, n_tok = -1, kv_len = -1, pos0 = -9",
    "passes at once": "UPDATE pass SET ts = 0",
    "never ended": "UPDATE span SET dur = NULL, last_id = NULL; UPDATE pass SET dur = NULL",
    "their own parents": "UPDATE span SET parent_id = id",
    "parents in a ring": "UPDATE span SET parent_id = id + 1",
    "one long chain": "UPDATE span SET parent_id = id - 1",
    "no parents": "UPDATE span SET parent_id = NULL",
    "no modules": "DELETE FROM module",
    "no passes": "DELETE FROM pass",
    "other passes": "UPDATE span SET pass_id = 7 - pass_id % 5",
    "all in one pass": "UPDATE span SET pass_id = (SELECT max(id) FROM pass WHERE idx NOT NULL)",
    "runs long ago and far ahead": "UPDATE run SET started_ns = iif(id % 2, -9223372036854775807, 9223372036854775807)",
    "numbers below zero": "UPDATE span SET flops = -1, bytes_w = -1, bytes_kv = -1, bytes_act = -1",
    "numbers too large to add": "UPDATE span SET flops = 9223372036854775807, bytes_w = 9223372036854775807, "
                                "bytes_kv = 9223372036854775807",
    "no values": "DELETE FROM value",
    "shapes": "UPDATE value SET d0 = -1, d1 = 9223372036854775807",
    "values of other spans": "UPDATE value SET span_id = span_id % 13",
    "names": "UPDATE module SET path = path || char(27) || '[2J\"' || char(10) || x'fffe', type = CAST(x'00ff' AS TEXT)",
    "long names": "UPDATE module SET path = path || replace(hex(zeroblob(100000)), '00', 'é')",
    "tokens": "UPDATE token SET token_id = -1, logprob = 9e999, rank = -1, pos = pos + 1000000, "
              "piece = CAST(randomblob(100000) AS BLOB)",
    "events": "UPDATE event SET kind = kind || char(27), data = NULL, ts = -1, value_id = 4611686018427387904",
    "the first event": "UPDATE event SET ts = 9223372036854775807 WHERE kind = 'first_nan'",
    "the recorder": "UPDATE counter SET value = -1e300; UPDATE run SET status = 'crashed'",
    "the recorder took for ever": "UPDATE counter SET value = 9e999",
    "ids": "UPDATE run SET id = id + 9223372036854775000; UPDATE pass SET run_id = run_id + 9223372036854775000",
    "nothing": "DELETE FROM span; DELETE FROM value; DELETE FROM pass; DELETE FROM token; DELETE FROM event",
}


def damaged(name, sql):
    """A copy of a recording after some SQL, without what SQLite would refuse."""
    shutil.copy(here(name), here("damaged.db"))
    with contextlib.closing(sqlite3.connect(here("damaged.db"))) as db:
        db.executescript(f"PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {sql}")
    return "damaged.db"


class Damaged(unittest.TestCase):
    """Whatever a recording says, the files are sound and say the same."""

    def test_all(self):
        for what, sql in DAMAGE.items():
            for name in "many.db", "nan.db":
                with self.subTest(what, recording=name):
                    perfetto, chrome, said = export(damaged(name, sql))
                    p, c = PerfettoFile(perfetto), ChromeFile(chrome)
                    self.assertEqual(by_place(p.instants), by_place(c.instants))
                    self.assertEqual(p.counts, c.counts)
                    self.assertEqual(sorted((s.track, s.ts, s.dur, s.name) for s in p.slices),
                                     sorted((s.track, s.ts, s.dur, s.name) for s in c.slices))
                    for line in said.splitlines():
                        self.assertRegex(line, r"^(torchless: warning: [0-9]+ spans|.*(open it in))")
                    n = ask("damaged.db", "SELECT count(*) FROM span")[0][0]
                    written = sum(s.category == "module" for s in p.slices)
                    left = [int(line.split()[2]) for line in said.splitlines() if "left out" in line]
                    self.assertEqual(written + (left[0] if left else 0), n)
                    for s in p.slices:
                        self.assertLess(s.ts + s.dur, 1 << 63)

    def test_the_trace_processor_reads_them(self):
        for what in "overlapping", "parents in a ring", "one long chain", "huge", "names", "never ended", "negative":
            for path in export(damaged("many.db", DAMAGE[what]))[:2]:
                tp = processor.load(path)
                with self.subTest(what, path=path):
                    (n,), = tp.query("SELECT count(*) FROM slice WHERE category = 'module'")
                    self.assertEqual((n,), ask("damaged.db", "SELECT count(*) FROM span")[0])
                    self.assertEqual(tp.query("SELECT name, value FROM stats WHERE severity = 'error' AND value > 0"), [])

    def test_no_run(self):
        said = torchless("export", "-t", damaged("many.db", "DELETE FROM run"), "--chrome", "none.json", status=2)
        self.assertRegex(said, r"^torchless: damaged\.db holds no run\n$")
        self.assertFalse(os.path.exists(here("none.json")))


class Many(unittest.TestCase):
    """A million spans, in many passes and in one: written as they are read."""

    LIMIT = 400 << 20  # of address space beside what the program maps: held in memory they would take more

    def check(self, sql, n):
        name = damaged("nan.db", sql)
        with contextlib.closing(sqlite3.connect(here(name))) as db:
            db.execute("VACUUM")
        perfetto, chrome, said = export(name, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (self.LIMIT,) * 2))
        self.assertNotIn("warning", said)
        tp = processor.load(perfetto)
        self.assertEqual(tp.query("SELECT count(*), sum(dur) FROM slice WHERE category = 'module'"),
                         ask(name, "SELECT count(*), sum(dur) FROM span"))
        self.assertEqual(tp.query("SELECT name, value FROM stats WHERE severity = 'error' AND value > 0"), [])
        with open(chrome, encoding="utf-8") as file:
            self.assertEqual(sum('"cat":"module"' in line for line in file), n)

    def test_in_many_passes(self):
        (n,), = ask("nan.db", "SELECT count(*) FROM span")
        self.check(f"""DELETE FROM value; DELETE FROM event; DELETE FROM token;
            CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000 / {n}) SELECT * FROM c;
            INSERT INTO span SELECT s.id + {n} * i, s.last_id + {n} * i, s.pass_id + 100 * i, s.parent_id + {n} * i, module_id, op, depth,
                tid, s.ts + 1000000000 * i, dur, flops, bytes_w, bytes_kv, bytes_act, cycles, instr, llc_miss, status FROM span s, n;
            INSERT INTO pass SELECT id + 100 * i, run_id, idx + 100 * i, phase, pos0, n_tok, kv_len, ts + 1000000000 * i, dur FROM pass, n""",
                   n * (1000000 // n + 1))

    def test_in_one_pass(self):
        self.check("""DELETE FROM value; DELETE FROM event; DELETE FROM span WHERE pass_id > 2 OR parent_id NOT NULL; DELETE FROM pass WHERE id > 2;
            UPDATE pass SET dur = 2000000000; UPDATE span SET dur = 2000000000, last_id = 1000000;
            WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000)
            INSERT INTO span(id, pass_id, parent_id, module_id, depth, ts, dur) SELECT i, 2, 1, i % 20 + 1, 1, i * 1000, 900 FROM c""", 1000000)


if __name__ == "__main__":
    unittest.main()
