#!/usr/bin/env python3
"""Records a Hugging Face model's forward pass in the schema of `torchless trace`.

    scripts/record_hf.py -m models/smollm2-135m -o reference.db -n 4 "The capital of France is"

The recording's role is `reference`: scripts/parity.py holds torchless against it, and every query
that works on a recording of torchless works on it too. The model runs in float32 with eager
attention, as Hugging Face defines it; --f64 runs the same formulas in float64, and the difference
of the two is the noise floor of float32 at each point.

How: hooks on every module. A point `module:out` is what the module returned. The points that
Hugging Face computes without a module (rotated queries, scores, pattern ...) are computed here from
the modules' outputs and the cache with the library's own functions, and the recording is refused
unless the z that follows from them is the tensor that o_proj was really given.
"""

import argparse
import contextlib
import copy
import fnmatch
import json
import math
import os
import sqlite3
import sys

from lib.files import ROOT, BadInput, need, run_main

np, torch, transformers = need("numpy", "torch", "transformers", kind="reference")

from torch.overrides import TorchFunctionMode  # noqa: E402

from lib import recording  # noqa: E402
from lib.checkpoint import find_tensors, read_text  # noqa: E402
from lib.model_shapes import ARCHITECTURES, architecture_of  # noqa: E402
from lib.safetensors_file import parse_json  # noqa: E402
from lib.terminal import brief  # noqa: E402
from lib.weights_hash import weights_hash  # noqa: E402
from read_trace import open_recording  # noqa: E402

N_CANDIDATES = 20
# What AutoTokenizer reads beside tokenizer.json.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                   "added_tokens.json")


# ---- the model -------------------------------------------------------------------------------


def read_config(directory):
    """config.json as this version of transformers understands it.

    Newer files say rope_parameters and dtype where older ones say rope_theta, rope_scaling and
    torch_dtype; this version would fall back to its defaults without a word.
    """
    path = os.path.join(directory, "config.json")
    raw = parse_json(read_text(directory, "config.json"), path)
    architecture = architecture_of(raw) if isinstance(raw, dict) else None
    if architecture is None:
        raise BadInput(f"{path}: architectures is not one of {', '.join(ARCHITECTURES)}")
    for key in ("rope_parameters", "rope_scaling"):
        if not isinstance(raw.get(key), (dict, type(None))):
            raise BadInput(f"{path}: {key} is {brief(raw[key])}, no object")
    if not isinstance(raw.get("model_type"), str):
        raise BadInput(f"{path}: model_type is {brief(raw.get('model_type'))}")
    rope = raw.pop("rope_parameters", None) or {}
    raw.setdefault("rope_theta", rope.get("rope_theta", 10000.0))
    if rope.get("rope_type", "default") != "default":
        raw["rope_scaling"] = {key: value for key, value in rope.items() if key != "rope_theta"}
    scaling = raw.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type", "default")) == "default":
        raw["rope_scaling"] = None
    if "dtype" in raw:
        raw.setdefault("torch_dtype", raw.pop("dtype"))
    if architecture == "MistralForCausalLM" and raw["rope_scaling"]:
        raise BadInput(f"{path}: this version of transformers ignores rope_scaling in Mistral")
    return raw


@contextlib.contextmanager
def transformers_reading(directory):
    """What transformers makes of files that are not what they should be is any exception."""
    try:
        yield
    except (BadInput, MemoryError):
        raise
    except Exception as error:
        what = str(error).strip().split("\n")[0] or type(error).__name__
        raise BadInput(f"{directory}: transformers cannot load it: {what}") from error


def load(directory):
    """The model of a Hugging Face directory in float32, eager, ready to run.

    Its weights are looked at by our own reader first: transformers would wait for a pipe, and take
    the lengths of a file for true.
    """
    raw = read_config(directory)
    find_tensors(directory)
    read_text(directory, "generation_config.json", required=False)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with transformers_reading(directory):
        config = transformers.AutoConfig.for_model(raw["model_type"]).from_dict(raw)
        model, report = transformers.AutoModelForCausalLM.from_pretrained(
            directory, config=config, torch_dtype=torch.float32, attn_implementation="eager",
            local_files_only=True, output_loading_info=True,
        )
    if report["missing_keys"]:
        raise BadInput(f"{directory}: transformers finds no {min(report['missing_keys'])} there and "
                       "would run with random numbers instead")
    return model.eval()


def load_tokenizer(directory):
    """The directory's tokenizer, or None where there is none."""
    if not os.path.exists(os.path.join(directory, "tokenizer.json")):
        return None
    for name in TOKENIZER_FILES:
        read_text(directory, name, required=False)
    with transformers_reading(directory):
        return transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True)


def widened(model):
    """A float64 copy of a float32 model. The values of the weights stay the same."""
    return copy.deepcopy(model).double()


class Widest(TorchFunctionMode):
    """Runs every cast to float32 as a cast to float64.

    Hugging Face computes norms, rotation angles and the softmax in float32 whatever the model's
    type, so a model that is merely .double() would round exactly where the floor is wanted.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        wide = lambda x: torch.float64 if x is torch.float32 else x
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        return func(*map(wide, args), **{key: wide(x) for key, x in (kwargs or {}).items()})


# ---- recording one model ----------------------------------------------------------------------


def allowed_keys(pos0, n_tok, window):
    """mask[q, k]: query pos0+q looks at key k where i - window < k <= i, and nowhere else."""
    i = torch.arange(pos0, pos0 + n_tok)[:, None]
    k = torch.arange(pos0 + n_tok)[None, :]
    return (k <= i) if window is None else (k <= i) & (k > i - window)


def module_path(path):
    """The name of a module in a recording: one rotary embedding, whichever layers keep copies."""
    return "model.rotary_emb" if path.endswith("rotary_emb") else path


class Tap:
    """The hooks of one model: hand every point to sink.value(), every call to enter() and leave().

    The window: eager Mistral of transformers 4.44 masks by it in prefill and in decode, with a
    DynamicCache that keeps every row, so allowed_keys() is the whole truth; _same() proves it at
    each layer of each pass.
    """

    def __init__(self, model):
        self.model = model
        self.config = model.config
        self.code = sys.modules[type(model).__module__]
        # Hugging Face's Llama does not look at sliding_window, its Mistral does.
        is_mistral = self.config.model_type == "mistral"
        self.window = getattr(self.config, "sliding_window", None) if is_mistral else None
        self.heads = self.config.num_attention_heads
        self.kv_heads = self.config.num_key_value_heads
        self.head_dim = model.model.layers[0].self_attn.head_dim
        self.cache = transformers.DynamicCache()

    @contextlib.contextmanager
    def attached(self, sink):
        """Call SINK (a recording.Writer, or what looks like one) during forward passes."""
        self.sink, handles = sink, []
        for path, module in self.model.named_modules():
            handles.append(module.register_forward_pre_hook(self._timed(self._before(path))))
            handles.append(module.register_forward_hook(self._timed(self._after(path))))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _timed(self, hook):
        """HOOK while the clock of the recording stands still."""
        def stopped(*args):
            with self.sink.clock_stopped():
                hook(*args)
        return stopped

    def begin(self, pos0, n_tok):
        """The next forward pass reads N_TOK tokens from position POS0 on."""
        self.pos0, self.n_tok = pos0, n_tok
        self.mask = allowed_keys(pos0, n_tok, self.window)
        self.angles, self.out = None, {}

    def emit(self, fqn, tensor):
        """Hand on one tensor without its batch."""
        self.sink.value(fqn, tensor[0].numpy())

    def _before(self, path):
        parent, _, name = path.rpartition(".")

        def hook(_module, args):
            if name == "post_attention_layernorm":
                self.emit(f"{parent}:resid_mid", args[0])
            elif name == "down_proj":
                self.emit(f"{parent}:act_mul", args[0])
            elif name == "o_proj":
                self._attention(parent, args[0])
            self.sink.enter(module_path(path))

        return hook

    def _after(self, path):
        name = path.rpartition(".")[2]

        def hook(module, args, output):
            tensor = output[0] if isinstance(output, (tuple, list)) else output
            if name == "rotary_emb":
                self._rotary(output)
            elif name in ("q_proj", "k_proj", "v_proj"):
                self.out[name] = tensor.view(1, self.n_tok, -1, self.head_dim)
                self.emit(f"{path}:out", self.out[name])
            elif name not in ("", "model", "self_attn", "mlp"):
                if hasattr(module, "variance_epsilon"):
                    self._norm(path, module, args[0])
                self.emit(f"{path}:out", tensor)
            self.sink.leave()

        return hook

    def _norm(self, path, module, x):
        mean_square = x.to(torch.float32).pow(2).mean(-1, keepdim=True)
        shifted = mean_square + module.variance_epsilon
        self.emit(f"{path}:rms", shifted.sqrt().squeeze(-1))
        self.emit(f"{path}:normed", x * torch.rsqrt(shifted))

    def _rotary(self, output):
        """Mistral calls its rotary embedding once a layer, Llama once: they all agree."""
        if self.angles is None:
            self.angles = output
            self.emit("model.rotary_emb:cos", output[0])
            self.emit("model.rotary_emb:sin", output[1])

    def _attention(self, path, given):
        """The points between the projections and o_proj; GIVEN is what o_proj was called with."""
        layer = int(path.split(".")[2])
        q, k, v = (self.out[name].transpose(1, 2) for name in ("q_proj", "k_proj", "v_proj"))
        q_rot, k_rot = self.code.apply_rotary_pos_emb(q, k, *self.angles)
        keys, values = self.cache[layer]
        self._same(path, "k_rot", k_rot, keys[:, :, self.pos0 :])
        self._same(path, "v", v, values[:, :, self.pos0 :])
        all_keys, all_values = (
            self.code.repeat_kv(x, self.heads // self.kv_heads) for x in (keys, values)
        )
        scores = q_rot @ all_keys.transpose(2, 3) / math.sqrt(self.head_dim)
        masked = scores.masked_fill(~self.mask, -math.inf)
        pattern = torch.softmax(masked, dim=-1, dtype=torch.float32).to(scores.dtype)
        z = (pattern @ all_values).transpose(1, 2)
        given = given.view(z.shape)
        self._same(path, "z", z, given)
        self.emit(f"{path}:q_rot", q_rot.transpose(1, 2))
        self.emit(f"{path}:k_rot", k_rot.transpose(1, 2))
        self.emit(f"{path}:k_cache", keys[:, :, self.pos0 :].transpose(1, 2))
        self.emit(f"{path}:v_cache", values[:, :, self.pos0 :].transpose(1, 2))
        self.emit(f"{path}:scores", scores)
        self.emit(f"{path}:scores_masked", masked)
        self.emit(f"{path}:pattern", pattern)
        self.emit(f"{path}:z", given)

    def _same(self, path, name, ours, theirs):
        """What was computed here must be what Hugging Face used: window, cache and all."""
        scale = float(theirs.abs().max()) or 1.0
        worst = float((ours - theirs).abs().max()) / scale
        # NaN weights make NaN on both sides, and are worth recording.
        if worst > 1e-5 or math.isnan(worst) != bool(theirs.isnan().any()):
            raise RuntimeError(
                f"{path}:{name} differs by {worst:.2g} of its size from what Hugging Face used "
                f"(transformers {transformers.__version__}): the recorder does not fit this version"
            )


class Sink:
    """A recording.Writer with the choice of what is dumped."""

    def __init__(self, writer, capture, logits):
        self.writer, self.capture, self.logits = writer, capture, logits
        self.enter, self.leave = writer.enter, writer.leave
        self.clock_stopped = writer.clock_stopped

    def value(self, fqn, array):
        """Record a point."""
        if fqn == "lm_head:out" and self.logits == "last":
            array = array[-1:]
        dump = any(fnmatch.fnmatchcase(fqn, pattern) for pattern in self.capture)
        self.writer.value(fqn, array, dump)


def token_bytes(tokenizer, number):
    """The bytes that a token stands for; None without a tokenizer."""
    if tokenizer is None:
        return None
    piece = tokenizer.convert_ids_to_tokens(number)
    if piece is None or number in tokenizer.all_special_ids:
        return (piece or "").encode()
    if piece.startswith("<0x") and piece.endswith(">") and len(piece) == 6:
        return bytes([int(piece[3:5], 16)])
    if "▁" in piece:
        return piece.replace("▁", " ").encode()
    symbols = transformers.models.gpt2.tokenization_gpt2.bytes_to_unicode()
    back = {symbol: byte for byte, symbol in symbols.items()}
    try:
        return bytes(back[symbol] for symbol in piece)
    except KeyError:
        return piece.encode()


def model_rows(model, directory):
    """Columns of `model`, and the rows of `module`, of a Hugging Face model."""
    config = model.config
    text = read_text(directory, "config.json")
    weights = [name for name in os.listdir(directory) if name.endswith((".safetensors", ".bin"))]
    tap = Tap(model)
    columns = {
        "name": os.path.basename(os.path.abspath(directory)),
        "arch": type(model).__name__, "file": os.path.abspath(directory),
        "weights_xxh3": weights_hash(directory, config.tie_word_embeddings),
        "file_bytes": sum(os.path.getsize(os.path.join(directory, name)) for name in weights),
        "n_layers": config.num_hidden_layers, "d_model": config.hidden_size,
        "n_heads": tap.heads, "n_kv_heads": tap.kv_heads, "d_head": tap.head_dim,
        "d_ff": config.intermediate_size, "n_vocab": config.vocab_size,
        "rope_theta": config.rope_theta, "rope_layout": "half", "sliding_window": tap.window,
        "config": text,
    }
    size = {"float32": 4, "float64": 8}.get(str(config.torch_dtype).rpartition(".")[2], 2)
    modules = {}
    for path, module in model.named_modules():
        count = sum(weight.numel() for weight in module.parameters())
        modules[module_path(path)] = (type(module).__name__, count, count * size)
    return columns, [(path, *row) for path, row in modules.items()]


def run_columns(model, tokenizer, ids, prompt, options):
    """Columns of `run`."""
    compute = recording.DTYPES[str(next(model.parameters()).dtype).rpartition(".")[2]]
    weight = recording.DTYPES.get(str(model.config.torch_dtype).rpartition(".")[2])
    if prompt is None and tokenizer is not None:
        prompt = tokenizer.decode(ids)
    return {
        "role": "reference",
        "engine": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "dtype_weight": weight, "dtype_compute": compute, "dtype_kv": compute,
        "n_threads": torch.get_num_threads(), "opts": json.dumps(options), "prompt": prompt,
        "host": f"{os.uname().sysname} {os.uname().release} {os.uname().machine}",
        # Greedy, in the words of torchless.
        "sampler": json.dumps({"temp": 0, "top_k": 0, "top_p": 1, "min_p": 0}), "seed": 0,
    }


def end_tokens(model):
    """Ids that end a generation."""
    ids = model.generation_config.eos_token_id
    if ids is None:
        ids = model.config.eos_token_id
    return set(ids if isinstance(ids, list) else [ids])


class Scores:
    """Writes `token` and `cand`: what the model thought of each position."""

    def __init__(self, writer, tokenizer):
        self.writer, self.tokenizer = writer, tokenizer
        self.known, self.pieces = {}, {}

    def piece(self, number):
        """Bytes of a token, remembered."""
        if number not in self.pieces:
            self.pieces[number] = token_bytes(self.tokenizer, number)
        return self.pieces[number]

    def read(self, pos, logits):
        """LOGITS were read at POS: they judge the token at POS + 1."""
        logprobs = torch.log_softmax(logits.double(), dim=-1)
        self.known[pos + 1] = logprobs
        if torch.isnan(logits).any():
            return  # NaN weights: no token is likelier than another
        top = torch.topk(logits, min(N_CANDIDATES, len(logits)))
        for rank, (logit, number) in enumerate(zip(top.values.tolist(), top.indices.tolist())):
            self.writer.insert(
                "cand", run_id=self.writer.run_id, pos=pos, rank=rank, token_id=number,
                piece=self.piece(number), logit=logit, logprob=float(logprobs[number]), kept=1,
            )

    def token(self, pos, number, source, span=(None, None)):
        """The token that stands at POS."""
        judged = {}
        logprobs = self.known.pop(pos, None)
        if logprobs is not None:
            probability = logprobs.exp()
            judged = {
                "logprob": float(logprobs[number]),
                "rank": int((logprobs > logprobs[number]).sum()),
                "entropy": float(-torch.where(probability > 0, probability * logprobs, 0.0).sum()),
            }
        self.writer.insert(
            "token", run_id=self.writer.run_id, pos=pos, token_id=number, source=source,
            piece=self.piece(number), byte_start=span[0], byte_end=span[1], **judged,
        )


def prompt_spans(tokenizer, prompt):
    """(id, byte_start, byte_end) of a prompt's tokens."""
    encoded = tokenizer(prompt, return_offsets_mapping=True)
    at = lambda count: len(prompt[:count].encode())
    return [
        (number, at(first), at(last))
        for number, (first, last) in zip(encoded["input_ids"], encoded["offset_mapping"])
    ]


@torch.no_grad()
def record(model, directory, out, ids, *, n=1, prompt=None, tokenizer=None, spans=None,
           forced=None, capture=("*",), logits="all", chunk=None, argv=None):
    """Record a prefill over IDS and n-1 decode passes into OUT; returns the generated ids.

    CHUNK splits the prefill into passes of so many positions; ARGV is the command to record.

    FORCED gives the generated tokens instead of the model's own choice, so that a float64 run
    stays beside its float32 one where two tokens are nearly as likely.
    """
    wide = next(model.parameters()).dtype == torch.float64
    columns, modules = model_rows(model, directory)
    options = {"attn_implementation": "eager", "n": n, "logits": logits, "capture": list(capture)}
    options |= {"argv": argv} if argv else {}
    writer = recording.Writer(out)
    try:
        writer.begin_run(columns, run_columns(model, tokenizer, ids, prompt, options))
        writer.add_modules(modules)
        writer.add_points(columns["n_layers"])
        with Tap(model).attached(Sink(writer, capture, logits)) as tap, \
                Widest() if wide else contextlib.nullcontext():
            scores = Scores(writer, tokenizer)
            logits = _prefill(tap, writer, scores, ids, spans, chunk or len(ids))
            generated = _decode(tap, writer, scores, len(ids), logits, n, forced)
        writer.close({"tool": "scripts/record_hf.py", "transformers": transformers.__version__})
    except BaseException:
        writer.abandon()
        raise
    return generated


def _forward(tap, writer, scores, phase, pos, fresh):
    """One pass over FRESH tokens, which stand at POS and after it; returns the last logits."""
    tap.begin(pos, len(fresh))
    with writer.running_pass(phase, pos, len(fresh)):
        logits = tap.model(
            input_ids=torch.tensor([fresh]), past_key_values=tap.cache, use_cache=True
        ).logits[0]
    first = 0 if tap.sink.logits == "all" else len(fresh) - 1
    for row in range(first, len(fresh)):
        scores.read(pos + row, logits[row])
    return logits[-1]


def _prefill(tap, writer, scores, ids, spans, chunk):
    for first in range(0, len(ids), chunk):
        logits = _forward(tap, writer, scores, "prefill", first, ids[first : first + chunk])
    for pos, number in enumerate(ids):
        source = "bos" if pos == 0 and number == tap.config.bos_token_id else "prompt"
        scores.token(pos, number, source, spans[pos][1:] if spans else (None, None))
    return logits


def _decode(tap, writer, scores, pos, logits, n, forced):
    """Choose a token, feed it back, N times; the last one is not fed back."""
    ends, generated = end_tokens(tap.model), []
    while True:
        choice = forced[len(generated)] if forced else int(logits.argmax())
        generated.append(choice)
        scores.token(pos, choice, "forced" if forced else "generated")
        limit = min(n, len(forced)) if forced else n
        if len(generated) >= limit or (choice in ends and not forced):
            return generated
        logits = _forward(tap, writer, scores, "decode", pos, [choice])
        pos += 1


# ---- the command ------------------------------------------------------------------------------


def prompt_ids(args, model, tokenizer):
    """(ids, spans or None) of the PROMPT argument."""
    if not args.prompt_ids:
        if tokenizer is None:
            raise BadInput(f"{args.model}: has no tokenizer.json: give token ids with --prompt-ids")
        spans = prompt_spans(tokenizer, args.prompt)
        ids = [span[0] for span in spans]
    else:
        try:
            ids, spans = [int(word) for word in args.prompt.split()], None
        except ValueError:
            raise BadInput("--prompt-ids: PROMPT is to be token ids with spaces") from None
    vocab = model.config.vocab_size
    for number in ids:
        if not 0 <= number < vocab:
            raise BadInput(f"token id {number} is not in the vocabulary of {vocab}")
    if not ids:
        raise BadInput("the prompt holds no token")
    return ids, spans


def generated_of(path):
    """The generated tokens of a recording."""
    try:
        with contextlib.closing(open_recording(path)) as db:
            rows = db.execute(
                "SELECT token_id FROM v_token WHERE source IN('generated','forced') ORDER BY pos"
            ).fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise BadInput(f"{path}: {error}") from None
    if not rows:
        raise BadInput(f"{path}: holds no generated token")
    if not all(type(row[0]) is int for row in rows):
        raise BadInput(f"{path}: a token is no number")
    return [row[0] for row in rows]


def positive(text):
    """An argparse type: a whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Record a Hugging Face model's forward pass in torchless's schema.",
        epilog='example: scripts/record_hf.py -o reference.db -n 4 "The capital of France is"',
    )
    add = parser.add_argument
    add("-m", "--model", metavar="HF_DIR", default=os.path.join(ROOT, "lessons", "model"),
        help="default: lessons/model")
    add("-o", "--output", metavar="FILE.db", required=True)
    add("-n", type=positive, default=1, metavar="N", help="tokens to generate greedily (default 1)")
    add("--prompt-ids", action="store_true", help="PROMPT is token ids with spaces")
    add("--f64", action="store_true", help="compute in float64: the truth that float32 rounds")
    add("--follow", metavar="FILE.db", help="generate the tokens that this recording generated")
    add("--chunk", type=positive, metavar="N", help="positions a prefill pass (default: all)")
    add("--logits", choices=("all", "last"), default="all", help="positions that get logits")
    add("--capture", action="append", metavar="GLOB", help="points to dump (default: all)")
    add("-j", "--threads", type=positive, metavar="N", help="threads of torch")
    add("prompt", metavar="PROMPT")
    return parser.parse_args(argv)


def main(argv):
    """Record once."""
    args = parse(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    if not os.path.isdir(args.model):
        raise BadInput(f"{args.model}: is no Hugging Face directory")
    forced = generated_of(args.follow) if args.follow else None
    model, tokenizer = load(args.model), load_tokenizer(args.model)
    ids, spans = prompt_ids(args, model, tokenizer)
    generated = record(
        widened(model) if args.f64 else model, args.model, args.output, ids, n=args.n,
        prompt=None if args.prompt_ids else args.prompt, tokenizer=tokenizer, spans=spans,
        forced=forced, capture=args.capture or ("*",), logits=args.logits, chunk=args.chunk,
        argv=[sys.argv[0], *argv],
    )
    size = os.path.getsize(args.output) / 1e6
    kind = "float64" if args.f64 else "float32"
    print(f"{args.output}: {len(ids)} + {len(generated)} tokens, {kind}, {size:.1f} MB",
          file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_main(main)
