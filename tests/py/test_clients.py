#!/usr/bin/env python3
"""Do other programs read a recording?

One recording of a small random model is opened by the stock sqlite3 shell, Datasette, DuckDB and
pandas, and read after it and its model have gone their ways. Run with .venv/bin/python; needs
./torchless and scripts/setup --tests.
"""

import contextlib
import glob
import io
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import make_checkpoint  # noqa: E402
import numpy as np  # noqa: E402
import read_trace  # noqa: E402

TORCHLESS = os.environ.get("TORCHLESS", os.path.join(ROOT, "torchless"))
EXTENSION = os.path.join(ROOT, "build", "release", "torchless.so")
STREAM = "SELECT layer, l2 FROM v_value WHERE role = 'resid_post' AND pass = 0 ORDER BY layer"


def torchless(*args, cwd=None):
    """What a command prints."""
    return subprocess.run([TORCHLESS, *args], cwd=cwd or folder, capture_output=True, check=True).stdout


def setUpModule():
    """A recording with dumps in three types; `expected` is what Python's sqlite3 reads from it."""
    global folder, recording, expected, views
    folder = tempfile.mkdtemp(prefix="torchless-clients-")
    with contextlib.redirect_stderr(io.StringIO()):
        make_checkpoint.main(["--preset", "window", "-q", "-o", os.path.join(folder, "model")])
    recording = os.path.join(folder, "trace.db")
    torchless("trace", "-q", "-m", "model", "-n", "2", "--capture", "L0.resid_post",
              "--capture", "L1.resid_post=bf16", "--capture", "*:pattern@2:=f16", "--capture", "*.q_rot",
              "--capture", "*.k_rot", "--capture", "*.act_mul", "-o", recording, "The model reads a text")
    with contextlib.closing(sqlite3.connect(recording)) as db:
        expected = db.execute(STREAM).fetchall()
        views = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in
                 db.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall()}
    assert len(expected) == 3 and len(views) > 10


def tearDownModule():
    shutil.rmtree(folder)


def saved_query(name):
    """SQL and parameters of a saved query, as any client finds them in the recording."""
    with contextlib.closing(sqlite3.connect(recording)) as db:
        row = db.execute("SELECT sql, params FROM saved_query WHERE name = ?", (name,)).fetchone()
    return row[0], json.loads(row[1])


def names():
    """The saved queries."""
    return [line.split(b"\t")[0].decode() for line in torchless("query", "--list").splitlines()]


def as_text(value):
    """Bytes that are no text, which the JSON of torchless has in hexadecimal, as ask() reads them."""
    return bytes.fromhex(value["hex"]).decode(errors="replace") if isinstance(value, dict) else value


TOLD_BETTER = {"units"}  # of single units, by functions over the dumps; the same columns


def needs_torchless(sql):
    """Whether a query asks functions that only torchless registers."""
    return any(name in sql for name in ("JOIN lens ", "JOIN attn ", "JOIN trace_diff ", "tensor_each(", "t_slice("))


class Shell(unittest.TestCase):
    """The stock sqlite3 shell."""

    def ask(self, *commands):
        """The rows, one JSON array a statement."""
        done = subprocess.run(["sqlite3", "-readonly", "-json", recording, *commands], cwd=folder,
                              capture_output=True, check=True)
        # A piece may be a part of a character.
        return json.loads(done.stdout.decode(errors="replace")) if done.stdout else []

    def test_views(self):
        self.assertEqual([tuple(row.values()) for row in self.ask(STREAM)], expected)
        for view, count in views.items():
            self.assertEqual(self.ask(f"SELECT count(*) n FROM {view}"), [{"n": count}])

    def test_saved_queries_are_found_and_run_there(self):
        """Those that ask functions of torchless with its extension."""
        asked = 0
        for name in names():
            sql, params = saved_query(name)
            load = [f".load {EXTENSION[:-3]}"] if needs_torchless(sql) else []
            values = [f".parameter set :{key} {value!r}" for key, value in params.items()]
            here = self.ask(*load, ".parameter init", *values, sql)
            there = [json.loads(line) for line in torchless("query", "--json", name).splitlines()]
            there = [{key: as_text(value) for key, value in row.items()} for row in there]
            with self.subTest(name):
                if name in TOLD_BETTER:
                    self.assertEqual([*here[0]], [*there[0]])
                else:
                    self.assertEqual(here, there)
                asked += len(here) > 0
        self.assertGreaterEqual(asked, 35)


QUESTIONS = [
    "SELECT t_shape('L0.resid_post') shape, t_dtype('L1.resid_post') dtype, round(t_l2('L0.resid_post'), 6) l2",
    "SELECT layer, head, q, k, round(p, 6) p FROM attn WHERE layer = 1 AND q = 3 ORDER BY head, k",
    "SELECT layer, rank, token_id, round(logprob, 4) logprob FROM lens WHERE rank < 3 ORDER BY layer, rank",
    "SELECT t_shape(weight('lm_head')) shape, round(t_mean(weight('model.norm')), 6) mean, tok(5) piece",
    "SELECT pos, round(l2, 4) l2 FROM pos_stats('L2.attn.z')",
    "SELECT verdict, count(*) n FROM trace_diff(1, 1) GROUP BY verdict",
]


class Extension(unittest.TestCase):
    """build/release/torchless.so in the stock shell and in Python."""

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(EXTENSION):
            raise AssertionError(f"{EXTENSION} is missing: make extension")
        cls.expected = []
        for sql in QUESTIONS:
            lines = torchless("query", "--json", sql).splitlines()
            cls.expected.append([tuple(json.loads(line).values()) for line in lines])
            assert lines, sql

    def shell(self, db, *commands):
        """What the shell says, and its errors."""
        return subprocess.run(["sqlite3", "-readonly", "-json", db, *commands], cwd=folder, capture_output=True,
                              text=True, check=False)

    def test_the_shell_gives_the_answers_of_the_program(self):
        for sql, expected in zip(QUESTIONS, self.expected):
            done = self.shell(recording, f".load {EXTENSION[:-3]}", sql)
            self.assertEqual(done.stderr, "", sql)
            self.assertEqual([tuple(row.values()) for row in json.loads(done.stdout)], expected, sql)

    def python(self, db):
        """A connection with the functions."""
        handle = sqlite3.connect(db)
        if not hasattr(handle, "enable_load_extension"):
            handle.close()
            self.skipTest("this Python was built without extension loading")
        handle.enable_load_extension(True)
        handle.load_extension(EXTENSION)
        return handle

    def test_python_gives_the_answers_of_the_program(self):
        before = os.getcwd()
        os.chdir(folder)  # the recording names its model from there
        try:
            with contextlib.closing(self.python(recording)) as db:
                for sql, expected in zip(QUESTIONS, self.expected):
                    self.assertEqual(db.execute(sql).fetchall(), expected, sql)
                (blob,) = db.execute("SELECT t_npy('L0.resid_post')").fetchone()
            found = {(fqn, number): array for fqn, number, _, array in read_trace.arrays(recording)}
            np.testing.assert_array_equal(np.load(io.BytesIO(blob)), found["model.layers.0:out", 0])
        finally:
            os.chdir(before)

    def test_another_database_is_named_when_it_is_asked(self):
        """Tensors that are no points need none."""
        done = self.shell(":memory:", f".load {EXTENSION}", "SELECT t_mean(x'0000803f') m", "SELECT t_mean('L0.mlp')")
        self.assertIn('[{"m":1.0}]', done.stdout)
        self.assertIn("t_mean: the main database is no recording of torchless: open one first", done.stderr)

    def test_another_schema_is_refused(self):
        later = os.path.join(folder, "later.db")
        with contextlib.closing(sqlite3.connect(later)) as db:
            db.execute("PRAGMA application_id = 0x544c5452")
            db.execute("PRAGMA user_version = 20000")
        done = self.shell(later, f".load {EXTENSION}")
        self.assertIn("another schema version than this torchless reads", done.stderr)

    def test_a_view_opens_no_checkpoint(self):
        """Somebody's recording may hold views; they get what it holds, and no file."""
        view = os.path.join(folder, "view.db")
        shutil.copy(recording, view)
        with contextlib.closing(sqlite3.connect(view)) as db:
            db.execute("CREATE VIEW a AS SELECT weight('lm_head')")
            db.execute("CREATE VIEW b AS SELECT t_mean('weight:lm_head.weight')")
            db.execute("CREATE VIEW c AS SELECT * FROM lens")
            db.execute("CREATE VIEW d AS SELECT t_shape('L0.resid_post') s")
            db.commit()
        for name, sentence in (("a", "unsafe use of weight"), ("b", "opens no checkpoint"), ("c", "unsafe use of")):
            done = self.shell(view, f".load {EXTENSION}", f"SELECT * FROM {name}")
            self.assertIn(sentence, done.stderr, name)
        self.assertIn('"s":', self.shell(view, f".load {EXTENSION}", "SELECT * FROM d").stdout)

    def test_it_shows_its_entry_point_only(self):
        """And asks SQLite for nothing but through the host's table."""
        listed = subprocess.run(["nm", "-D", EXTENSION], capture_output=True, text=True, check=True).stdout
        symbols = [line.split()[-2:] for line in listed.splitlines()]
        self.assertEqual([name for kind, name in symbols if kind in "TDBR"], ["sqlite3_torchless_init"])
        self.assertEqual([name for kind, name in symbols if kind == "U" and name.startswith("sqlite3")], [])


class Pandas(unittest.TestCase):
    """pandas, and scripts/read_trace.py for arrays."""

    def test_rows_become_a_table(self):
        import pandas
        with contextlib.closing(sqlite3.connect(recording)) as db:
            table = pandas.read_sql_query(STREAM, db, index_col="layer")
        self.assertEqual(table["l2"].tolist(), [l2 for _, l2 in expected])
        self.assertEqual(str(table["l2"].dtype), "float64")

    def test_dumps_become_arrays(self):
        import pandas
        found = {(fqn, number): (first, array)
                 for fqn, number, first, array in read_trace.arrays(recording)}
        _, array = found["model.layers.0:out", 0]
        table = pandas.DataFrame(array)
        self.assertAlmostEqual(np.linalg.norm(table.to_numpy().astype("f8")), expected[0][1], places=9)
        _, rounded = found["model.layers.1:out", 0]
        self.assertEqual(rounded.dtype, np.float32)
        self.assertAlmostEqual(np.linalg.norm(rounded), expected[1][1], delta=0.01 * expected[1][1])
        first, pattern = found["model.layers.2.self_attn:pattern", 0]
        self.assertEqual((first, pattern.dtype), (2, np.float16))
        np.testing.assert_allclose(pattern.astype("f8").sum(axis=-1), 1, atol=2e-3)

    def test_the_command_lists_what_is_there(self):
        script = os.path.join(ROOT, "scripts", "read_trace.py")
        done = subprocess.run([sys.executable, script, recording, "*:pattern"], capture_output=True,
                              check=True)
        lines = done.stdout.decode().splitlines()
        self.assertTrue(lines[0].startswith("0\tmodel.layers.0.self_attn:pattern\tfloat16\t"), lines)


class DuckDB(unittest.TestCase):
    """DuckDB's SQLite reader, which parses the views itself."""

    def setUp(self):
        import duckdb
        import duckdb_ext
        reader = glob.glob(os.path.join(list(duckdb_ext.__path__)[0], "extensions", "*", "*",
                                        "sqlite_scanner.duckdb_extension"))
        self.db = duckdb.connect()
        self.addCleanup(self.db.close)
        self.db.load_extension(reader[0])
        self.db.execute(f"ATTACH '{recording}' AS recording (TYPE sqlite, READ_ONLY)")
        self.db.execute("USE recording")

    def test_a_view_answers(self):
        self.assertEqual(self.db.execute(STREAM).fetchall(), expected)

    def test_every_view_and_table_is_readable(self):
        with contextlib.closing(sqlite3.connect(recording)) as db:
            names = [name for (name,) in db.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'")]
            for name in names:
                count = db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                with self.subTest(name):
                    self.assertEqual(len(self.db.execute(f'SELECT * FROM "{name}"').fetchall()), count)

    def test_bytes_of_a_dump(self):
        query = "SELECT data FROM v_payload WHERE fqn = 'model.layers.0:out' AND pass = 0 ORDER BY chunk"
        array = np.frombuffer(b"".join(row[0] for row in self.db.execute(query).fetchall()), "<f4")
        self.assertAlmostEqual(np.linalg.norm(array.astype("f8")), expected[0][1], places=9)


class Datasette(unittest.TestCase):
    """Datasette, asked over HTTP."""

    @classmethod
    def setUpClass(cls):
        with contextlib.closing(socket.socket()) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        cls.base = f"http://127.0.0.1:{port}"
        cls.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        cls.log = open(os.path.join(folder, "datasette.log"), "w+b")
        cls.server = subprocess.Popen(
            [sys.executable, "-m", "datasette", "serve", "--immutable", recording, "--host", "127.0.0.1",
             "--port", str(port), "--setting", "sql_time_limit_ms", "60000"], stdout=cls.log, stderr=cls.log)
        for _ in range(600):
            with contextlib.suppress(OSError), contextlib.closing(
                    socket.create_connection(("127.0.0.1", port), 1)):
                return
            if cls.server.poll() is not None:
                break
            time.sleep(0.1)
        cls.tearDownClass()
        with open(cls.log.name, encoding="utf-8") as log:
            raise AssertionError(f"datasette did not start: {log.read()[-500:]}")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(120)
        cls.log.close()

    def get(self, path, **params):
        """The JSON of an answer."""
        with self.open(f"{self.base}/{path}?{urllib.parse.urlencode(params)}", timeout=60) as answer:
            self.assertEqual(answer.status, 200)
            return json.loads(answer.read())

    def test_a_view_is_a_page(self):
        rows = self.get("trace/v_value.json", role="resid_post", **{"pass": 0}, _shape="array", _sort="layer")
        self.assertEqual([(row["layer"], row["l2"]) for row in rows], expected)

    def test_every_view_is_listed(self):
        listed = {view["name"] for view in self.get("trace.json")["views"]}
        self.assertEqual(listed, set(views))

    def test_a_saved_query_is_answered(self):
        sql, params = saved_query("massive")
        rows = self.get("trace.json", sql=sql, _shape="array", **params)
        there = [json.loads(line) for line in torchless("query", "--json", "massive").splitlines()]
        self.assertEqual([row["value"] for row in rows], [row["value"] for row in there])
        self.assertGreater(len(rows), 0)


class Documentation(unittest.TestCase):
    """The examples of docs/recording.md, before its questions and answers."""

    def setUp(self):
        self.folder = os.path.join(folder, "documented")
        os.makedirs(self.folder, exist_ok=True)
        os.makedirs(os.path.join(self.folder, "build/release"), exist_ok=True)
        for name, there in (("scripts", os.path.join(ROOT, "scripts")), (".venv", os.path.join(ROOT, ".venv")), ("torchless", TORCHLESS),
                            ("build/release/torchless.so", EXTENSION)):
            with contextlib.suppress(FileExistsError):
                os.symlink(os.path.abspath(there), os.path.join(self.folder, name))
        torchless("trace", "-q", "-o", os.path.join(self.folder, "trace.db"), "The capital of France is")
        with open(os.path.join(ROOT, "docs", "recording.md"), encoding="utf-8") as f:
            text = f.read().split("## Questions and answers\n")[0]
        # The extension that was built, not one that somebody installed.
        self.assertIn("/usr/local/lib/torchless", text)
        self.text = text.replace("/usr/local/lib/torchless", os.path.splitext(EXTENSION)[0])

    def run_there(self, *command):
        """Runs a command, which says something."""
        path = os.pathsep.join((self.folder, os.path.dirname(sys.executable), os.environ["PATH"]))
        python = os.path.join(self.folder, "scripts")
        done = subprocess.run(command, cwd=self.folder, env=os.environ | {"PATH": path, "PYTHONPATH": python},
                              capture_output=True, check=False, input=b".saved\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(len(done.stdout + done.stderr), 0)

    def test_python(self):
        blocks = re.findall(r"^```python\n(.*?)^```$", self.text, re.M | re.S)
        self.assertEqual(len(blocks), 3)
        for block in blocks:
            if "load_extension" in block and not hasattr(sqlite3.Connection, "enable_load_extension"):
                continue  # the next test loads it into the sqlite3 shell
            imports = "import io, numpy, sqlite3\n"
            self.run_there(sys.executable, "-c", imports + block + "\nprint(array.shape)\n")

    def test_commands(self):
        """What stands two spaces behind a command says what it does; servers have tests of their own, and the extension is built."""
        lines = re.findall(r"^\$ (.*)$", self.text.replace("\\\n", " "), re.M)
        asked = 0
        for line in lines:
            if re.match(r"(\S*/)?(datasette|duckdb) |make extension$", line):
                continue
            with self.subTest(line):
                self.run_there("sh", "-c", re.sub(r"  +[a-z .]+$", "", line))
                asked += 1
        self.assertGreaterEqual(asked, 9)


class Moved(unittest.TestCase):
    """A recording in another folder, its model gone."""

    def setUp(self):
        self.before = {name: torchless("query", name) for name in names()}
        self.elsewhere = tempfile.mkdtemp(prefix="torchless-moved-")
        self.addCleanup(shutil.rmtree, self.elsewhere)
        shutil.copy(recording, os.path.join(self.elsewhere, "copy.db"))
        model = os.path.join(folder, "model")
        self.model = model + ".away"
        os.rename(model, self.model)
        self.addCleanup(os.rename, self.model, model)
        self.assertEqual(os.listdir(self.elsewhere), ["copy.db"])

    def ask(self, *args):
        """The saved query of the copy."""
        return subprocess.run([TORCHLESS, "query", "-t", "copy.db", *args], cwd=self.elsewhere,
                              capture_output=True, check=False)

    def test_everything_is_answered_but_what_needs_weights(self):
        asked = 0
        for name, answer in self.before.items():
            done = self.ask(name)
            with self.subTest(name):
                if "JOIN lens " in saved_query(name)[0]:
                    self.assertEqual((done.returncode != 0, done.stdout), (True, b""))
                    self.assertRegex(done.stderr.decode(), r"^torchless: .*the model of the recording, .*, is not there; .* -m PATH\n$")
                else:
                    self.assertEqual((done.returncode, done.stdout), (0, answer), done.stderr)
                    asked += 1
        self.assertGreaterEqual(asked, 25)
        self.assertEqual(os.listdir(self.elsewhere), ["copy.db"])

    def test_everything_is_answered_where_the_model_is_named(self):
        for name, answer in self.before.items():
            done = self.ask("-m", self.model, name)
            with self.subTest(name):
                self.assertEqual((done.returncode, done.stdout), (0, answer), done.stderr)

    def test_another_model_is_refused(self):
        other = os.path.join(self.elsewhere, "other")
        with contextlib.redirect_stderr(io.StringIO()):
            make_checkpoint.main(["--preset", "window", "--seed", "99", "-q", "-o", other])
        for name in "lens", "layer-knows", "token-layers":
            done = self.ask("-m", other, name)
            with self.subTest(name):
                self.assertEqual((done.returncode != 0, done.stdout), (True, b""))
                self.assertRegex(done.stderr.decode(), r"^torchless: [^\n]*has weights other than [^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
