#!/usr/bin/env python3
"""Makes a recording of the .npy files that another engine wrote, to hold it against a reference.

    scripts/import_npy.py --like reference.db -o mine.db DUMPS

DUMPS is a folder of files NAME.npy, NAME being any name of a point (`torchless info --points`):
L0.attn.q_rot, model.layers.0.self_attn:q_rot, blocks.0.attn.hook_z. They are of the prompt, pass 0;
those of a decoded token lie in a folder of its number, DUMPS/1/NAME.npy. The prompt, the model and
the shapes are those of the reference, a recording of scripts/record_hf.py or of torchless.

An array has the shape of its point; axes of one, and axes put together that follow one another
([pos, head * d_head]), are taken apart. Exit status: 0 done, 2 a file that is none of this.
"""

import argparse
import contextlib
import difflib
import os
import sqlite3
import sys

from lib.files import BadInput, need, open_regular, run_main

np = need("numpy", kind="import")

from lib import recording  # noqa: E402
from lib.terminal import brief  # noqa: E402
from read_trace import open_recording, sizes_of  # noqa: E402

MAX_BYTES = 1 << 30
KINDS = ("f2", "f4", "f8", "i1", "u1", "i2", "i4", "i8")


class Reference:
    """What is taken over: the newest run's model, prompt, passes and the shapes of its values."""

    def __init__(self, path):
        self.path = path
        try:
            with contextlib.closing(open_recording(path)) as db:
                db.row_factory = sqlite3.Row
                self._read(db)
        except (sqlite3.Error, ValueError, LookupError, TypeError, OSError) as error:
            raise BadInput(f"{path}: is no recording that can be read: {error}") from None

    def _read(self, db):
        rows = lambda sql, *values: [dict(row) for row in db.execute(sql, values)]
        self.run = rows("SELECT * FROM run ORDER BY id DESC LIMIT 1")[0]
        of = (self.run["id"],)
        self.model = rows("SELECT * FROM model WHERE id=?", self.run["model_id"])[0]
        self.modules = rows("SELECT path, type, n_params, weight_bytes FROM module "
                            "WHERE model_id=? ORDER BY ord, id", self.run["model_id"])
        # What was read; what the reference thought of it is not the other engine's.
        self.tokens = rows("SELECT pos, token_id, piece, source, byte_start, byte_end FROM token "
                           "WHERE run_id=? ORDER BY pos", *of)
        self.passes = {row["idx"]: row for row in rows(
            "SELECT idx, phase, pos0, n_tok FROM pass WHERE run_id=? AND idx NOT NULL", *of)}
        self.values = rows("SELECT fqn, pass, shape, module FROM v_value WHERE run_id=? ORDER BY id",
                           *of)
        self.names = {row["name"]: row["fqn"] for row in rows(
            "SELECT p.tl_name name, p.fqn FROM point p WHERE p.tl_name NOT NULL "
            "UNION ALL SELECT p.ggml_name, p.fqn FROM point p WHERE p.ggml_name NOT NULL "
            "UNION ALL SELECT a.alias, p.fqn FROM point_alias a JOIN point p ON p.id = a.point_id "
            "UNION ALL SELECT fqn, fqn FROM point")}
        for fqn in {row["fqn"] for row in self.values}:
            self._add_roles(db, fqn)

    def _add_roles(self, db, fqn):
        """L3.resid_post and logits: a role with its layer is a name, too."""
        role, layer = db.execute("SELECT role, layer FROM point WHERE fqn=?", (fqn,)).fetchone()
        prefix = "" if layer is None else f"L{layer}."
        self.names.setdefault(prefix + role, fqn)
        self.names.setdefault(f"{prefix}attn.{role}", fqn)


def find_files(folder):
    """{pass: {name: path}} of a folder of dumps."""
    if not os.path.isdir(folder):
        raise BadInput(f"{folder}: is no folder")
    found = {}
    for number in ["", *sorted(filter(str.isdecimal, os.listdir(folder)))]:
        where = os.path.join(folder, number)
        names = sorted(name for name in os.listdir(where) if name.endswith(".npy"))
        of_pass = found.setdefault(int(number or 0), {})
        of_pass |= {name[:-4]: os.path.join(where, name) for name in names}
    if not any(found.values()):
        raise BadInput(f"{folder}: holds no NAME.npy")
    return found


def read_array(path):
    """The array of a .npy as f32."""
    with open_regular(path, "weights", ("WEIGHTS", "TORCH")) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise BadInput(f"{path}: is larger than 1 GB")
        try:
            array = np.load(file, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise BadInput(f"{path}: is no .npy of numbers: {brief(str(error))}") from None
    if not isinstance(array, np.ndarray) or array.dtype.str[1:] not in KINDS:
        raise BadInput(f"{path}: is no array of numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)


def fitted(path, array, shape):
    """The array in the shape of its point: nothing but ones and joined axes may differ."""
    squeezed = [n for n in array.shape if n != 1]
    wanted = [n for n in shape if n != 1]
    while squeezed and wanted and squeezed[0] == wanted[0]:
        squeezed, wanted = squeezed[1:], wanted[1:]
    is_joined = len(squeezed) <= 1 and array.size == int(np.prod(shape))
    if not is_joined:
        text = lambda sizes: "[" + ",".join(map(str, sizes)) + "]"
        raise BadInput(f"{path}: is {text(array.shape)}; the point is {text(shape)} in the reference")
    return array.reshape(shape)


def read_dumps(folder, reference):
    """{(fqn, pass): array} of all files."""
    shapes = {(row["fqn"], row["pass"]): sizes_of(row["shape"]) for row in reference.values}
    arrays = {}
    for number, files in find_files(folder).items():
        for name, path in files.items():
            if name not in reference.names:
                near = difflib.get_close_matches(name, reference.names, 1)
                hint = f"; did you mean {near[0]}?" if near else "; torchless info --points names them"
                raise BadInput(f"{path}: {name} names no point{hint}")
            key = reference.names[name], number
            if key not in shapes:
                raise BadInput(f"{path}: {reference.path} has no {key[0]} in pass {number}")
            if key in arrays:
                raise BadInput(f"{path}: {key[0]} is there under another name, too")
            arrays[key] = fitted(path, read_array(path), shapes[key])
    return arrays


def write(reference, arrays, out, argv, folder):
    """Record the arrays as a run of the reference's prompt."""
    passes = {number: reference.passes[number] for number in sorted({key[1] for key in arrays})}
    end = max(of["pos0"] + of["n_tok"] for of in passes.values())
    writer = recording.Writer(out)
    try:
        with writer_run(writer, reference, end, argv, folder):
            for number, of in passes.items():
                write_pass(writer, reference, arrays, number, of)
        writer.close({"tool": "scripts/import_npy.py"})
    except BaseException:
        writer.abandon()
        raise


@contextlib.contextmanager
def writer_run(writer, reference, end, argv, folder):
    """A run of another engine, with the reference's tokens before END; no clock runs in it."""
    model = {key: value for key, value in reference.model.items() if key != "id"}
    writer.begin_run(model, {
        "role": "imported", "engine": f"arrays of {os.path.basename(os.path.abspath(folder))}",
        "dtype_compute": recording.DTYPES["float32"], "prompt": reference.run["prompt"],
        "opts": recording.as_json({"argv": argv}),
    })
    writer.add_modules([tuple(row.values()) for row in reference.modules])
    writer.add_points(model["n_layers"])
    for row in reference.tokens:
        if row["pos"] < end:
            writer.insert("token", run_id=writer.run_id, **row)
    with writer.clock_stopped():
        yield


def write_pass(writer, reference, arrays, number, of):
    """The values of one pass, in the order in which the reference computed them."""
    writer.n_passes = number
    with writer.running_pass(of["phase"], of["pos0"], of["n_tok"]):
        for row in reference.values:
            array = arrays.get((row["fqn"], number))
            if array is not None and row["pass"] == number:
                writer.enter(row["module"])
                writer.value(row["fqn"], array, True)
                writer.leave()


def main(argv):
    """Import once."""
    parser = argparse.ArgumentParser(
        description="Make a recording of the .npy files that another engine wrote.",
        epilog="example: scripts/import_npy.py --like reference.db -o mine.db dumps",
    )
    parser.add_argument("--like", metavar="REFERENCE.db", required=True,
                        help="the recording whose prompt, model and shapes they have")
    parser.add_argument("-o", "--output", metavar="FILE.db", required=True)
    parser.add_argument("dumps", metavar="DUMPS")
    args = parser.parse_args(argv)
    reference = Reference(args.like)
    arrays = read_dumps(args.dumps, reference)
    write(reference, arrays, args.output, [sys.argv[0], *argv], args.dumps)
    print(f"{args.output}: {len(arrays)} of {len(reference.values)} values", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_main(main)
