"""Comparing two recordings of one prompt, point by point, in order of execution.

Values are aligned by absolute position, so that the candidate may have read the prompt in several
passes where the reference read it in one. NMSE is sum((a-b)^2) / sum(a^2), a being the reference.
The noise floor of a point is the same measure between Hugging Face in float64 and in float32: what
is near it is rounding, what is far above it is a bug, however small it looks.
"""

import collections
import contextlib
import json
import os
import re
import sqlite3

import numpy as np
from read_trace import decode, open_recording, sizes_of

from lib import points
from lib.files import ROOT, BadInput

APPLICATION_ID = 0x544C5452
TOLERANCE_DEF = os.path.join(ROOT, "include", "torchless", "tolerance.def")
TOP_K = 10


def read_tolerances(path=TOLERANCE_DEF):
    """{name: number} of the table that the program compiles too."""
    with open(path, encoding="utf-8") as file:
        entries = re.findall(r"^TOLERANCE\((\w+), ([^,]+),", file.read(), re.MULTILINE)
    return {name: float(value) for name, value in entries}


_TOLERANCES = read_tolerances()
NMSE, MAX_ABS, ABSMAX = (_TOLERANCES[name] for name in ("NMSE", "MAX_ABS", "ABSMAX"))
LOGPROB, KL = _TOLERANCES["LOGPROB"], _TOLERANCES["KL"]
# Where float32 itself costs more than these (scores and logits near 100), so many times its cost
# passes; NMSE is a square.
FLOORS = _TOLERANCES["FLOORS"]

# What must be equal before a number says anything.
MODEL_COLUMNS = ("n_layers", "d_model", "n_heads", "n_kv_heads", "d_head", "d_ff", "n_vocab",
                 "rope_theta", "sliding_window")
CONFIG_KEYS = ("rms_norm_eps", "tie_word_embeddings", "hidden_act")

Piece = collections.namedtuple("Piece", "value_id first shape")
Place = collections.namedtuple("Place", "fqn idx first last")


class Gate(Exception):
    """The recordings are not of the same thing: there is no numeric verdict."""


class Side:
    """One recording, opened for reading: the newest run in it."""

    def __init__(self, path):
        self.path = path
        if not os.path.exists(path):
            raise BadInput(f"{path}: no such file")
        try:
            self._open()
        except (sqlite3.Error, ValueError, LookupError, TypeError) as error:
            raise BadInput(f"{path}: is no recording that can be read: {error}") from None

    def _open(self):
        self.db = open_recording(self.path)
        self.db.row_factory = sqlite3.Row
        if self.db.application_id != APPLICATION_ID:
            raise BadInput(f"{self.path}: is an SQLite file but no recording")
        self.run = self.db.execute("SELECT * FROM run ORDER BY id DESC LIMIT 1").fetchone()
        if self.run is None:
            raise BadInput(f"{self.path}: holds no run")
        self.model = self.db.execute(
            "SELECT * FROM model WHERE id=?", (self.run["model_id"],)
        ).fetchone()
        self.passes = {
            row["idx"]: row
            for row in self.select("SELECT * FROM pass WHERE run_id=? AND idx IS NOT NULL")
        }
        self.tokens = {
            row["pos"]: row for row in self.select("SELECT * FROM v_token WHERE run_id=?")
        }
        self.order, self.pieces, self.cached = [], collections.defaultdict(list), (None, None)
        for row in self.select(
            """SELECT value_id, fqn, pass, shape, dump_from FROM v_payload
               WHERE run_id=? AND chunk=0 ORDER BY value_id"""
        ):
            self._add_piece(row)

    def select(self, sql):
        """Rows of a query whose parameter is the run."""
        return self.db.execute(sql, (self.run["id"],)).fetchall()

    def _add_piece(self, row):
        shape = sizes_of(row["shape"])
        of = self.passes[row["pass"]]
        end = of["pos0"] + of["n_tok"]
        size = shape[position_axis(row["fqn"])]
        # A dump that does not say where it begins ends where its pass ends: all of it, or its tail.
        first = row["dump_from"] if row["dump_from"] is not None else end - size
        self.pieces[row["fqn"]].append(Piece(row["value_id"], first, shape))
        self.order.append(Place(row["fqn"], row["pass"], first, first + size))

    def array(self, value_id):
        """The dump of a value."""
        if self.cached[0] != value_id:
            rows = self.db.execute(
                "SELECT dtype, shape, data FROM v_payload WHERE value_id=? ORDER BY chunk",
                (value_id,),
            ).fetchall()
            data = b"".join(row["data"] for row in rows)
            self.cached = (value_id, decode(data, rows[0]["dtype"], rows[0]["shape"]))
        return self.cached[1]

    def rows(self, place):
        """The values of PLACE's point at its positions, from however many passes; None: absent."""
        axis = position_axis(place.fqn)
        parts, at = [], place.first
        for piece in self.pieces.get(place.fqn, ()):
            stop = piece.first + piece.shape[axis]
            if piece.first <= at < stop:
                last = min(stop, place.last)
                cut = [slice(None)] * len(piece.shape)
                cut[axis] = slice(at - piece.first, last - piece.first)
                parts.append(self.array(piece.value_id)[tuple(cut)])
                at = last
            if at == place.last:
                break
        if at < place.last:
            return None
        return join_keys(parts, place) if axis == 1 else np.concatenate(parts)

    def close(self):
        """Done with it."""
        self.db.close()


def join_keys(parts, place):
    """Put [head,q,k] parts together: a pass that ended earlier saw fewer keys, the rest masked."""
    n_keys = max(part.shape[2] for part in parts)
    fill = 0.0 if place.fqn.endswith(":pattern") else -np.inf
    wide = [
        np.pad(part, ((0, 0), (0, 0), (0, n_keys - part.shape[2])), constant_values=fill)
        for part in parts
    ]
    return np.concatenate(wide, axis=1)


AXES = {f"{point.module}:{point.name}": point.axes.split(",") for point in points.read()[0]}


def axes_of(fqn):
    """Names of a point's axes."""
    try:
        return AXES[points.kind_of(fqn)]
    except KeyError:
        raise BadInput(f"{fqn}: is no point of include/torchless/points.def") from None


def position_axis(fqn):
    """The axis that counts positions of the pass."""
    return 1 if axes_of(fqn)[0] == "head" else 0


def worst_position(place, a, square_error):
    """(position, NMSE) of the position with the largest one."""
    other = tuple(axis for axis in range(a.ndim) if axis != position_axis(place.fqn))
    size, error = (a * a).sum(axis=other), square_error.sum(axis=other)
    with np.errstate(divide="ignore", invalid="ignore"):
        nmse = np.where(error == 0, 0.0, error / size)
    at = int(nmse.argmax())
    return place.first + at, float(nmse[at])


class Measure:
    """How far `b` is from `a`: nmse, max_abs, where, and the two numbers there."""

    def __init__(self, place, a, b, compared=None):
        a, b = a.astype(np.float64), b.astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if compared is not None:
            same |= ~compared
        with np.errstate(invalid="ignore"):
            gap = np.where(same, 0.0, np.abs(a - b))
        # A number on one side and none on the other is as far apart as things can be.
        gap[np.isnan(gap)] = np.inf
        counts = np.isfinite(a) if compared is None else np.isfinite(a) & compared
        known = np.where(counts, a, 0.0)
        at = np.unravel_index(int(gap.argmax()), gap.shape)
        self.place = place
        self.nmse_at, self.nmse = worst_position(place, known, gap * gap)
        self.max_abs = float(gap[at])
        self.absmax = float(np.abs(known).max(initial=0.0))
        self.a, self.b = float(a[at]), float(b[at])
        self.at = [int(i) for i in at]
        self.at[position_axis(place.fqn)] += place.first

    def where(self):
        """Named coordinates, positions counted from the start of the text."""
        return ", ".join(f"{axis}={i}" for axis, i in zip(axes_of(self.place.fqn), self.at))

    def problem(self, floor=None):
        """Why it does not pass, or None. FLOOR is the measure of float32 itself, where known."""
        limit = max(NMSE, FLOORS**2 * floor.nmse) if floor else NMSE
        if not self.nmse <= limit:
            return f"NMSE {self.nmse:.2g} > {limit:.2g} at pos={self.nmse_at}"
        limit = MAX_ABS * max(1.0, self.absmax / ABSMAX)
        limit = max(limit, FLOORS * floor.max_abs) if floor else limit
        if not self.max_abs <= limit:
            return f"max-abs {self.max_abs:.2g} > {limit:.2g}"
        return None


def log_softmax(x):
    """In float64, by rows."""
    x = x.astype(np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


class Logits:
    """What logits mean: the distribution, the best token, the ten best. Worst over positions."""

    def __init__(self):
        self.logprob = self.kl = 0.0
        self.at = self.kl_at = None
        self.rows, self.overlap = 0, TOP_K
        self.differ, self.problems = [], []

    def add(self, place, a, b, floor):
        """A's rows against B's; FLOOR: A's rows as float64 has them, or None."""
        a, b = log_softmax(a), log_softmax(b)
        noise = np.zeros(len(a)) if floor is None else np.abs(log_softmax(floor) - a).max(axis=-1)
        limit = max(LOGPROB, FLOORS * float(noise.max(initial=0.0)))
        for row, (p, q) in enumerate(zip(a, b)):
            self._add_row(place.first + row, p, q, float(noise[row]), limit)

    def _add_row(self, pos, p, q, noise, limit):
        gap, kl = float(np.abs(p - q).max()), float((np.exp(p) * (p - q)).sum())
        self.rows += 1
        if self.at is None or not gap <= self.logprob:
            self.logprob, self.at = gap, pos
        if self.kl_at is None or not kl <= self.kl:
            self.kl, self.kl_at = kl, pos
        if not gap <= limit:
            self.problems.append(f"log-softmax differs by {gap:.2g} > {limit:.2g} at pos={pos}")
        if not kl <= KL:
            self.problems.append(f"KL {kl:.2g} > {KL:.0e} at pos={pos}")
        best, chosen = int(p.argmax()), int(q.argmax())
        margin = float(p[best] - p[chosen])
        if best != chosen:
            self.differ.append(pos)
        if best != chosen and not margin <= 2 * noise:
            self.problems.append(
                f"top-1 at pos={pos} is {chosen}, not {best}, by a margin of {margin:.2g} "
                f"where float32 is off by {noise:.2g}"
            )
        k = min(TOP_K, len(p))
        ours, theirs = (np.argpartition(-x, k - 1)[:k] for x in (q, p))
        self.overlap = min(self.overlap, len(set(ours) & set(theirs)) + TOP_K - k)
        if float(p[theirs].min() - p[ours].min()) > 2 * limit:
            self.problems.append(f"the {k} likeliest tokens at pos={pos} are others")


class Kind:
    """All values of one line of points.def: the worst by each measure, and the floor's worst."""

    def __init__(self, name):
        self.name, self.failed = name, 0
        self.measures, self.floors = [], []

    def add(self, measure, floor, failed):
        """One value more."""
        self.failed += failed
        self.measures.append(measure)
        if floor is not None:
            self.floors.append(floor)

    def worst(self, key):
        """The measure with the largest nmse or max_abs."""
        return max(self.measures, key=lambda measure: getattr(measure, key))

    def floor(self, key):
        """The floor's largest nmse or max_abs; None without a floor."""
        return max((getattr(measure, key) for measure in self.floors), default=None)


class Comparison:
    """REFERENCE against CANDIDATE, with the floor from FLOOR (None: no floor)."""

    def __init__(self, reference, floor, candidate, stored_alike=True):
        self.reference, self.floor, self.candidate = reference, floor, candidate
        self.kinds, self.failures, self.missing = {}, [], []
        self.logits, self.floor_logits = Logits(), Logits()
        self.limit = gate(reference, candidate, stored_alike)
        if floor is not None and gate(reference, floor, True) < self.limit:
            raise Gate(f"{floor.path}: other tokens than {reference.path}: record it with --follow")
        for place in reference.order:
            self._compare(place)
        self._compare_choices()
        self._compare_judgements()

    @property
    def ok(self):
        """Whether everything passes."""
        return not self.failures and not self.missing

    @property
    def first(self):
        """The first divergence in order of execution, or None."""
        return self.failures[0] if self.failures else None

    def _compare(self, place):
        place = place._replace(last=min(place.last, self.limit))
        if place.first >= place.last:
            return
        a, b = self.reference.rows(place), self.candidate.rows(place)
        if b is None:
            self.missing.append(f"{place.fqn} pass {place.idx}")
            return
        b = fit_keys(place, a, b)
        if a.shape != b.shape:
            self._fail(place, f"shape {list(b.shape)}, not {list(a.shape)}")
            return
        compared = self._compared(place, a.shape)
        measure = Measure(place, a, b, compared)
        true = self.floor and self.floor.rows(place)
        floor = None if true is None else Measure(place, true, a, compared)
        problem = measure.problem(floor)
        name = points.kind_of(place.fqn)
        self.kinds.setdefault(name, Kind(name)).add(measure, floor, problem is not None)
        if problem:
            self._fail(place, problem, measure, floor)
        if place.fqn == "lm_head:out":
            self._compare_logits(place, a, b, true)

    def _compare_logits(self, place, a, b, true):
        known = len(self.logits.problems)
        self.logits.add(place, a, b, true)
        for problem in self.logits.problems[known:]:
            self._fail(place, problem)
        if true is not None:
            self.floor_logits.add(place, true, a, None)

    def _compared(self, place, shape):
        """Scores that the mask removes are numbers in Hugging Face and -inf here: left out."""
        if not place.fqn.endswith(":scores"):
            return None
        i, k = np.arange(place.first, place.last)[:, None], np.arange(shape[2])[None, :]
        window = self.reference.model["sliding_window"] or shape[2]
        return np.broadcast_to((k <= i) & (k > i - window), shape)

    def _fail(self, place, problem, measure=None, floor=None):
        self.failures.append((place, problem, measure, floor))

    def _compare_choices(self):
        """The tokens themselves: where they differ, the logits before must have been a tie."""
        for pos in sorted(self.reference.tokens):
            if pos not in self.candidate.tokens:
                self.missing.append(f"token at pos {pos}")
        ours, theirs = self.candidate.tokens.get(self.limit), self.reference.tokens.get(self.limit)
        if ours is not None and theirs is not None and self.limit - 1 not in self.logits.differ:
            ids = f"{ours['token_id']} at pos={self.limit}, not {theirs['token_id']}"
            self._fail(Place("token:token_id", None, self.limit, self.limit + 1), ids)

    def _compare_judgements(self):
        """logprob and entropy of each token, as `token` tells them."""
        for name in ("logprob", "entropy"):
            noise = 0.0 if self.floor is None else max(self._gaps(self.floor, name).values())
            limit = max(LOGPROB, FLOORS * noise)
            for pos, gap in self._gaps(self.candidate, name).items():
                if not gap <= limit:
                    place = Place(f"token:{name}", None, pos, pos + 1)
                    self._fail(place, f"differs by {gap:.2g} > {limit:.2g} at pos={pos}")

    def _gaps(self, side, name):
        """{position: difference} of a column of `token` between the reference and SIDE."""
        gaps = {0: 0.0}
        for pos, row in self.reference.tokens.items():
            other = side.tokens.get(pos)
            if row[name] is not None and other is not None and pos < self.limit:
                gaps[pos] = np.inf if other[name] is None else abs(row[name] - other[name])
        return gaps


def fit_keys(place, a, b):
    """Give B the keys of A: those it lacks lie behind its pass and are masked."""
    if position_axis(place.fqn) != 1 or b.shape[2] >= a.shape[2]:
        return b[:, :, : a.shape[2]] if b.ndim == 3 and position_axis(place.fqn) == 1 else b
    fill = 0.0 if place.fqn.endswith(":pattern") else -np.inf
    return np.pad(b, ((0, 0), (0, 0), (0, a.shape[2] - b.shape[2])), constant_values=fill)


def gate(reference, candidate, stored_alike):
    """Refuse recordings of different things; returns the first position that is not comparable.

    STORED_ALIKE: the files of their weights must hold the same bytes, not the same values.

    That is one behind the last token, or the first generated token that differs.
    """
    for column in MODEL_COLUMNS:
        a, b = reference.model[column], candidate.model[column]
        if a != b:
            raise Gate(f"{column} is {a} in {reference.path} but {b} in {candidate.path}")
    a, b = reference.model["weights_xxh3"], candidate.model["weights_xxh3"]
    if stored_alike and a and b and a != b:
        raise Gate(f"the weights of {reference.path} are not those of {candidate.path}")
    a, b = (json.loads(side.model["config"]) for side in (reference, candidate))
    for key in CONFIG_KEYS:
        if key in a and key in b and a[key] != b[key]:
            raise Gate(f"{key} is {a[key]} in {reference.path} but {b[key]} in {candidate.path}")
    prompt = [
        [row["token_id"] for _, row in sorted(side.tokens.items())
         if row["source"] in ("bos", "prompt")]
        for side in (reference, candidate)
    ]
    if prompt[0] != prompt[1]:
        raise Gate(
            f"the prompt is {prompt[0]} in {reference.path} but {prompt[1]} in {candidate.path}")
    last = max(reference.tokens) + 1
    for pos, row in sorted(reference.tokens.items()):
        other = candidate.tokens.get(pos)
        if other is not None and other["token_id"] != row["token_id"]:
            return pos
    return last


def check_reference(side, dtype):
    """The reference is Hugging Face's eager attention in DTYPE."""
    if side.run["role"] != "reference":
        raise BadInput(f"{side.path}: its role is {side.run['role']}, not reference")
    if json.loads(side.run["opts"]).get("attn_implementation") != "eager":
        raise BadInput(f"{side.path}: was not recorded with attn_implementation=eager")
    name = side.db.execute(
        "SELECT name FROM dtype WHERE id=?", (side.run["dtype_compute"],)
    ).fetchone()
    if name is None or name[0] != dtype:
        raise BadInput(f"{side.path}: computed in {name and name[0]}, not {dtype}")


def compare(reference, floor, candidate, stored_alike=True):
    """Compare three files; FLOOR may be None. Raises BadInput and Gate."""
    with contextlib.ExitStack() as stack:
        sides = [path and Side(path) for path in (reference, floor, candidate)]
        for side in filter(None, sides):
            stack.callback(side.close)
        check_reference(sides[0], "f32")
        if sides[1]:
            check_reference(sides[1], "f64")
        return Comparison(*sides, stored_alike)
