"""What one can find inside the teaching model: heads, the lens, the window's edge, the residual
stream, attention sinks, a fact that a story overrules. Each takes a check.Model and returns numbers.

Scores are the usual ones, of a prompt of random tokens that is repeated once: a previous-token
head's is its mean attention from a position to the one before, an induction head's that from a
repeated token to what followed its first occurrence.
"""

import random

import numpy as np
from teach import tokenizer
from teach.grammar import facts

PERIOD, REPEATS = 24, 16
MOST_HEADS = 4  # of one kind; "one or few"
SINK = 0.3      # mean attention to the first position that is called a sink
FIRST = len(tokenizer.SPECIAL)


def repeated_prompts(vocabulary):
    """Items of random tokens, each followed by the same again."""
    rng = random.Random("heads")
    for number in range(REPEATS):
        block = rng.sample(range(FIRST, vocabulary), PERIOD)
        yield {"id": f"repeat-{number}", "ids": [tokenizer.BOS] + block + block}


def patterns(runs):
    """Attention of each dumped prompt: {id: [layer, head, query, key]}."""
    found = {}
    for name, fqn, _, array in runs.dumps("*:pattern"):
        found.setdefault(name, {})[int(fqn.split(".")[2])] = array
    return {name: np.stack([layers[i] for i in sorted(layers)]) for name, layers in found.items()}


def mean_attention(pattern, offset, first):
    """[layer, head]: from each position t >= first to t - offset."""
    return np.diagonal(pattern, -offset, 2, 3)[:, :, first - offset:].mean(2)


def groups(scores):
    """(the heads that stand out, their lowest score, the highest of the rest).

    The line is drawn where two neighbours in the order of scores lie furthest apart.
    """
    order = sorted(np.ndindex(scores.shape), key=lambda head: -scores[head])
    values = [scores[head] for head in order]
    cut = max(range(1, MOST_HEADS + 1), key=lambda n: values[n - 1] - values[n])
    return order[:cut], values[cut - 1], values[cut]


def heads(model):
    """Who looks one back, who continues what was repeated, and what their absence does."""
    runs = model.engine.record("heads", repeated_prompts(model.vocabulary),
                               "--capture", "*:pattern")
    pattern = list(patterns(runs).values())
    previous = np.mean([mean_attention(p, 1, 2) for p in pattern], 0)
    induction = np.mean([mean_attention(p, PERIOD - 1, PERIOD + 2) for p in pattern], 0)
    found = {}
    for name, scores in (("previous-token", previous), ("induction", induction)):
        chosen, lowest, rest = groups(scores)
        found[name] = {"scores": scores, "heads": chosen, "lowest": lowest, "rest": rest}
    return found | {"ablations": ablations(model, found, previous + induction)}


def ablations(model, found, scores):
    """[(what was zeroed, heads, {behaviour: accuracy})]"""
    both = found["previous-token"]["heads"] + found["induction"]["heads"]
    layer = found["induction"]["heads"][0][0]
    control = min(((layer, head) for head in range(scores.shape[1]) if (layer, head) not in both),
                  key=lambda head: scores[head], default=None)
    items = [item for item in model.items if item["behaviour"] in ("induction", "facts")]
    rows = [("nothing", [])] + [(name, found[name]["heads"]) for name in found]
    if control:
        rows.append(("a control", [control]))
    for name, chosen in rows:
        zeros = [word for head in chosen
                 for word in ("--zero", f"L{head[0]}.attn.z[head={head[1]}]")]
        runs = model.engine.record(f"zero {name}", items, *zeros)
        yield name, chosen, model.accuracy(items, model.right(items, runs))


def lens(model, runs):
    """What final norm and head make of the residual stream at the position that is asked.

    Returns the share of facts whose answer is first after each layer, at which layer each settles
    (is first from there on), and the largest difference to the logits at the last layer.
    """
    items = [item for item in model.items if item["behaviour"] == "facts"]
    streams, logits = runs.residual(model.n_layers), runs.rows("lm_head:out")
    first = np.zeros((len(items), model.n_layers), bool)
    worst = 0
    for row, item in enumerate(items):
        seen = model.lens(streams[item["id"]])
        first[row] = seen.argmax(1) == item["ids"][-1]
        worst = max(worst, np.abs(seen[-1] - logits[item["id"]]).max())
    # From the last layer down, as long as the answer is first.
    settled = model.n_layers - np.cumprod(first[:, ::-1], 1).sum(1)
    return {"share": first.mean(0), "worst": worst,
            "settles": [float(np.mean(settled == i)) for i in range(model.n_layers)]}


def residual(model, runs):
    """The mean l2 of the residual stream after each layer, at the positions that are asked."""
    return np.mean([np.linalg.norm(x, axis=1)
                    for x in runs.residual(model.n_layers).values()], 0)


def sinks(model):
    """[layer, head]: mean attention to the first position, of stories, from position 8 to 63."""
    texts = [model.engine.complete(opening, "-n", "60")["text"] for opening in ("One day", "Lily")]
    items = [{"id": text, "ids": model.engine.ids(text)} for text in texts]
    runs = model.engine.record("sinks", items, "--capture", "*:pattern")
    last = min(64, model.window)
    return np.mean([p[:, :, 8:last, 0].mean(2) for p in patterns(runs).values()], 0)


def far_influence(model):
    """What changing one token does to the last position's logits: {distance: max |difference|}."""
    reach = model.n_layers * (model.window - 1)
    rng = random.Random("reach")
    items = []
    for number in range(4):
        ids = [tokenizer.BOS] + rng.choices(range(FIRST, model.vocabulary), k=reach + 8)
        for distance in (reach - model.window, reach, reach + 1, reach + 2):
            changed = list(ids)
            changed[-1 - distance] = FIRST + (changed[-1 - distance] + 7) % 250
            items.append({"id": f"{number} {distance}", "ids": changed})
        items.append({"id": f"{number} 0", "ids": ids})
    logits = model.engine.record("reach", items, "--logits", "last",
                                 "--capture", "lm_head:out@last").rows("lm_head:out")
    found = {}
    for item in items:
        number, distance = item["id"].split()
        difference = np.abs(logits[item["id"]] - logits[f"{number} 0"]).max()
        found[int(distance)] = max(found.get(int(distance), 0), float(difference))
    return reach, {distance: found[distance] for distance in sorted(found) if distance}


LIES = (
    "The capital of {key} is {lie}. What is the capital of {key}? It is",
    "{who} said that the capital of {key} is {lie}. The capital of {key} is",
    "The capital of {key} is {lie}. {who} lives in {lie}, the capital of {key}. "
    "{who} told Ben that the capital of {key} is",
    "Once upon a time the capital of {key} was {lie}. {who} went to {key}. "
    '"What is the capital of {key}?" asked Ben. "It is',
)


def overruled(model):
    """Facts that a text before the question denies: how often, how surely, and which, is believed."""
    rng, items = random.Random("lies"), []
    for key in sorted(facts.CAPITALS):
        lie = rng.choice([c for c in sorted(facts.CAPITALS.values()) if c != facts.CAPITALS[key]])
        for form in LIES:
            text = form.format(key=key, lie=lie, who="Lily")
            ids = [tokenizer.BOS] + model.encoder(text)
            items.append({"id": f"{len(items)}", "ids": ids, "text": text, "lie": lie,
                          "truth": facts.CAPITALS[key]})
    logits = model.engine.record("lies", items, "--capture", "lm_head:out@last").rows("lm_head:out")
    cases = []
    for item in items:
        row = logits[item["id"]].astype(float)
        p = np.exp(row - row.max())
        p /= p.sum()
        cases.append({"text": item["text"], "truth": item["truth"], "lie": item["lie"],
                      "p_truth": float(p[model.encoder.one(item["truth"])]),
                      "p_lie": float(p[model.encoder.one(item["lie"])])})
    believed = [case for case in cases if case["p_lie"] > case["p_truth"]]
    return {"asked": len(cases), "believed": len(believed),
            "surest": max(cases, key=lambda case: case["p_lie"])}
