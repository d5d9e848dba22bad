// test_viz.mjs -- every kind of graph of the teaching model, laid out by the dot that is installed and by
// a current Graphviz: neither warns, and both pictures have the ids and links that `graph --json` names.
//
//   node tests/viz/test_viz.mjs TORCHLESS      (make viz)
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { instance } from "@viz-js/viz";

const torchless = resolve(process.argv[2] ?? "./torchless");
const folder = mkdtempSync(join(tmpdir(), "torchless-viz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let failures = 0;
function fail(what, shown) {
  failures++;
  console.log(`test_viz.mjs: ${what}: ${String(shown).slice(0, 600)}`);
}

function run(command, args, input) {
  const done = spawnSync(command, args, { input, encoding: "utf8", maxBuffer: 1 << 28, cwd: folder });
  if (done.error) throw done.error;
  return done;
}

function graph(...args) {
  const done = run(torchless, ["graph", ...args]);
  if (done.status !== 0 || done.stderr !== "") fail(`torchless graph ${args.join(" ")} (${done.status})`, done.stderr);
  return done.stdout;
}

const entities = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
const plain = (s) => s.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (all, dec, hex, name) =>
  dec ? String.fromCodePoint(dec) : hex ? String.fromCodePoint(parseInt(hex, 16)) : entities[name] ?? all);

// The values of an attribute; those of the elements that Graphviz makes for itself are its own business.
function values(svg, element, attribute) {
  const found = new Set();
  for (const [tag] of svg.matchAll(new RegExp(`<${element}\\b[^>]*>`, "g"))) {
    const value = new RegExp(`\\s${attribute}="([^"]*)"`).exec(tag);
    if (value) found.add(plain(value[1]));
  }
  return found;
}

function same(what, a, b) {
  const only = (x, y) => [...x].filter((v) => !y.has(v));
  const left = only(a, b), right = only(b, a);
  if (left.length || right.length) fail(`${what} differ`, `dot only: ${left.slice(0, 5)}; current only: ${right.slice(0, 5)}`);
}

// The build for the web has no fonts and guesses the width of what is not ASCII: that is about it, not about the graph.
const about_fonts = /^Warning: no (hard-coded metrics for|value for width of non-ASCII character)/;

function check(viz, what, args) {
  const text = graph(...args);
  if (text === "") return;
  const installed = run("dot", ["-Tsvg"], text);
  if (installed.status !== 0 || installed.stderr !== "") fail(`${what}: dot (${installed.status})`, installed.stderr);
  const current = viz.render(text, { format: "svg" });
  const said = current.errors.filter((e) => !about_fonts.test(e.message));
  if (current.status !== "success" || said.length) fail(`${what}: Graphviz ${viz.graphvizVersion}`, JSON.stringify(said));
  if (installed.status !== 0 || current.status !== "success") return;

  const ids = values(installed.stdout, "g", "id");
  same(`${what}: ids`, ids, values(current.output, "g", "id"));
  same(`${what}: links`, values(installed.stdout, "a", "xlink:href"), values(current.output, "a", "xlink:href"));
  same(`${what}: tooltips`, values(installed.stdout, "a", "xlink:title"), values(current.output, "a", "xlink:title"));
  const json = JSON.parse(graph(...args, "--json"));
  const named = [...json.nodes, ...json.edges, ...json.clusters].map((x) => x.id);
  const missing = named.filter((id) => !ids.has(id));
  if (!named.length || missing.length) fail(`${what}: ids of --json that the picture lacks`, missing.slice(0, 5));
}

const viz = await instance();
const recorded = run(torchless, ["trace", "-q", "-o", "t.db", "-n", "2", "Once upon a time"]);
const other = run(torchless, ["trace", "-q", "-o", "o.db", "-n", "2", "--zero", "L1.attn.z[head=0]", "Once upon a time"]);
if (recorded.status !== 0 || other.status !== 0) fail("trace", recorded.stderr + other.stderr);
const levels = ["model", "module", "op"].map((level) => ["--level", level]);
const parts = [[], ["--expand", "1"], ["--expand", "all"], ["--collapse", "*.self_attn"], ["--module", "model.layers.1.self_attn"], ["--module", "model.layers.2"]];
const sources = [[], ["-t", "t.db"], ...["time", "l2", "absmax", "bytes"].map((by) => ["-t", "t.db", "--color-by", by])];
let graphs = 0;
for (const level of levels)
  for (const part of parts)
    for (const source of part.length ? sources.slice(0, 2) : sources) {
      const args = [...level, ...part, ...source];
      check(viz, args.join(" "), args);
      graphs++;
    }
for (const level of levels) {
  const args = [...level, "--diff", "t.db", "o.db"];
  check(viz, args.join(" "), args);
  graphs++;
}
console.log(`${graphs} graphs by dot and by Graphviz ${viz.graphvizVersion}`);
process.exitCode = failures ? 1 : 0;
