// trace_processor.cjs -- Perfetto's trace processor behind a pipe: its RPC comes in on stdin, answers go out on stdout.
//
//   node trace_processor.cjs FOLDER       the folder of Perfetto's viewer, with engine_bundle.js and trace_processor*.wasm
//
// The bundle is a worker of a browser: it is given what it asks of one (its script's address, a way to read the
// WebAssembly beside it, a port), and nothing of Node.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const folder = process.argv[2];
const bundle = path.join(folder, "engine_bundle.js");

class XMLHttpRequest {
	open(method, url) {
		this.url = url;
	}
	send() {
		const bytes = fs.readFileSync(path.join(folder, path.basename(this.url)));
		this.status = 200;
		this.response = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
	}
}

const say = (message) => process.stderr.write(`${message}\n`);
const worker = {
	self: { location: { href: "file:///engine_bundle.js" } },
	WorkerGlobalScope: class {},
	console: { log() {}, warn: say, error: say },
	importScripts() {},
	XMLHttpRequest, Uint8Array, TextDecoder, TextEncoder, URL, performance, setTimeout, clearTimeout,
	crypto: globalThis.crypto,
};
worker.globalThis = worker;
vm.createContext(worker);
try {
	vm.runInContext(fs.readFileSync(bundle, "utf8"), worker, { filename: bundle });
} catch (error) {
	say(error.message); // without the line of the bundle, which is all of it
	process.exit(1);
}

function write(bytes) {
	for (let at = 0; at < bytes.length;) {
		try {
			at += fs.writeSync(1, bytes, at);
		} catch (error) {
			if (error.code !== "EAGAIN") throw error;
		}
	}
}

const port = { postMessage: write };
worker.self.onmessage({ data: port });
process.on("uncaughtException", (error) => {
	say(error.message);
	process.exit(1);
});
process.stdin.on("data", (bytes) => port.onmessage({ data: new Uint8Array(bytes) }));
