/*
 * gguf.c -- from a GGUF header that parses to tensors that may be read.
 *
 * The header only claims where tensors lie.  Sorted by their data each must begin behind the one
 * before and end inside of the file: then nothing overlaps and every byte is there.  Holes are
 * allowed, since data is padded to an alignment that the file chooses.
 */
#include "torchless/gguf.h"
#include "gguf_header.h"
#include "mapping.h"
#include "torchless/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ALIGNMENT (1 << 20)
#define MAX_PARTS     65535 /* the format has 16 bits for it */
#define ROW_ALIGNMENT 64

/* ---- types --------------------------------------------------------------------------------- */

struct type {
	const char *name;
	uint64_t elements, bytes; /* of a block; 0 of a type that left the format */
	uint32_t id;
	enum dtype dtype; /* DTYPE_COUNT: no kernel reads it */
};

static const struct type types[] = {
#define GGUF_TYPE(id, name, elements, bytes, dtype) { name, elements, bytes, id, dtype },
#include "torchless/gguf.def"
};

static const struct type *find_type(uint32_t id)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (types[i].id == id)
			return &types[i];
	return NULL;
}

/* How much of a name an error shows. */
#define SHOWN(b) (int)(b).len, (b).data

static const struct type *check_type(const struct gguf_tensor *t, const char *path, struct err *err)
{
	const struct type *type = find_type(t->type);

	if (!type)
		err_set(err, ERR_FORMAT,
			"%s: the tensor %.*s has the type %" PRIu32 ", which this program does not "
			"know: use a file of a type that it reads, or a newer program",
			path, SHOWN(t->name), t->type);
	else if (!type->elements)
		err_set(err, ERR_FORMAT,
			"%s: the tensor %.*s has the type %s, which left the format: quantize the "
			"model again",
			path, SHOWN(t->name), type->name);
	else if (t->shape[0] % type->elements)
		err_set(err, ERR_FORMAT,
			"%s: the tensor %.*s has rows of %" PRIu64 " elements, no multiple of the "
			"%" PRIu64 " in a block of %s",
			path, SHOWN(t->name), t->shape[0], type->elements, type->name);
	else
		return type;
	return NULL;
}

/* ---- names --------------------------------------------------------------------------------- */

struct name_pair {
	const char *gguf, *hugging_face;
};

static const struct name_pair names[] = {
#define GGUF_TENSOR(gguf, hugging_face) { gguf, hugging_face },
#include "torchless/gguf.def"
};

static const struct name_pair layer_names[] = {
#define GGUF_LAYER(gguf, hugging_face) { gguf, hugging_face },
#include "torchless/gguf.def"
};
#define N_OF(a) (sizeof(a) / sizeof(*(a)))

static const char *find_name(const struct name_pair *a, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(a[i].gguf) == len && !memcmp(a[i].gguf, name, len))
			return a[i].hugging_face;
	return NULL;
}

/* The digits of a layer's number with which `s` begins, at most five and no 0 before others. */
static size_t number_length(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 5 || (n > 1 && *s == '0') ? 0 : n;
}

/* The part behind "blk.N."; NULL when the name does not begin so. */
static const char *behind_layer(const char *name, size_t *digits)
{
	if (strncmp(name, "blk.", 4) != 0)
		return NULL;
	*digits = number_length(name + 4);
	return *digits && name[4 + *digits] == '.' ? name + 4 + *digits + 1 : NULL;
}

/* Append Hugging Face's name of a tensor; nothing when it has none. */
static void add_hugging_face_name(struct text *t, const char *name)
{
	static const char end[] = ".weight";
	size_t digits = 0, len = strlen(name);
	const char *rest = behind_layer(name, &digits), *found;

	if (!text_ends_with(name, end))
		return;
	if (!rest) {
		found = find_name(names, N_OF(names), name, len - (sizeof(end) - 1));
		if (found)
			text_addf(t, "%s%s", found, end);
		return;
	}
	len -= (size_t)(rest - name);
	found = len < sizeof(end)
			? NULL
			: find_name(layer_names, N_OF(layer_names), rest, len - (sizeof(end) - 1));
	if (found)
		text_addf(t, "model.layers.%.*s.%s%s", (int)digits, name + 4, found, end);
}

void gguf_add_name(struct text *t, const char *hugging_face)
{
	static const char layers[] = "model.layers.", end[] = ".weight";
	const char *rest = hugging_face;
	size_t digits = 0, len = strlen(hugging_face);
	bool of_layer = !strncmp(hugging_face, layers, sizeof(layers) - 1);
	const struct name_pair *a = of_layer ? layer_names : names;
	size_t n = of_layer ? N_OF(layer_names) : N_OF(names);

	if (!text_ends_with(hugging_face, end))
		return;
	if (of_layer) {
		digits = number_length(hugging_face + sizeof(layers) - 1);
		rest += sizeof(layers) - 1 + digits;
		rest += *rest == '.';
	}
	len -= (size_t)(rest - hugging_face) + sizeof(end) - 1;
	for (size_t i = 0; i < n; i++) {
		if (strlen(a[i].hugging_face) != len || memcmp(a[i].hugging_face, rest, len) != 0)
			continue;
		if (of_layer)
			text_addf(t, "blk.%.*s.", (int)digits, hugging_face + sizeof(layers) - 1);
		text_addf(t, "%s%s", a[i].gguf, end);
	}
}

/*
 * What follows from the configuration: factors of frequencies, which gguf_config() reads, and the
 * inverse frequencies of old conversions, which llama.cpp skips too.
 */
static bool is_derived(const char *name)
{
	size_t digits = 0;
	const char *rest = behind_layer(name, &digits);

	return !strcmp(rest ? rest : name, rest ? "attn_rot_embd.weight" : "rope_freqs.weight");
}

static int name_tensor(struct file_tensor *to, const struct gguf_tensor *from, const char *path,
		       struct err *err)
{
	struct text name = { 0 };

	to->name = mem_memdup(from->name.data, from->name.len);
	to->derived = is_derived(to->name);
	add_hugging_face_name(&name, to->name);
	if (name.len) {
		free(to->name);
		to->name = name.data;
		return 0;
	}
	text_release(&name);
	if (to->derived)
		return 0;
	return err_set(
		err, ERR_FORMAT,
		"%s: the tensor %s has no place in a Llama or Mistral, without it the numbers "
		"would be others",
		path, to->name);
}

/* ---- layout -------------------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
	const struct gguf_tensor *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Bytes of the tensor; false when that is no number that fits 63 bits. */
static bool size_of(const struct gguf_tensor *t, const struct type *type, int64_t *numel,
		    int64_t *bytes)
{
	*numel = 1;
	for (int i = 0; i < t->rank; i++)
		if (!mem_mul(*numel, (int64_t)t->shape[i], numel))
			return false;
	return mem_mul(*numel / (int64_t)type->elements, (int64_t)type->bytes, bytes);
}

/* Move one tensor into its final form, once it is known to lie inside of the file. */
static int bind_tensor(struct tensor_file *st, struct file_tensor *to,
		       const struct gguf_tensor *from, uint64_t data_begin, struct err *err)
{
	const struct type *type = check_type(from, st->path, err);
	uint64_t data_bytes = st->map_bytes - data_begin;
	int64_t shape[TENSOR_MAX_DIMS];

	if (!type)
		return err->code;
	if (!size_of(from, type, &to->numel, &to->bytes))
		return err_set(err, ERR_FORMAT,
			       "%s: the tensor %.*s has more elements than 63 bits can count",
			       st->path, SHOWN(from->name));
	if (from->offset > data_bytes || (uint64_t)to->bytes > data_bytes - from->offset)
		return err_set(err, ERR_FORMAT,
			       "%s: the tensor %.*s is %" PRId64 " bytes at %" PRIu64
			       " of the data, which ends at %" PRIu64 ": truncated?",
			       st->path, SHOWN(from->name), to->bytes, from->offset, data_bytes);
	to->offset = (int64_t)(data_begin + from->offset);
	to->dtype = type->name;
	to->rank = from->rank;
	to->unsupported = type->dtype == DTYPE_COUNT;
	for (int i = 0; i < from->rank; i++)
		shape[i] = (int64_t)from->shape[from->rank - 1 - i];
	to->t = tensor_make(to->unsupported ? DTYPE_U8 : type->dtype, from->rank, shape,
			    (char *)st->map + to->offset);
	return name_tensor(to, from, st->path, err);
}

static int check_offsets(const struct tensor_file *st, const struct gguf_header *h,
			 uint64_t alignment, struct err *err)
{
	for (size_t i = 0; i < h->n_tensors; i++) {
		const struct gguf_tensor *t = &h->tensors[i];
		const struct file_tensor *before = i ? &st->tensors[i - 1] : NULL;

		if (t->offset % alignment)
			return err_set(err, ERR_FORMAT,
				       "%s: the tensor %.*s begins at byte %" PRIu64
				       " of the data, no multiple of the alignment, %" PRIu64,
				       st->path, SHOWN(t->name), t->offset, alignment);
		if (before && before->offset + before->bytes > st->tensors[i].offset)
			return err_set(err, ERR_FORMAT, "%s: the tensors %.*s and %.*s overlap",
				       st->path, SHOWN(t[-1].name), SHOWN(t->name));
	}
	return 0;
}

static int bind_tensors(struct tensor_file *st, struct gguf_header *h, struct err *err)
{
	int64_t alignment = 32;
	uint64_t begin;

	if (gguf_get_int(h, "general.alignment", 1, MAX_ALIGNMENT, &alignment, err) < 0)
		return err->code;
	if (alignment & (alignment - 1))
		return err_set(err, ERR_FORMAT,
			       "%s: general.alignment is %" PRId64 ", no power of two", st->path,
			       alignment);
	begin = (h->end + (uint64_t)alignment - 1) & ~((uint64_t)alignment - 1);
	/* A file without tensors need not be padded. */
	if (begin > st->map_bytes)
		begin = st->map_bytes;
	if (h->n_tensors > 1)
		qsort(h->tensors, h->n_tensors, sizeof(*h->tensors), by_offset);
	st->tensors = mem_calloc(h->n_tensors + 1, sizeof(*st->tensors));
	for (size_t i = 0; i < h->n_tensors; i++) {
		st->n_tensors++;
		if (bind_tensor(st, &st->tensors[i], &h->tensors[i], begin, err))
			return err->code;
	}
	return check_offsets(st, h, (uint64_t)alignment, err);
}

/* ---- opening ------------------------------------------------------------------------------- */

bool gguf_is(const char *path)
{
	char head[4];
	struct stat sb;
	/* O_NONBLOCK: a FIFO is not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is = fd >= 0 && !fstat(fd, &sb) && S_ISREG(sb.st_mode) &&
		  read(fd, head, sizeof(head)) == sizeof(head) && !memcmp(head, "GGUF", 4);

	if (fd >= 0)
		close(fd);
	return is;
}

int gguf_open(struct tensor_file *st, const char *path, struct err *err)
{
	*st = (struct tensor_file){ 0 };
	if (mapping_open(st, path, "GGUF file", err))
		return err->code;
	st->gguf = mem_calloc(1, sizeof(*st->gguf));
	if (gguf_header_parse(st->gguf, st->map, st->map_bytes, st->path, err) ||
	    bind_tensors(st, st->gguf, err)) {
		tensor_file_close(st);
		return err->code;
	}
	tensor_file_index(st);
	return 0;
}

int gguf_part(const struct tensor_file *st, struct gguf_part *part, struct err *err)
{
	const struct gguf_header *h = st->gguf;

	*part = (struct gguf_part){ 0, 1, -1 };
	if (gguf_get_int(h, "split.count", 0, MAX_PARTS, &part->count, err) < 0 ||
	    gguf_get_int(h, "split.no", 0, MAX_PARTS, &part->no, err) < 0 ||
	    gguf_get_int(h, "split.tensors.count", 0, INT32_MAX, &part->n_tensors, err) < 0)
		return err->code;
	if (part->count == 0)
		part->count = 1;
	if (part->no >= part->count)
		return err_set(err, ERR_FORMAT,
			       "%s: split.no is %" PRId64 " but split.count is %" PRId64, st->path,
			       part->no, part->count);
	return 0;
}

/* ---- the order of rows --------------------------------------------------------------------- */

/* The heads of a tensor whose rows have another order; 0 of all others. */
static int64_t heads_of(const struct file_tensor *t, const struct config *c)
{
	int64_t heads = text_ends_with(t->name, ".self_attn.q_proj.weight")   ? c->n_heads
			: text_ends_with(t->name, ".self_attn.k_proj.weight") ? c->n_kv_heads
									      : 0;

	/* What has another shape is refused when it is declared. */
	return t->t.n_dims == 2 && t->t.shape[0] > 0 && t->t.shape[0] == heads * c->head_dim ? heads
											     : 0;
}

static void order_rows(char *to, const char *from, int64_t heads, int64_t head_dim, size_t row)
{
	for (int64_t r = 0; r < heads * head_dim; r++) {
		int64_t in_head = r % head_dim, pair = in_head % (head_dim / 2);
		int64_t j = in_head / (head_dim / 2);

		memcpy(to + (size_t)r * row, from + (size_t)(r - in_head + 2 * pair + j) * row,
		       row);
	}
}

static int64_t padded(int64_t bytes)
{
	return (bytes + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
}

static int no_memory(const struct tensor_file *st, int64_t bytes, int64_t available,
		     struct err *err)
{
	char need[40], have[40];

	return err_set(err, ERR_MEMORY,
		       "%s: the rows of q and k need %s in the order of Hugging Face, but %s of "
		       "memory are available",
		       st->path, mem_format_bytes(bytes, need, sizeof(need)),
		       mem_format_bytes(available, have, sizeof(have)));
}

int gguf_order_rows(struct tensor_file *st, const struct config *c, struct err *err)
{
	int64_t bytes = 0, at = 0, available = mem_available_bytes();

	for (int i = 0; i < st->n_tensors; i++)
		if (heads_of(&st->tensors[i], c))
			bytes += padded(st->tensors[i].bytes);
	if (!bytes)
		return 0;
	if (available >= 0 && bytes > available)
		return no_memory(st, bytes, available, err);
	st->rows = mem_try_aligned((size_t)bytes);
	if (!st->rows)
		return no_memory(st, bytes, available, err);
	st->rows_bytes = bytes;
	for (int i = 0; i < st->n_tensors; i++) {
		struct file_tensor *t = &st->tensors[i];
		int64_t heads = heads_of(t, c);

		if (!heads)
			continue;
		order_rows(st->rows + at, t->t.data, heads, c->head_dim,
			   (size_t)(t->bytes / t->t.shape[0]));
		t->t.data = st->rows + at;
		at += padded(t->bytes);
	}
	return 0;
}
