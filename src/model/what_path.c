/*
 * what_path.c -- what a directory seems to be that lacks a file of a model, and what a path that
 * does not exist may have meant.
 *
 * Tables again: a file that is there instead, and what to do.  The first line that fits speaks.
 */
#include "what_path.h"

#include "torchless/json.h"
#include "torchless/what_is.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NAMED         6
#define MAX_ADAPTER_BYTES ((size_t)1 << 20)

/* A file that is there instead of the one that was looked for. */
struct instead {
	const char *pattern; /* of its name, or two that must both be there, "a+b" */
	const char *remedy;
};

#define USE_HUGGING_FACE "use the Hugging Face files of this model"
#define USE_SAFETENSORS  "use the safetensors files of this model"
#define ADD_CONFIG       "put the config.json of the model beside it"
#define SAVE_TOKENIZER                                                                             \
	"save it with transformers' AutoTokenizer.from_pretrained() and save_pretrained(), which " \
	"writes a tokenizer.json"

/* clang-format off */
#define OTHER_FORMATS                                                                              \
	{ "*.tflite", USE_SAFETENSORS },                                                           \
	{ "*.ot", USE_SAFETENSORS },                                                               \
	{ "*.nemo", USE_SAFETENSORS },                                                             \
	{ "*.pkl", USE_SAFETENSORS },                                                              \
	{ "*.llamafile", USE_SAFETENSORS }
#define ARCHIVES(remedy)                                                                           \
	{ "*.zip", remedy },                                                                       \
	{ "*.tar", remedy },                                                                       \
	{ "*.tgz", remedy },                                                                       \
	{ "*.gz", remedy },                                                                        \
	{ "*.bz2", remedy },                                                                       \
	{ "*.xz", remedy },                                                                        \
	{ "*.zst", remedy },                                                                       \
	{ "*.7z", remedy },                                                                        \
	{ "*.rar", remedy }
/* clang-format on */

static const struct instead instead_of_config[] = {
	{ "params.json", USE_HUGGING_FACE },
	{ "consolidated*.safetensors", USE_HUGGING_FACE },
	{ "consolidated*.pth", USE_HUGGING_FACE },
	{ "model_index.json", "a pipeline of diffusers is no language model" },
	{ "mlc-chat-config.json", "what MLC compiled is not read, " USE_SAFETENSORS },
	{ "*.onnx", USE_SAFETENSORS },
	{ "onnx", USE_SAFETENSORS },
	{ "*.mlpackage", USE_SAFETENSORS },
	{ "*.npz", USE_SAFETENSORS },
	{ "*.safetensors", ADD_CONFIG },
	{ "pytorch_model*.bin", ADD_CONFIG
	  ", and pack both with `scripts/export_mistral.py FOLDER -o model.safetensors`" },
	{ "*.bin", ADD_CONFIG
	  ", and pack both with `scripts/export_mistral.py FOLDER -o model.safetensors`" },
	{ "*.pth", USE_SAFETENSORS },
	{ "*.pt", USE_SAFETENSORS },
	{ "*.ckpt", USE_SAFETENSORS },
	{ "*.h5", USE_SAFETENSORS },
	{ "*.msgpack", USE_SAFETENSORS },
	OTHER_FORMATS,
	ARCHIVES("unpack it and give the directory"),
	{ "tokenizer.json", "a tokenizer alone is enough for `torchless tokenize` only" },
	{ "tekken.json", USE_HUGGING_FACE },
	{ "*.db", "a recording is given with -t" },
};

static const struct instead instead_of_weights[] = {
	{ "pytorch_model*.bin",
	  "convert them with `scripts/export_mistral.py FOLDER -o model.safetensors`" },
	{ "consolidated*.safetensors", "Mistral's own layout is not read, " USE_HUGGING_FACE },
	{ "model-*-of-*.safetensors", "fetch the model.safetensors.index.json of these shards" },
	{ "*.safetensors", "only this name is looked for, as transformers does: rename the file" },
	{ "*.bin",
	  "call it pytorch_model.bin and convert it with `scripts/export_mistral.py FOLDER -o model.safetensors`" },
	{ "*.pth",
	  "call it pytorch_model.bin and convert it with `scripts/export_mistral.py FOLDER -o model.safetensors`" },
	{ "*.pt",
	  "call it pytorch_model.bin and convert it with `scripts/export_mistral.py FOLDER -o model.safetensors`" },
	{ "*.ckpt", USE_SAFETENSORS },
	{ "*.onnx", USE_SAFETENSORS },
	{ "onnx", USE_SAFETENSORS },
	{ "*.h5", USE_SAFETENSORS },
	{ "*.msgpack", USE_SAFETENSORS },
	{ "*.npz", USE_SAFETENSORS },
	OTHER_FORMATS,
	ARCHIVES("unpack it"),
	{ "*.incomplete", "its download did not finish, fetch it again" },
};

static const struct instead instead_of_tokenizer[] = {
	{ "tokenizer.model", SAVE_TOKENIZER },
	{ "tekken.json",
	  "take the tokenizer.json of the Hugging Face files of this model, which has the same tokens" },
	{ "vocab.json+merges.txt", SAVE_TOKENIZER },
	{ "*.model", SAVE_TOKENIZER },
	{ "*.model.v*", SAVE_TOKENIZER },
	{ "*.tiktoken", SAVE_TOKENIZER },
	{ "tokenizer.json.*", "unpack it" },
	{ "vocab.txt", "a WordPiece tokenizer is not supported" },
};

/* ---- what is there ------------------------------------------------------------------------- */

/* The name in `dir` that matches, the first in their order, appended to *name; false when none. */
static bool find_match(const char *dir, const char *pattern, size_t len, struct text *name)
{
	char wanted[64];
	DIR *d = opendir(dir);
	const struct dirent *entry;
	size_t start = name->len;
	bool found = false;

	memcpy(wanted, pattern, len);
	wanted[len] = '\0';
	while (d && (entry = readdir(d))) {
		if (fnmatch(wanted, entry->d_name, FNM_PERIOD) != 0 ||
		    (found && strcmp(entry->d_name, name->data + start) >= 0))
			continue;
		name->len = start;
		text_adds(name, entry->d_name);
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}

static bool matches(const char *dir, const char *pattern, struct text *names)
{
	const char *plus = strchr(pattern, '+');
	size_t first = plus ? (size_t)(plus - pattern) : strlen(pattern);

	if (!find_match(dir, pattern, first, names))
		return false;
	if (!plus)
		return true;
	text_adds(names, " and ");
	return find_match(dir, plus + 1, strlen(plus + 1), names);
}

static int refuse(const char *dir, const char *names, const char *lacks, const char *remedy,
		  struct err *err)
{
	struct text path = { 0 }, what = { 0 };

	text_addf(&path, "%s/%s", dir, names);
	what_is_add_remedy(&what, remedy, path.data);
	err_set(err, ERR_FORMAT, "%s has %s but no %s: %s", dir, names, lacks, what.data);
	text_release(&path);
	text_release(&what);
	return err->code;
}

/* ERR_FORMAT by the first line that fits, 0 when none does. */
static int by_table(const char *dir, const char *lacks, const struct instead *table, size_t n,
		    struct err *err)
{
	struct text names = { 0 };
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		text_clear(&names);
		if (matches(dir, table[i].pattern, &names))
			rc = refuse(dir, names.data, lacks, table[i].remedy, err);
	}
	text_release(&names);
	return rc;
}
#define BY_TABLE(dir, lacks, table, err)                                                           \
	by_table(dir, lacks, table, sizeof(table) / sizeof(*(table)), err)

/* ---- an adapter, a link, directories --------------------------------------------------------- */

static int adapter(const char *dir, struct err *err)
{
	struct text name = { 0 }, path = { 0 };
	struct err ignored;
	bool found = !matches(dir, "model.safetensors*", &name) &&
		     (matches(dir, "adapter_config.json", &name) ||
		      matches(dir, "adapter_model.*", &name));
	cJSON *config = NULL;
	const char *base = NULL;

	text_addf(&path, "%s/adapter_config.json", dir);
	if (found)
		config = json_parse_file(path.data, MAX_ADAPTER_BYTES, &ignored);
	base = cJSON_GetStringValue(json_get(config, "base_model_name_or_path"));
	if (found)
		err_set(err, ERR_FORMAT,
			"%s holds an adapter (%s), which changes another model, %.200s: merge it into "
			"that one (peft's merge_and_unload()), save the result and give its directory",
			dir, name.data, base ? base : "its base model");
	cJSON_Delete(config);
	text_release(&name);
	text_release(&path);
	return found ? err->code : 0;
}

int what_dangles(const char *dir, const char *name, struct err *err)
{
	struct text path = { 0 };
	char target[256];
	ssize_t n;
	int rc = 0;

	text_addf(&path, "%s/%s", dir, name);
	n = readlink(path.data, target, sizeof(target) - 1);
	if (n > 0 && access(path.data, F_OK) != 0 && errno == ENOENT) {
		target[n] = '\0';
		rc = err_set(err, ERR_FORMAT,
			     "%s is a link to %s, which is not there: fetch it again", path.data,
			     target);
	}
	text_release(&path);
	return rc;
}

/* The directories of models that are found, as a list for people. */
struct inside {
	struct text list;
	int n, n_entries;
};

/* Those in `dir`, and where `levels` is more than 1, in what lies in it. */
static void find_inside(const char *dir, int levels, struct inside *found)
{
	struct text path = { 0 };
	const struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		size_t len;

		found->n_entries +=
			strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
		if (entry->d_name[0] == '.')
			continue;
		text_clear(&path);
		text_addf(&path, "%s/%s", dir, entry->d_name);
		len = path.len;
		text_adds(&path, "/config.json");
		if (access(path.data, F_OK) == 0) {
			if (found->n++ < MAX_NAMED)
				text_addf(&found->list, "%s%.*s", found->n > 1 ? ", " : "",
					  (int)len, path.data);
		} else if (levels > 1) {
			path.data[len] = '\0';
			find_inside(path.data, levels - 1, found);
		}
	}
	if (d)
		closedir(d);
	text_release(&path);
}

/* Directories inside, of which some may be a model's. */
static int directories_inside(const char *dir, struct err *err)
{
	struct inside found = { 0 };
	bool is_readable = access(dir, R_OK) == 0;

	find_inside(dir, 2, &found);
	if (found.n > MAX_NAMED)
		text_addf(&found.list, " and %d more", found.n - MAX_NAMED);
	if (found.n)
		err_set(err, ERR_FORMAT, "%s holds directories of models and is none: give %s%s",
			dir, found.n > 1 ? "one of them, " : "", found.list.data);
	else if (is_readable && !found.n_entries)
		err_set(err, ERR_FORMAT,
			"%s is empty: it has no config.json, so it is no Hugging Face model "
			"directory",
			dir);
	text_release(&found.list);
	return found.n || (is_readable && !found.n_entries) ? err->code : 0;
}

/* ---- what a directory lacks ------------------------------------------------------------------ */

int what_lacks_text(const char *dir, const char *name, struct err *err)
{
	if (what_dangles(dir, name, err))
		return err->code;
	if (adapter(dir, err))
		return err->code;
	if (!strcmp(name, "tokenizer.json") && BY_TABLE(dir, name, instead_of_tokenizer, err))
		return err->code;
	if (strcmp(name, "config.json") != 0)
		return err_set(err, ERR_FORMAT, "%s has no %s", dir, name);
	if (BY_TABLE(dir, name, instead_of_config, err) || directories_inside(dir, err))
		return err->code;
	return err_set(err, ERR_FORMAT,
		       "%s has no config.json, so it is no Hugging Face model directory", dir);
}

int what_lacks_weights(const char *dir, struct err *err)
{
	if (what_dangles(dir, "model.safetensors", err) || adapter(dir, err) ||
	    BY_TABLE(dir, "model.safetensors", instead_of_weights, err))
		return err->code;
	return err_set(err, ERR_FORMAT,
		       "%s has neither model.safetensors nor model.safetensors.index.json", dir);
}

/* ---- a path that does not exist ----------------------------------------------------------------
 */

/* What stands before USER/NAME of the hub. */
static const char *const hub_prefixes[] = {
	"https://huggingface.co/",
	"http://huggingface.co/",
	"https://www.huggingface.co/",
	"https://hf.co/",
	"huggingface.co/",
	"hf.co/",
	"hf://models/",
	"hf://",
	"git@hf.co:",
	"git@huggingface.co:",
};

/* The length of a part of an id; 0 when there is none. */
static size_t part_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (s[n] && strchr("._-", s[n])))
		n++;
	return *s == '.' || *s == '-' ? 0 : n;
}

/* Append USER/NAME with which `s` begins; *rest is what follows.  False when it does not. */
static bool take_id(const char *s, struct text *id, const char **rest)
{
	size_t user = part_length(s), name = user && s[user] == '/' ? part_length(s + user + 1) : 0;

	if (!name)
		return false;
	*rest = s + user + 1 + name;
	if (name > 4 && !strncmp(*rest - 4, ".git", 4))
		name -= 4;
	text_add(id, s, user + 1 + name);
	return true;
}

static bool is_address(const char *path)
{
	size_t n =
		strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return n > 1 && !strncmp(path + n, "://", 3);
}

/* Whether `path` names a model of the hub, by its address or, where no such folder is, its id. */
static bool names_hub_model(const char *path, struct text *id)
{
	static const char *const files[] = {
		".safetensors", ".gguf", ".bin", ".json", ".db", ".pt"
	};
	const char *rest = "";
	struct stat sb;

	for (size_t i = 0; i < sizeof(hub_prefixes) / sizeof(*hub_prefixes); i++) {
		size_t len = strlen(hub_prefixes[i]);
		if (!strncmp(path, hub_prefixes[i], len))
			return take_id(path + len, id, &rest) && (!*rest || strchr("/@:", *rest));
	}
	/* user/name@revision, as the hub spells it, and user/name:file, as others do. */
	if (!take_id(path, id, &rest) || (*rest && *rest != '@' && *rest != ':'))
		return false;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (id->len > strlen(files[i]) &&
		    !strcmp(id->data + id->len - strlen(files[i]), files[i]))
			return false;
	id->data[strcspn(id->data, "/")] = '\0';
	bool is_folder = stat(id->data, &sb) == 0;
	id->data[strlen(id->data)] = '/';
	return !is_folder;
}

static int hub_model(const char *path, const char *id, struct err *err)
{
	const char *name = strchr(id, '/') + 1;
	struct text cache = { 0 };

	if (hub_cache_find(id, &cache))
		err_set(err, ERR_IO,
			"cannot open the model %s: there is no such path; the cache of the Hugging Face "
			"hub has %s, which -m %s opens",
			path, id, cache.data);
	else
		err_set(err, ERR_IO,
			"cannot open the model %s: there is no such path, and torchless downloads "
			"nothing: fetch it from the Hugging Face hub with `hf download %s --local-dir "
			"%s` (or `git clone https://huggingface.co/%s`, with Git LFS) and give -m %s",
			path, id, name, id, name);
	text_release(&cache);
	return err->code;
}

int what_missing_path(const char *path, struct err *err)
{
	int why = errno;
	struct text id = { 0 };

	if (names_hub_model(path, &id))
		hub_model(path, id.data, err);
	else if (!strncmp(path, "file://", 7))
		err_set(err, ERR_IO, "cannot open the model %s: give the path alone, %s", path,
			path + 7);
	else if (is_address(path))
		err_set(err, ERR_IO,
			"cannot open the model %s: it is an address, and torchless downloads nothing: "
			"fetch it (`curl -LO`, `git clone`) and give the file or directory",
			path);
	else
		err_set(err, ERR_IO, "cannot open the model %s: %s", path, strerror(why));
	text_release(&id);
	return err->code;
}
