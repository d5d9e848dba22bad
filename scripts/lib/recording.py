"""Writing a recording from Python, in the engine's own schema (src/trace/schema.sql).

A Writer keeps the order that readers count on: span ids are given on entry, so that a subtree is a
range of ids, and value ids in order of execution. The file is written beside its name and renamed
by close(), so there is a whole recording or none. Units and meaning as include/torchless/stats.h
and docs/recording.md say.
"""

import contextlib
import json
import os
import sqlite3
import tempfile
import time
import uuid

import numpy as np

from lib import points
from lib.files import ROOT

try:
    import xxhash
except ImportError:  # a hash is a convenience: readers accept NULL
    xxhash = None

SCHEMA, SCHEMA_DOC, SAVED_QUERIES, INDEXES = (
    os.path.join(ROOT, "src", "trace", name)
    for name in ("schema.sql", "schema_doc.sql", "saved_queries.sql", "indexes.sql")
)
DTYPES = {"float32": 0, "float16": 1, "bfloat16": 2, "float64": 3}
CHUNK_BYTES = 4 << 20


def content_hash(payload):
    """XXH3 of little-endian bytes, as SQLite's signed 64 bits; None without the xxhash module."""
    if xxhash is None:
        return None
    return int.from_bytes(xxhash.xxh3_64_digest(payload), "big", signed=True)


def _real(number):
    return float(number) if np.isfinite(number) else None


def stats_of(array):
    """stats.h as columns of `value`: counts are over all numbers, the rest over finite ones."""
    flat = array.reshape(-1)
    finite = np.isfinite(flat)
    all_finite = bool(finite.all())
    wide = (flat if all_finite else flat[finite]).astype(np.float64)
    size = np.abs(flat) if all_finite else np.where(finite, np.abs(flat), -1)
    tiny = np.finfo(array.dtype).tiny
    columns = {
        "n_nan": 0 if all_finite else int(np.isnan(flat).sum()),
        "n_pinf": 0 if all_finite else int((flat == np.inf).sum()),
        "n_ninf": 0 if all_finite else int((flat == -np.inf).sum()),
        "n_zero": int((flat == 0).sum()),
        "n_sub": int(((size > 0) & (size < tiny)).sum()),
    }
    if wide.size:
        at = int(size.argmax())
        columns |= {
            "vmin": float(wide.min()), "vmax": float(wide.max()),
            "mean": float(wide.mean()), "std": float(wide.std()),
            "l2": float(np.sqrt(np.dot(wide, wide))),
            "absmax": float(size[at]), "absmax_at": at,
        }
    return columns


def position_stats(array, axes):
    """f32[n_tok][4] = l2, absmax, mean, std of every position's finite numbers, as bytes."""
    axis = 1 if axes.startswith("head,q") else 0
    rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(rows)
        rows = np.where(finite, rows, 0)
        count = np.maximum(finite.sum(axis=1), 1)
        mean = rows.sum(axis=1) / count
        square = (rows * rows).sum(axis=1)
        spread = np.where(finite, rows - mean[:, None], 0)
        std = np.sqrt((spread * spread).sum(axis=1) / count)
    table = np.stack([np.sqrt(square), np.abs(rows).max(axis=1, initial=0), mean, std], axis=1)
    return table.astype("<f4").tobytes()


def as_json(value):
    """JSON that any reader takes: bytes of paths that are no UTF-8 become question marks."""
    return json.dumps(value).encode("utf-8", "replace").decode()


class Writer:
    """One run of one model, being recorded at `path`."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        number, self.temporary = tempfile.mkstemp(
            prefix=f".{os.path.basename(path)}.", suffix=".part", dir=os.path.dirname(self.path)
        )
        os.close(number)
        self.db = sqlite3.connect(self.temporary, isolation_level=None)
        # As in one of torchless: what columns mean and the questions it answers lie in the file.
        for path in (SCHEMA, SCHEMA_DOC, SAVED_QUERIES):
            self._execute_file(path)
        # The file only counts once it is whole and renamed: no need to wait for the disk before.
        self.db.executescript("PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF; BEGIN")
        self.modules, self.points, self.axes = {}, {}, {}
        self.spans, self.pass_id, self.n_passes = [], None, 0
        self.stopped_at = None

    def _execute_file(self, path):
        with open(path, encoding="utf-8") as file:
            self.db.executescript(file.read())

    def insert(self, table, **columns):
        """Insert one row; columns that are None stay out. Returns its rowid."""
        row = {name: value for name, value in columns.items() if value is not None}
        sql = f"INSERT INTO {table}({','.join(row)}) VALUES({','.join('?' * len(row))})"
        return self.db.execute(sql, list(row.values())).lastrowid

    def begin_run(self, model, run):
        """Rows of `model` and `run`, given as dictionaries of their columns."""
        self.model_id = self.insert("model", **model)
        self.run_id = self.insert(
            "run", uuid=uuid.uuid4().bytes, model_id=self.model_id, started_ns=time.time_ns(), **run
        )
        self.epoch = time.monotonic_ns()

    def add_modules(self, modules):
        """MODULES: (path, type, n_params, weight_bytes), parents first; the path of the root is ""."""
        for order, (name, paths, doc) in enumerate(points.read_parts()):
            self.insert("part", ord=order, name=name, modules=paths, doc=doc)
        for order, (path, kind, n_params, weight_bytes) in enumerate(modules):
            parts = path.split(".")
            layer = int(parts[2]) if len(parts) > 2 and parts[1] == "layers" else None
            self.modules[path] = self.insert(
                "module", model_id=self.model_id, path=path, type=kind, layer=layer, ord=order,
                parent_id=self.modules.get(".".join(parts[:-1])) if path else None, n_params=n_params,
                weight_bytes=weight_bytes,
            )
        self.db.execute("UPDATE module SET part = (SELECT name FROM part WHERE path GLOB modules ORDER BY ord LIMIT 1)")

    def add_points(self, n_layers):
        """The dictionary of points and their other names, from points.def."""
        table, aliases = points.read()
        for order, (layer, point) in enumerate(points.expand(table, n_layers)):
            fqn = f"{point.module}:{point.name}"
            row = point._asdict() | {"module_id": self.modules[point.module]}
            del row["module"]
            self.points[fqn] = self.insert("point", fqn=fqn, layer=layer, ord=order, **row)
            self.axes[fqn] = point.axes
            self.insert("point_alias", alias=points.short_name(fqn), point_id=self.points[fqn])
        for layer, alias in points.expand(aliases, n_layers):
            target = self.points[points.alias_target(alias, layer)]
            names = (f"{alias.module}:{alias.name}", alias.tl_name, alias.ggml_name)
            for name in filter(None, names):
                self.insert("point_alias", alias=name, point_id=target)

    def now(self):
        """Nanoseconds of the run: the clock stands still in clock_stopped()."""
        return (self.stopped_at or time.monotonic_ns()) - self.epoch

    @contextlib.contextmanager
    def clock_stopped(self):
        """What is done meanwhile is the recorder's work, and no time of the model's."""
        begin = self.stopped_at = time.monotonic_ns()
        try:
            yield
        finally:
            self.epoch += time.monotonic_ns() - begin
            self.stopped_at = None

    @contextlib.contextmanager
    def running_pass(self, phase, pos0, n_tok):
        """One run of the forward pass over positions [pos0, pos0 + n_tok)."""
        begin = self.now()
        self.pass_id = self.insert(
            "pass", run_id=self.run_id, idx=self.n_passes, phase=phase, pos0=pos0,
            n_tok=n_tok, kv_len=pos0 + n_tok, ts=begin,
        )
        self.n_passes += 1
        yield
        self.db.execute("UPDATE pass SET dur=? WHERE id=?", (self.now() - begin, self.pass_id))

    def enter(self, path):
        """A module's call begins."""
        parent = self.spans[-1][0] if self.spans else None
        begin = self.now()
        number = self.insert(
            "span", pass_id=self.pass_id, parent_id=parent, module_id=self.modules[path],
            depth=len(self.spans), ts=begin,
        )
        self.last_span = number
        self.spans.append((number, begin))

    def leave(self):
        """The innermost module's call ends."""
        number, begin = self.spans.pop()
        self.db.execute(
            "UPDATE span SET last_id=?, dur=? WHERE id=?",
            (self.last_span, self.now() - begin, number),
        )

    def value(self, fqn, array, dump):
        """A point's tensor (a numpy array): statistics always, its bytes when DUMP."""
        array = np.ascontiguousarray(array)
        payload = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        digest = content_hash(payload)
        tensor = self._tensor(array, payload, digest) if dump else None
        sizes = {f"d{axis}": size for axis, size in enumerate(array.shape)}
        self.insert(
            "value", pass_id=self.pass_id, span_id=self.spans[-1][0], point_id=self.points[fqn],
            dtype=DTYPES[array.dtype.name], numel=array.size, hash=digest, tensor_id=tensor,
            pos_stats=position_stats(array, self.axes[fqn]), **sizes, **stats_of(array),
        )

    def _tensor(self, array, payload, digest):
        row_bytes = len(payload) // max(array.shape[0], 1)
        rows = max(1, CHUNK_BYTES // max(row_bytes, 1))
        number = self.insert(
            "tensor", hash=digest or 0, dtype=DTYPES[array.dtype.name], raw_bytes=len(payload),
            shape=",".join(map(str, array.shape)), chunk_rows=rows,
        )
        step = rows * row_bytes
        for chunk, at in enumerate(range(0, len(payload), max(step, 1))):
            self.insert("tensor_chunk", tensor_id=number, chunk=chunk, data=payload[at : at + step])
        return number

    def close(self, meta=None):
        """Finish the run and give the file its name."""
        for key, value in (meta or {}).items():
            self.insert("meta", key=key, value=value)
        self.db.execute(
            "UPDATE run SET status='ok', ended_ns=? WHERE id=?", (time.time_ns(), self.run_id)
        )
        self.db.execute("COMMIT")
        self._execute_file(INDEXES)
        self.db.close()
        os.chmod(self.temporary, 0o644)
        os.replace(self.temporary, self.path)

    def abandon(self):
        """Leave nothing behind."""
        self.db.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.temporary)
