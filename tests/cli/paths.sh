#!/bin/sh
# paths.sh -- what a path is that is no model or no recording: one sentence, and what to do.
. "$(dirname "$0")/lib.inc"
checkpoint plain --preset plain --layers 2
plain=$root/build/test-models/plain
cd "$work" || exit 2
unset HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE

# says WHAT FORMAT PATTERN: a file of these bytes is refused, whatever it is called: given as a model,
# as the weights and as a text of one, and as a recording.
says() {
	# shellcheck disable=SC2059
	printf "$2" >odd.safetensors
	refuses "$1 as a model" 2 "odd\.safetensors is $3" "$T" run -m odd.safetensors x
	rm -rf dir && mkdir dir && cp "$plain"/*.json dir
	cp odd.safetensors dir/model.safetensors
	refuses "$1 as weights" 2 "dir/model\.safetensors is $3" "$T" run -m dir x
	cp "$plain/model.safetensors" dir
	cp odd.safetensors dir/tokenizer.json
	refuses "$1 as a text" 2 "dir/tokenizer\.json is $3" "$T" run -m dir x
	cp odd.safetensors trace.db
	refuses "$1 as a recording" 2 "trace\.db is $3" "$T" query -t trace.db 'SELECT 1'
}

says "an LFS pointer" 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 269060552\n' 'a Git LFS pointer.*git lfs pull'
cp "$plain/tokenizer.json" dir
cp odd.safetensors dir/chat_template.jinja
refuses "an LFS pointer as a template" 2 'dir/chat_template\.jinja is a Git LFS pointer' "$T" run --chat -m dir x
: >dir/chat_template.jinja
refuses "an empty template" 2 'the prompt is empty' "$T" run --chat -m dir x
says "a git-annex pointer" '/annex/objects/SHA256E-s269060552--4d7a.bin\n' 'a git-annex pointer.*git annex get'
says "an HTML page" '\n <!DOCTYPE html>\n<html><title>Log in</title></html>\n' 'an HTML page.*logged in'
says "an HTML page in capitals" '\357\273\277<HTML><BODY>403</BODY></HTML>' 'an HTML page.*fetch the file again'
says "an error page" '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>' 'XML, as a server.*fetch the file again'
says "an answer" 'Entry not found' 'what a server said.*Entry not found.*fetch the file again'
says "an error in JSON" '{"error":"Repo model a/b is gated. You must be authenticated."}' 'what a server said.*fetch'
says "a GGUF" 'GGUF\003\000\000\000\000\000\000\000' 'a GGUF file'
says "a GGUF for other machines" 'FUGG\003\000\000\000\000\000\000\000' 'a GGUF file for big-endian machines'
says "a pickle" '\200\002}q\000X\001\000\000\000aq\001K\001s.' 'a Python pickle'
says "old PyTorch" '\200\002\212\nl\374\234F\371 j\250P\031.' 'a PyTorch file from before torch 1\.6'
says "NumPy's" '\223NUMPY\001\000v\000{}' 'a NumPy array'
says "HDF5" '\211HDF\r\n\032\n\000' 'an HDF5 file'
says "ONNX" '\010\010\022\007pytorch\032\0052.3.0:\000' 'an ONNX model'
says "gzip" '\037\213\010\000\000\000\000\000\000\003' 'compressed by gzip: unpack it'
head -c 4096 /dev/zero >odd.safetensors
refuses "a download that did not finish" 2 'nothing but zeros.*fetch' "$T" run -m odd.safetensors x
: >odd.safetensors
refuses "an empty model" 2 'odd\.safetensors is empty' "$T" run -m odd.safetensors x
: >dir/tokenizer.json
refuses "an empty text" 2 'dir/tokenizer\.json is empty' "$T" run -m dir x

python3 - <<'PY' || fail "archives could not be made"
import tarfile, zipfile
for name, member in ("torch.bin", "archive/data.pkl"), ("arrays.npz", "a.npy"), ("model.zip", "config.json"):
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr(member, "x")
with tarfile.open("model.tar", "w") as archive:
    archive.add("dir/config.json")
PY
refuses "PyTorch's zip" 2 'a PyTorch file.*export_mistral' "$T" info -m torch.bin
refuses "NumPy's zip" 2 'an \.npz file.*safetensors' "$T" info -m arrays.npz
refuses "a zip" 2 'a zip archive: unpack' "$T" info -m model.zip
refuses "a tar" 2 'a tar archive: unpack' "$T" info -m model.tar
refuses "a text of the model" 2 'JSON text: give the directory' "$T" run -m "$plain/config.json" x
refuses "the weights alone" 2 'no config: give the directory' "$T" run -m "$plain/model.safetensors" x

# A recording given as a model, a model given as a recording.
try "$T" trace -q -m "$plain" -o real.db abc
is "a recording" 0 "$status"
refuses "a recording as a model" 2 'an SQLite database.*-t' "$T" run -m real.db x
refuses "weights as a recording" 2 'a safetensors file: .*-m' "$T" query -t "$plain/model.safetensors" 'SELECT 1'
refuses "a model as a recording" 3 'a directory, not a recording: a model is given with -m' "$T" query -t "$plain" 'SELECT 1'
refuses "a config as a recording" 2 'JSON text: a recording is' "$T" debug -t "$plain/config.json" --batch -ex run

# Directories: what is there instead.
holds() { # WHAT PATTERN FILE...: a directory of these files, empty but for what stands in them
	what=$1 pattern=$2
	shift 2
	rm -rf d && mkdir d
	for f; do printf '{}' >"d/$f"; done
	refuses "$what" 2 "$pattern" "$T" run -m d x
}
holds "nothing" 'd is empty'
holds "Mistral's own" 'params\.json but no config\.json: use the Hugging Face' consolidated.safetensors params.json
holds "what is called GGUF" 'd/q4\.gguf is JSON text' q4.gguf README.md
holds "many GGUF" 'd holds several GGUF files: give one of them, d/q4\.gguf, d/q8\.gguf$' q8.gguf q4.gguf
holds "ONNX" 'model\.onnx but no config\.json.*safetensors' model.onnx
holds "PyTorch's" 'model\.pth but no config' model.pth
holds "MLX's arrays" 'weights\.npz but no config' weights.npz
holds "a checkpoint of training" 'last\.ckpt but no config' last.ckpt
holds "weights" 'x\.safetensors but no config.*config\.json' x.safetensors
holds "a tokenizer" 'a tokenizer alone.*tokenize' tokenizer.json
holds "tekken" 'tekken\.json but no config' tekken.json
holds "an archive" 'model\.tar\.gz but no config\.json: unpack it' model.tar.gz
holds "TensorFlow Lite's" 'model\.tflite but no config' model.tflite
holds "an adapter" 'd holds an adapter.*its base model.*merge' adapter_model.safetensors
printf '{"base_model_name_or_path":"org/base-7b","peft_type":"LORA"}' >d/adapter_config.json
refuses "an adapter of a model" 2 'adapter_config\.json.*org/base-7b: merge it' "$T" run -m d x
cp "$plain/config.json" d
refuses "an adapter with a config" 2 'org/base-7b: merge it' "$T" run -m d x

rm -rf d && mkdir d && cp "$plain/config.json" "$plain/model.safetensors" d
refuses "no tokenizer" 2 'd has no tokenizer\.json' "$T" run -m d x
touch d/vocab.json
refuses "half a tokenizer" 2 'd has no tokenizer\.json' "$T" run -m d x
touch d/merges.txt
refuses "GPT-2's files" 2 'vocab\.json and merges\.txt but no tokenizer\.json: save it' "$T" run -m d x
touch d/tekken.json
refuses "tekken.json" 2 'tekken\.json but no tokenizer\.json: take' "$T" run -m d x
touch d/tokenizer.model
refuses "SentencePiece" 2 'tokenizer\.model but no tokenizer\.json: save it' "$T" run -m d x
mv d/tokenizer.model d/tokenizer.model.v3 && rm d/tekken.json d/vocab.json
refuses "SentencePiece of a version" 2 'tokenizer\.model\.v3 but no tokenizer\.json: save it' "$T" run -m d x
ln -s nowhere d/tokenizer.json
refuses "a link to nothing" 2 'd/tokenizer\.json is a link to nowhere, which is not there' "$T" run -m d x
rm d/tokenizer.json && cp "$plain/tokenizer.json" d
for name in tokenizer_config.json special_tokens_map.json added_tokens.json generation_config.json chat_template.jinja; do
	ln -s nowhere "d/$name"
	refuses "a link to nothing, $name" 2 "d/$name is a link to nowhere, which is not there" "$T" run -m d x
	is "but not to who reads tokenizer.json alone" "1	<s>	" "$("$T" tokenize --raw -m d a | head -n 1)"
	rm "d/$name"
done
mv d/model.safetensors d/packed.zip
refuses "packed weights" 2 'packed\.zip but no model\.safetensors: unpack it' "$T" info --tensors -m d
mv d/packed.zip d/model.safetensors
mv d/model.safetensors d/weights.safetensors
refuses "another name" 2 'weights\.safetensors but no model\.safetensors.*rename' "$T" info --tensors -m d
mv d/weights.safetensors d/model-00001-of-00002.safetensors
refuses "shards without an index" 2 'index\.json of these shards' "$T" info --tensors -m d
mkdir e && cp -r "$plain" e/one && cp -r "$plain" e/two
refuses "a directory of models" 2 'e/one, e/two|e/two, e/one' "$T" run -m e x
mkdir f && mv e f/e
refuses "two levels too high" 2 'f/e/one, f/e/two|f/e/two, f/e/one' "$T" run -m f x
mv f/e e
for q in '"quantization_config":{"quant_method":"awq","bits":4}' '"quantization":{"group_size":64,"bits":4}'; do
	sed "1s/{/{$q,/" "$plain/config.json" >d/config.json
	refuses "quantized" 2 'quantized to 4 bits \((awq|MLX)\)' "$T" run -m d x
done

# The cache of the Hugging Face hub.
want=$("$T" run -q -n 4 -m "$plain" abc | od -c)
same() { # WHAT PATH
	is "$1" "$want" "$("$T" run -q -n 4 -m "$2" abc 2>"$err" | od -c)"
}
repo=hub/models--org--tiny-1B
mkdir -p $repo/snapshots $repo/refs $repo/blobs
refuses "no snapshot" 2 'holds no snapshot.*hf download' "$T" run -m $repo x
rmdir $repo/snapshots
refuses "no snapshots" 2 'holds no snapshot.*hf download' "$T" run -m $repo x
mkdir $repo/snapshots
cp -r "$plain" $repo/snapshots/aaa
for path in $repo $repo/ $repo/snapshots $repo/snapshots/aaa hub . "$PWD/$repo"; do
	[ "$path" = . ] && mkdir home && mv hub home/hub && path=home
	same "one snapshot, from $path" "$path"
	[ -d home ] && mv home/hub hub && rmdir home
done
is "its name" "model	tiny-1B" "$("$T" info -m $repo | head -n 1)"
(cd $repo/snapshots && same "from inside" .)
cp -r "$plain" $repo/snapshots/bbb
rm $repo/snapshots/bbb/model.safetensors
refuses "two snapshots" 2 "give one of them, $repo/snapshots/aaa, $repo/snapshots/bbb" "$T" run -m $repo x
printf 'aaa\n' >$repo/refs/main
same "refs/main decides" $repo
same "and from the snapshots" $repo/snapshots
same "and from the cache" hub
for ref in '../../../e' '' gone '/etc'; do
	printf '%s' "$ref" >$repo/refs/main
	refuses "refs/main is '$ref'" 2 "give one of them" "$T" run -m $repo x
done
rm -r $repo/snapshots/bbb
same "one is left" $repo
mkdir -p hub/models--org--other/snapshots hub/datasets--org--text/snapshots
refuses "two models" 2 'give one of them, hub/models--org--other, hub/models--org--tiny-1B' "$T" run -m hub x
refuses "a data set" 2 'a data set of the Hugging Face hub' "$T" run -m hub/datasets--org--text x

# A path that is not there: as any missing file, and what it may have meant.
refuses "a missing model" 3 'cannot open the model nowhere: No such file' "$T" run -m nowhere x
refuses "a missing model below a folder" 3 'cannot open the model e/three: No such file' "$T" run -m e/three x
refuses "a missing file" 3 'a/b\.safetensors: No such file' "$T" run -m a/b.safetensors x
refuses "an id of the hub" 3 'hf download org/Tiny-2B --local-dir Tiny-2B.*-m Tiny-2B$' "$T" run -m org/Tiny-2B x
refuses "an address" 3 'hf download org/Tiny-2B' "$T" run -m https://huggingface.co/org/Tiny-2B/tree/main x
refuses "another address" 3 'it is an address, and torchless downloads nothing' "$T" run -m https://example.org/m.gguf x
refuses "an id with a revision" 3 'hf download org/Tiny-2B --local-dir' "$T" run -m org/Tiny-2B@main x
refuses "an id with a file" 3 'hf download org/Tiny-2B --local-dir' "$T" run -m hf.co/org/Tiny-2B:Q4_K_M x
refuses "git's address" 3 'hf download org/Tiny-2B' "$T" run -m git@hf.co:org/Tiny-2B.git x
refuses "an address of a file" 3 'give the path alone, /m/x' "$T" run -m file:///m/x x
mkdir -p .cache/huggingface && mv hub .cache/huggingface/hub
refuses "what the cache has" 3 'the cache of the Hugging Face hub has org/tiny-1B, which -m .*models--org--tiny-1B opens' "$T" run -m org/tiny-1B x
unset XDG_CACHE_HOME
refuses "at home" 3 'which -m .*models--org--tiny-1B opens' "$T" run -m org/tiny-1B x
same "as it says" "$(sed 's/.*-m \(.*\) opens/\1/' "$err")"
finish
