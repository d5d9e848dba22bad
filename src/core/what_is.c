/*
 * what_is.c -- what a file seems to be that is not what was asked for; see what_is.h.
 *
 * First bytes are told by the table in what_is.def; a container is told apart by the name of its
 * first member.
 */
#include "torchless/what_is.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES = 512 };

/* What a file is decides what is to be done with it. */
enum kind {
	NOT_FETCHED, /* it stands for a file that is not there, whatever was wanted */
	ARCHIVE,
	GGUF,
	TORCH,
	WEIGHTS, /* of other programs */
	SAFETENSORS,
	DATABASE,
	TEXT_JSON,
	TOKENIZER,
	OTHER,
};

/* What to do by what was wanted; NULL: a file of that kind is no stranger there. */
static const char *const remedies[][WHAT_TEMPLATE + 1] = {
#define REMEDIES(kind, model, weights, json, recording)                                            \
	[kind] = { model, weights, json, recording },
#define MAGIC(at, bytes, kind, name, remedy)
#include "torchless/what_is.def"
#undef MAGIC
#undef REMEDIES
};

struct what {
	enum kind kind;
	const char *name;
	const char *remedy; /* of a kind that has the same everywhere */
};

/* ---- first bytes --------------------------------------------------------------------------- */

/* In their order: the longer of two that begin alike comes first. */
static const struct {
	size_t at;
	const char *bytes;
	size_t len;
	struct what what;
} magics[] = {
#define REMEDIES(kind, model, weights, json, recording)
#define MAGIC(at, bytes, kind, name, remedy)                                                       \
	{ at, bytes, sizeof(bytes) - 1, { kind, name, remedy } },
#include "torchless/what_is.def"
#undef MAGIC
#undef REMEDIES
};

static bool by_magic(const char *head, size_t len, struct what *w)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		if (len < magics[i].at + magics[i].len ||
		    memcmp(head + magics[i].at, magics[i].bytes, magics[i].len) != 0)
			continue;
		*w = magics[i].what;
		return true;
	}
	return false;
}

/* ---- containers ---------------------------------------------------------------------------- */

static bool ends(const char *name, size_t len, const char *end)
{
	return len >= strlen(end) && !memcmp(name + len - strlen(end), end, strlen(end));
}

/* A zip archive, told by its first member: PyTorch writes NAME/data.pkl, NumPy NAME.npy. */
static bool by_zip(const char *head, size_t len, struct what *w)
{
	if (len < 4 || (memcmp(head, "PK\3\4", 4) != 0 && memcmp(head, "PK\5\6", 4) != 0))
		return false;
	size_t name_len =
		len >= 30 ? (size_t)(uint8_t)head[26] | (size_t)(uint8_t)head[27] << 8 : 0;
	const char *name = head + 30;

	if (len >= 30 && name_len > len - 30)
		name_len = len - 30;
	if (ends(name, name_len, ".npy"))
		*w = (struct what){ WEIGHTS, "an .npz file of NumPy arrays", NULL };
	else if (ends(name, name_len, "data.pkl") || ends(name, name_len, "/version") || !name_len)
		*w = (struct what){ TORCH, "a PyTorch file or another zip archive", NULL };
	else
		*w = (struct what){ ARCHIVE, "a zip archive", NULL };
	return true;
}

/* ModelProto: ir_version, then the producer's name, its version, or the graph. */
static bool by_onnx(const char *head, size_t len, struct what *w)
{
	if (len < 8 || head[0] != 8 || head[1] < 3 || head[1] > 20 || !head[2] ||
	    !strchr("\x12\x1a\x22\x2a\x32\x3a\x42", head[2]))
		return false;
	*w = (struct what){ WEIGHTS, "an ONNX model", NULL };
	return true;
}

static bool by_safetensors(const char *head, size_t len, struct what *w)
{
	uint64_t header = 0;

	for (size_t i = 8; i > 0 && len > 8; i--)
		header = header << 8 | (uint8_t)head[i - 1];
	if (len < 9 || head[8] != '{' || header > 100000000)
		return false;
	*w = (struct what){ SAFETENSORS, "a safetensors file", NULL };
	return true;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* What follows the byte order mark and white space. */
static const char *skip_space(const char *head, size_t *len)
{
	size_t at = *len >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;

	while (at < *len && isspace((unsigned char)head[at]))
		at++;
	*len -= at;
	return head + at;
}

static bool by_markup(const char *head, size_t len, struct what *w)
{
	static const char *const tags[] = { "<!doctype html", "<html", "<head", "<body", "<!--" };
	const char *s = skip_space(head, &len);

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		if (len < strlen(tags[i]) || strncasecmp(s, tags[i], strlen(tags[i])) != 0)
			continue;
		*w = (struct what){ NOT_FETCHED,
				    "an HTML page, which a server sent instead of the file",
				    FETCH_AGAIN };
		return true;
	}
	if (len < 5 || memcmp(s, "<?xml", 5) != 0)
		return false;
	*w = (struct what){ NOT_FETCHED,
			    "XML, as a server says that there is no such file or no access to it",
			    FETCH_AGAIN };
	return true;
}

static bool by_json(const char *head, size_t len, struct what *w)
{
	const char *s = skip_space(head, &len);

	if (!len || (*s != '{' && *s != '['))
		return false;
	if (len >= 9 && !memcmp(s, "{\"error\":", 9))
		*w = (struct what){ NOT_FETCHED,
				    "what a server said instead of the file (an error)",
				    FETCH_AGAIN };
	else
		*w = (struct what){ TEXT_JSON, "JSON text", NULL };
	return true;
}

/* ---- the public part ----------------------------------------------------------------------- */

static bool by_zeros(const char *head, size_t len, struct what *w)
{
	for (size_t i = 0; i < len; i++)
		if (head[i])
			return false;
	*w = (struct what){ NOT_FETCHED,
			    "nothing but zeros, as a download that did not finish leaves",
			    "fetch the file again" };
	return len >= 64;
}

/* Without what it ends in, as a new name beside it. */
static void add_output(struct text *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
	struct text output = { 0 };

	if (dot > (slash ? slash + 1 : path))
		text_add(&output, path, (size_t)(dot - path));
	else
		text_addf(&output, "%s-hf", path);
	text_add_shell_word(t, output.data);
	text_release(&output);
}

static void add_folder(struct text *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct text folder = { 0 };

	if (slash)
		text_add(&folder, path, slash > path ? (size_t)(slash - path) : 1);
	text_add_shell_word(t, slash ? folder.data : ".");
	text_release(&folder);
}

void what_is_add_remedy(struct text *t, const char *remedy, const char *path)
{
	static const struct {
		const char *word;
		void (*add)(struct text *t, const char *path);
	} words[] = { { " FILE", text_add_shell_word },
		      { " FOLDER", add_folder },
		      { " OUTPUT", add_output } };
	size_t i, len = 0;

	for (; *remedy; remedy += len) {
		for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
			len = strlen(words[i].word);
			if (!strncmp(remedy, words[i].word, len))
				break;
		}
		if (i == sizeof(words) / sizeof(*words)) {
			text_add(t, remedy, len = 1);
			continue;
		}
		text_addc(t, ' ');
		words[i].add(t, path);
	}
}

static int refuse(const char *path, const char *what, const char *remedy, struct err *err)
{
	struct text to_do = { 0 };

	what_is_add_remedy(&to_do, remedy, path);
	err_set(err, ERR_FORMAT, "%s is %s: %s", path, what, to_do.data);
	text_release(&to_do);
	return err->code;
}

int what_is_refuse_bytes(const char *path, const char *head, size_t len, enum what_for wanted,
			 struct err *err)
{
	static bool (*const recognisers[])(const char *, size_t, struct what *) = {
		by_magic, by_zip, by_markup, by_safetensors, by_json, by_onnx, by_zeros,
	};
	struct what w = { 0 };
	const char *remedy;

	if (!len && wanted == WHAT_TEMPLATE)
		return 0;
	if (!len)
		return err_set(
			err, ERR_FORMAT,
			"%s is empty, 0 bytes, too short for %s: a download that failed leaves "
			"such a file",
			path, wanted == WHAT_RECORDING ? "a recording" : "a file of a model");
	for (size_t i = 0; i < sizeof(recognisers) / sizeof(*recognisers); i++) {
		if (!recognisers[i](head, len, &w))
			continue;
		remedy = w.remedy ? w.remedy : remedies[w.kind][wanted];
		return remedy ? refuse(path, w.name, remedy, err) : 0;
	}
	return 0;
}

int what_is_refuse(const char *path, enum what_for wanted, struct err *err)
{
	char head[HEAD_BYTES];
	struct stat sb;
	ssize_t n = -1;
	/* O_NONBLOCK: a FIFO is not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return 0;
	if (!fstat(fd, &sb) && S_ISREG(sb.st_mode))
		n = read(fd, head, sizeof(head));
	close(fd);
	return n < 0 ? 0 : what_is_refuse_bytes(path, head, (size_t)n, wanted, err);
}
