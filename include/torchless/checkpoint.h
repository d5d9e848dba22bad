/*
 * checkpoint.h -- a model on disk: a Hugging Face directory, one packed file, or GGUF.
 *
 * A directory holds config.json, tokenizer.json, tokenizer_config.json, generation_config.json and
 * model.safetensors, or shards named by model.safetensors.index.json, and may hold
 * chat_template.jinja.  A packed file (made by scripts/export_mistral.py) is a .safetensors whose
 * __metadata__ carries those texts under their names.  Of a GGUF file (or its parts, or a directory
 * that holds one) the texts are made of its keys: see gguf.h.  Either way weights are used where
 * they lie in the mapping, but q and k of GGUF, which are copied in another order.  Tensors have
 * the names of the ...ForCausalLM class, whatever their files call them: see weight_names.def.
 */
#ifndef TORCHLESS_CHECKPOINT_H
#define TORCHLESS_CHECKPOINT_H

#include "torchless/config.h"
#include "torchless/tensor_file.h"

/* What to open: `tokenize` needs no weights, `info --config` no tokenizer. */
enum checkpoint_parts {
	CHECKPOINT_CONFIG = 1,
	CHECKPOINT_WEIGHTS = 2,
	CHECKPOINT_TOKENIZER = 4,
	CHECKPOINT_ALL = 7,
	CHECKPOINT_RAW = 8, /* the tokenizer is what tokenizer.json alone says */
};

/*
 * A file that holds a chat template and nothing else, which goes before tokenizer_config.json.
 * Without `text` there are such files but none is the default one: `others` names them.
 */
struct chat_file {
	char *name; /* in the directory, or the key in __metadata__; NULL: there is none */
	char *text; /* any bytes, followed by a NUL */
	size_t len;
	char *others; /* "rag.jinja, tool_use.jinja", for people */
};

struct checkpoint {
	char *path;     /* as given, or the snapshot that was found there */
	bool is_packed; /* one file (or the parts of one), not a directory */
	bool is_gguf;
	struct config config;
	char *config_json;    /* the text, for the recording */
	char *tokenizer_json; /* the text (NUL-terminated); NULL when not asked for */
	size_t tokenizer_json_len;
	char *tokenizer_config_json; /* NULL when absent; so are the next two */
	char *special_tokens_map_json, *added_tokens_json;
	struct chat_file chat; /* read with the tokenizer */
	struct tensor_file *files;
	int n_files;
	int64_t n_params;        /* elements of all weights, tied ones once */
	int64_t weight_bytes;    /* of all weights */
	enum dtype weight_dtype; /* of most elements */
	int64_t copied_bytes;    /* of weights that lie in memory in another order (gguf.h) */
};

/*
 * Open the parts asked for (on failure nothing is left to close).  A folder of the Hugging Face
 * hub's cache is opened at its snapshot, where there is one to take.
 * ERR_IO when there is no such file or it cannot be read, ERR_USAGE when there is a choice to make,
 * ERR_FORMAT otherwise, with what the file or directory seems to be. Errors name the file, the
 * tensor or key, what was found and what was expected; a shard name that leaves the directory is
 * refused.
 */
int checkpoint_open(struct checkpoint *ck, const char *path, unsigned parts, struct err *err);
void checkpoint_close(struct checkpoint *ck);

/* The tensor called `name` and the file it is in (may be NULL); NULL when absent. */
const struct file_tensor *checkpoint_find(const struct checkpoint *ck, const char *name,
					  const struct tensor_file **file);

/* ERR_FORMAT: there is no tensor `name`, which is said with the name that GGUF has for it. */
int checkpoint_lacks(const struct checkpoint *ck, const char *name, struct err *err);

/*
 * Whether the tensor takes part in the model: not a head that is tied to the embeddings, and not
 * the inverse frequencies that old checkpoints store beside the config they follow from.
 */
bool checkpoint_is_weight(const struct checkpoint *ck, const struct file_tensor *t);

/*
 * The first weight (in name order) that holds NaN or infinity: its name, or NULL.  Reads every
 * weight once, with the pool, and remembers the answer as checkpoint_hash() does.
 */
struct threads;
const char *checkpoint_first_bad_weight(const struct checkpoint *ck, struct threads *pool);

/*
 * XXH3-128 over names, dtypes, shapes and data (in slices of 4 MiB, each hashed by itself) of all
 * weights in name order, so that a packed file and its directory agree.  Remembered under the
 * user's cache directory by device, inode, size and mtime of every file (hashing 14.5 GB takes
 * seconds).  Returns 0, or ERR_IO when a file was changed meanwhile.
 */
int checkpoint_hash(const struct checkpoint *ck, struct threads *pool, uint8_t hash[16],
		    struct err *err);

/* XXH3-128 of the bytes of its tokenizer.json, which must be open. */
void checkpoint_tokenizer_hash(const struct checkpoint *ck, uint8_t hash[16]);

#endif
