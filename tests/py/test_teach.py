"""Tests of the scripts that make the teaching model, and of the model that ships.

The text and the tokenizer must follow from the seed alone, byte for byte; what is tested must not
occur in the text; and what lies in lessons/model must be what its records say.
"""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
MODEL = os.path.join(ROOT, "lessons", "model")
sys.path.insert(0, SCRIPTS)

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from teach import batches, circuits, grammar, items, mixture, tokenizer  # noqa: E402
from teach.evaluate import Subject, accuracy  # noqa: E402
from teach.grammar import facts, world  # noqa: E402
from teach.model import Config, Model, attention_mask  # noqa: E402

# sha256 of what a seed must give.  Whoever changes the grammar changes these, and has to train
# again: the model in lessons/model is of this text.
TEXT_HASH = "3809d3924b12b70b279e3e2b5b2b997251e29e4a0468acfc317135be974268b5"
ITEMS_HASH = "d68383367cc9973e602a7243d11ef53241b66d7f893884de03f5a27323f5e874"


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def read(name):
    with open(os.path.join(MODEL, name), "rb") as file:
        return file.read()


def documents(count, seed="slice"):
    rng = random.Random(seed)
    return [grammar.document(rng, mixture.TEXT) for _ in range(count)]


class Text(unittest.TestCase):
    def test_a_seed_gives_the_same_text(self):
        self.assertEqual(sha256("\n".join(documents(2000))), TEXT_HASH)

    def test_the_rows_of_a_step_depend_on_seed_and_step_alone(self):
        encoder = tokenizer.load(os.path.join(MODEL, "tokenizer.json"))

        def row(seed, step):
            rng = batches.generator(seed, "text", step)
            return batches.text_row(rng, encoder, lambda r: grammar.document(r, mixture.TEXT), 193).ids
        self.assertEqual(row(0, 7), row(0, 7))
        self.assertNotEqual(row(0, 7), row(0, 8))
        self.assertNotEqual(row(0, 7), row(1, 7))

    def test_every_answer_is_marked_in_pairs(self):
        for text in documents(2000):
            self.assertEqual(text.count("|") % 2, 0, text)

    def test_held_out_pairs_of_object_and_place_are_in_no_lookup(self):
        pair = re.compile(r"(\w+) (?:is |was )?(?:%s) the (\w+)" % "|".join(world.PREPOSITIONS))
        rng = random.Random("pairs")
        for _ in range(4000):
            text = rng.choice((
                grammar.lookup.document, grammar.lookup.far, grammar.lookup.drill))(rng).replace("|", "")
            for thing, place in pair.findall(text):
                if thing in world.OBJECTS and place in world.PLACES:
                    self.assertFalse(world.held_out("lookup", thing, place), text)

    def test_new_names_are_never_given_anything(self):
        rng = random.Random("names")
        for _ in range(4000):
            words = set(re.findall(r"\w+", grammar.giving.document(rng)))
            self.assertFalse(words & set(world.NEW_NAMES))

    def test_no_item_is_part_of_the_text(self):
        encoder = tokenizer.load(os.path.join(MODEL, "tokenizer.json"))
        asked = {item["text"] for item in items.items(encoder)
                 if item["text"] and item["behaviour"] in (
                     "add", "subtract", "agreement", "copy-rare", "capital-story")}
        rng = random.Random("overlap")
        for kind in ("numbers", "syntax", "copying", "capital"):
            for _ in range(3000):
                text = grammar.KINDS[kind](rng).replace("|", "")
                self.assertFalse(any(text[:n] in asked for n in range(8, len(text))), text)


class Tokenizer(unittest.TestCase):
    def test_training_gives_the_file_that_ships(self):
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([sys.executable, os.path.join(SCRIPTS, "teach", "tokenizer.py"),
                            "-o", directory], check=True)
            with open(os.path.join(directory, "tokenizer.json"), "rb") as file:
                self.assertEqual(sha256(file.read()), sha256(read("tokenizer.json")))

    def test_the_library_gives_the_same_ids(self):
        encoder, library = tokenizer.load(os.path.join(MODEL, "tokenizer.json")), \
            AutoTokenizer.from_pretrained(MODEL)
        for text in [text.replace("|", "") for text in documents(500)] + ["é 你🎈", "Zq  12\n"]:
            self.assertEqual([tokenizer.BOS] + encoder(text), library(text)["input_ids"])

    def test_every_answer_is_one_token(self):
        encoder = tokenizer.load(os.path.join(MODEL, "tokenizer.json"))
        words = [w for table, _, _ in facts.FAMILIES.values() for pair in table.items() for w in pair]
        words += world.NAMES + world.NEW_NAMES + world.OBJECTS + world.PLACES + world.ITEMS
        words += world.NUMBERS + world.PREPOSITIONS + ["has", "have", "is", "are", "was", "were"]
        for word in words:
            self.assertEqual(len(encoder(word)), 1, word)

    def test_every_answer_but_copies_is_one_token(self):
        for item in items.items(tokenizer.load(os.path.join(MODEL, "tokenizer.json"))):
            if not item["behaviour"].startswith("copy-"):
                self.assertEqual(len(item["predict"]), 1, item)


class Items(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.items = list(items.items(tokenizer.load(os.path.join(MODEL, "tokenizer.json"))))

    def test_items_are_always_the_same(self):
        self.assertEqual(sha256(json.dumps(self.items, ensure_ascii=False)), ITEMS_HASH)

    def test_every_behaviour_has_items_and_a_bound(self):
        self.assertEqual({item["behaviour"] for item in self.items}, set(items.BOUNDS))

    def test_positions_lie_within_the_ids(self):
        for item in self.items:
            self.assertEqual(item["ids"][0], tokenizer.BOS)
            self.assertTrue(item["predict"])
            self.assertTrue(all(0 <= p < len(item["ids"]) - 1 for p in item["predict"]))
            self.assertLess(len(item["ids"]), Config().context)


class Training(unittest.TestCase):
    """The training itself, all its stages, a few steps each."""

    # train.py with less to do; with a number, it kills itself a step after so many saves.
    SHORT = """
import dataclasses, os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
saves = int(sys.argv.pop(1))
from teach import probes, train
train.STAGES = tuple(dataclasses.replace(stage, steps=steps, rows=4, length=32)
                     for stage, steps in zip(train.STAGES, (5, 2, 2, 4)))
probes.line = lambda *_: ""
step, save, saved = train.train_step, train.Run.save, []
def counted_save(run, *name):
    save(run, *name)
    saved.append(name)
def deadly_step(run):
    if saves and len(saved) >= saves:
        step(run)
        os.kill(os.getpid(), signal.SIGKILL)
    return step(run)
train.Run.save, train.train_step = counted_save, deadly_step
train.main()
"""

    def train(self, directory, saves=0):
        """Exit status of one process."""
        one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-c", self.SHORT, SCRIPTS, str(saves), "-o", directory, "--tokenizer",
             os.path.join(MODEL, "tokenizer.json"), "--seed", "3", "--probe", "3", "--every", "2"],
            env=os.environ | one, stdout=subprocess.DEVNULL, check=False).returncode

    def test_what_was_killed_and_continued_equals_what_never_was(self):
        with tempfile.TemporaryDirectory() as directory:
            whole, broken = (os.path.join(directory, name) for name in ("whole", "broken"))
            self.assertEqual(self.train(whole), 0)
            deaths = 0
            while status := self.train(broken, 2):
                self.assertEqual(status, -signal.SIGKILL)
                deaths += 1
                self.assertLess(deaths, 9)
            self.assertGreaterEqual(deaths, 2)
            a, b = (torch.load(os.path.join(name, "state.pt"))["model"] for name in (whole, broken))
            start = Model(Config()).state_dict()
            for name, tensor in a.items():
                self.assertTrue(torch.equal(tensor, b[name]), name)
                self.assertFalse(torch.equal(tensor, start[name]), name)


class Shipped(unittest.TestCase):
    def test_configuration_is_what_lessons_need(self):
        config = json.loads(read("config.json"))
        self.assertEqual(config["architectures"], ["MistralForCausalLM"])
        self.assertGreaterEqual(config["num_hidden_layers"], 4)
        self.assertLess(1, config["num_key_value_heads"])
        self.assertLess(config["num_key_value_heads"], config["num_attention_heads"])
        self.assertLess(config["sliding_window"], config["max_position_embeddings"])
        self.assertEqual(config, Config().hugging_face())

    def test_hugging_face_loads_all_of_it_and_nothing_else(self):
        model, info = AutoModelForCausalLM.from_pretrained(MODEL, output_loading_info=True)
        self.assertEqual({name: list(found) for name, found in info.items()},
                         dict.fromkeys(info, []))
        self.assertEqual(type(model).__name__, "MistralForCausalLM")
        self.assertEqual({str(t.dtype) for t in load_file(
            os.path.join(MODEL, "model.safetensors")).values()}, {"torch.bfloat16"})
        encoder = AutoTokenizer.from_pretrained(MODEL)
        self.assertTrue(encoder.is_fast)
        self.assertEqual((encoder.bos_token_id, encoder.eos_token_id, len(encoder)),
                         (tokenizer.BOS, tokenizer.EOS, model.config.vocab_size))

    def test_files_are_those_of_the_record(self):
        for name, digest in json.loads(read("evaluation.json"))["sha256"].items():
            self.assertEqual(sha256(read(name)), digest, name)

    def test_the_directory_is_small(self):
        total = sum(os.path.getsize(os.path.join(MODEL, name)) for name in os.listdir(MODEL))
        self.assertLess(total, 3 * 1000 * 1000)

    def test_training_code_and_transformers_compute_the_same(self):
        theirs = AutoModelForCausalLM.from_pretrained(
            MODEL, torch_dtype=torch.float32, attn_implementation="eager")
        ours = Model(Config())
        ours.load_state_dict(theirs.state_dict())
        ids = torch.tensor(circuits.repeated(2, period=60))
        with torch.no_grad():
            difference = theirs(ids).logits - ours(ids, attention_mask(ids.shape[1], 64))
        self.assertLess(float(difference.abs().max()), 1e-3)

    def test_the_record_keeps_every_bound(self):
        record = json.loads(read("evaluation.json"))
        self.assertEqual(record["misses"], [])

    def test_accuracy_is_what_the_record_says(self):
        subject = Subject(MODEL)
        chosen = [item for item in items.items(subject.encoder)
                  if item["behaviour"] in ("facts", "lookup-2-same", "induction")]
        record = json.loads(read("evaluation.json"))["accuracy"]
        for name, share in accuracy(subject, chosen).items():
            self.assertAlmostEqual(share, record[name], delta=0.02)

    def test_card_is_generated_from_the_record(self):
        done = subprocess.run([sys.executable, os.path.join(SCRIPTS, "teach", "card.py"), MODEL],
                              stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(done.stdout, read("README.md").decode())


if __name__ == "__main__":
    unittest.main()
