#!/usr/bin/env python3
"""Hold a graph's dot text, the SVG that Graphviz makes of it, and its JSON against each other.

	graph_svg.py GRAPH.dot GRAPH.json

What must hold whatever the names in it are: ids are unique, the same in all three, edges join nodes
that are there, each thing is a link to its own id with its tooltip, dot says nothing on stderr, and the
SVG is XML of elements that Graphviz draws with.  Prints the width and the number of nodes.
"""
import json
import os
import re
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}"
DRAWN = {"svg", "g", "title", "a", "path", "polygon", "polyline", "ellipse", "text", "defs",
         "linearGradient", "stop"}


def words(text):
    return " ".join((text or "").split())


def check_json(graph):
    parts = [(kind, thing) for kind in ("nodes", "edges", "clusters") for thing in graph[kind]]
    ids = {}
    for kind, thing in parts:
        assert thing["id"] not in ids, f"two things are called {thing['id']!r}"
        ids[thing["id"]] = (kind[:-1], thing)
    nodes = {n["id"] for n in graph["nodes"]}
    clusters = {c["id"] for c in graph["clusters"]}
    for e in graph["edges"]:
        assert e["from"] in nodes and e["to"] in nodes, f"an edge to nowhere: {e}"
        assert e["id"] == f"{e['from']}->{e['to']}", e
    for n in graph["nodes"]:
        assert n["cluster"] is None or n["cluster"] in clusters, n
        assert n["tooltip"] and n["name"] is not None, n
    for c in graph["clusters"]:
        assert c["parent"] is None or c["parent"] in clusters, c
    return ids


def check_svg(svg, ids):
    root = ET.fromstring(svg)
    drawn = {}
    for element in root.iter():
        assert element.tag.startswith(SVG), element.tag
        assert element.tag[len(SVG):] in DRAWN, f"an element of no drawing: {element.tag}"
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (name, value)
            if name.endswith("href"):
                assert value.startswith("#"), f"a link elsewhere: {value}"
    for g in root.iter(SVG + "g"):
        if g.get("class", "").split(" ")[0] in ("node", "edge", "cluster"):
            assert g.get("id") not in drawn, f"drawn twice: {g.get('id')!r}"
            drawn[g.get("id")] = g
    assert drawn.keys() == ids.keys(), (f"only in the SVG: {sorted(drawn.keys() - ids.keys())}; "
                                        f"only in the JSON: {sorted(ids.keys() - drawn.keys())}")
    for name, (kind, thing) in ids.items():
        g = drawn[name]
        assert g.get("class").split(" ")[0] == kind, (name, g.get("class"))
        link = g.find(f".//{SVG}a")
        assert link is not None, f"{name} is no link"
        assert urllib.parse.unquote(link.get(LINK + "href")[1:]) == name, link.attrib
        assert words(link.get(LINK + "title")).startswith(words(thing["tooltip"])), (
            name, link.get(LINK + "title"), thing["tooltip"])
    return root


def main():
    with open(sys.argv[1], "rb") as f:
        dot = f.read()
    with open(sys.argv[2], encoding="utf-8") as f:
        graph = json.load(f)
    for line in dot.decode().split("\n"):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), line
    ids = check_json(graph)
    run = subprocess.run([os.environ.get("TORCHLESS_DOT", "dot"), "-Tsvg"], input=dot,
                         capture_output=True, timeout=300, check=False)
    assert run.returncode == 0 and not run.stderr, run.stderr.decode(errors="replace")
    root = check_svg(run.stdout, ids)
    print(round(float(root.get("width").removesuffix("pt"))), len(graph["nodes"]))


main()
