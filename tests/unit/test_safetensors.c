/*
 * Unit tests of the safetensors reader, with files built by hand.
 *
 * Whether each header below is accepted was first asked of the `safetensors` library itself
 * (0.4.5 and 0.8.0, safetensors.deserialize); the table repeats its answers.
 */
#include "torchless/safetensors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/torchless-st-XXXXXX";

static void make_path(void)
{
	close(mkstemp(path));
}

static void drop_path(void)
{
	unlink(path);
}

static void write_bytes(const void *data, size_t len)
{
	FILE *f;

	/* A file that is cut to nothing and written again is waited for by ext4, a new one is not.
	 */
	unlink(path);
	f = fopen(path, "wb");
	cr_assert_not_null(f);
	cr_assert_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* Write a file with this header, data of n_data bytes 1, 2, 3, … and a header length of n. */
static void write_file(const char *header, size_t header_len, uint64_t n, size_t n_data)
{
	struct text file = { 0 };

	for (int i = 0; i < 8; i++)
		text_addc(&file, (char)(n >> 8 * i));
	text_add(&file, header, header_len);
	for (size_t i = 0; i < n_data; i++)
		text_addc(&file, (char)(i + 1));
	write_bytes(file.data, file.len);
	text_release(&file);
}

static int open_header(struct tensor_file *st, const char *header, size_t n_data, struct err *err)
{
	write_file(header, strlen(header), strlen(header), n_data);
	return safetensors_open(st, path, err);
}

/* An entry of one tensor "a", and one with a field added. */
#define ENTRY(dtype, shape, offsets)                                                               \
	"{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{\"a\":" ENTRY(dtype, shape, offsets) "}"
#define BASIC                      ENTRY("F32", "[1]", "[0,4]")
#define WITH(value)                                                                                \
	"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":" value "}}"
#define BIG "4294967296"

static const struct {
	const char *header;
	size_t n_data;
	const char *refused; /* a part of the sentence; NULL: accepted */
} cases[] = {
	{ "{}", 0, NULL },
	{ " {}", 0, NULL },
	{ "{} \n\t\r ", 0, NULL },
	{ "{}", 1, "trailing bytes" },
	{ "", 0, "malformed at byte 0" },
	{ "{", 0, "malformed at byte 1" },
	{ "[]", 0, "{ is expected" },
	{ "\xef\xbb\xbf{}", 0, "malformed at byte 0" },
	{ "{} x", 0, "nothing is expected after" },
	{ "{\"a\":" BASIC "}", 4, NULL },
	{ "{\"a\":" BASIC "}", 5, "5 bytes of data but its tensors end at 4 (trailing" },
	{ "{\"a\":" BASIC "}", 3, "3 bytes of data but its tensors end at 4 (truncated" },
	{ "{\"a\":" BASIC ",}", 4, "a string is expected" },
	{ "{\"a\":" BASIC " \"b\"}", 4, "a comma" },
	{ "{\"a\" " BASIC "}", 4, "a colon" },
	{ "{\"a\":null}", 0, "description of a tensor" },
	{ ONE("F32", "[1]", "[4,8]"), 8, "a hole" },
	{ "{\"a\":" BASIC ",\"b\":" ENTRY("F32", "[1]", "[8,12]") "}", 12, "a hole" },
	{ "{\"a\":" BASIC ",\"b\":" BASIC "}", 4, "they overlap" },
	{ "{\"a\":" BASIC ",\"b\":" ENTRY("F32", "[1]", "[2,6]") "}", 6, "they overlap" },
	{ "{\"b\":" ENTRY("F32", "[1]", "[4,8]") ",\"a\":" BASIC "}", 8, NULL },
	/* tensors without elements */
	{ ONE("F32", "[0]", "[0,0]"), 0, NULL },
	{ "{\"z\":" ENTRY("F32", "[0,5]", "[0,0]") ",\"a\":" BASIC "}", 4, NULL },
	{ "{\"z\":" ENTRY("F32", "[0]", "[4,4]") ",\"a\":" BASIC "}", 4, NULL },
	{ "{\"z\":" ENTRY("F32", "[0]", "[2,2]") ",\"a\":" BASIC "}", 4, "they overlap" },
	/* shapes */
	{ ONE("F32", "[]", "[0,4]"), 4, NULL },
	{ ONE("F32", "[1,1,1,1,1,1]", "[0,4]"), 4, NULL },
	{ ONE("F32", "[2]", "[0,4]"), 4, "4 bytes of data but its dtype F32 and shape ask for 8" },
	{ ONE("F32", "[" BIG "," BIG "]", "[0,4]"), 4, "no whole number of bytes" },
	{ ONE("F32", "[" BIG "," BIG ",0]", "[0,0]"), 0, "no whole number of bytes" },
	{ ONE("F32", "[0," BIG "," BIG "]", "[0,0]"), 0, NULL },
	{ ONE("F32", "[4611686018427387905]", "[0,4]"), 4, "no whole number of bytes" },
	{ ONE("F32", "[18446744073709551615,0]", "[0,0]"), 0, NULL },
	{ ONE("F32", "[18446744073709551616,0]", "[0,0]"), 0, "exceeds 64 bits" },
	{ ONE("F32", "[1.0]", "[0,4]"), 4, "a whole number" },
	{ ONE("F32", "[1e0]", "[0,4]"), 4, "a whole number" },
	{ ONE("F32", "[-1]", "[0,4]"), 4, "a whole number" },
	{ ONE("F32", "[-0]", "[0,0]"), 0, "a whole number" },
	{ ONE("F32", "[01]", "[0,4]"), 4, "a whole number" },
	{ ONE("F32", "[\"1\"]", "[0,4]"), 4, "a whole number" },
	{ ONE("F32", "[1,]", "[0,4]"), 4, "a whole number" },
	{ ONE("F32", "null", "[0,4]"), 4, "list of dimensions" },
	/* offsets; 2^53 + 1 is the first integer that doubles miss */
	{ ONE("F32", "[1]", "[0,4,4]"), 4, "a pair of offsets" },
	{ ONE("F32", "[1]", "[0]"), 4, "a pair of offsets" },
	{ ONE("F32", "[0]", "[4,0]"), 4, "before it begins at 4" },
	{ ONE("F32", "[1]", "[0,18446744073709551615]"), 4, "18446744073709551615 bytes" },
	{ ONE("U8", "[9007199254740993]", "[0,9007199254740993]"), 4, "end at 9007199254740993" },
	{ ONE("U8", "[9007199254740992]", "[0,9007199254740993]"), 4, "ask for 9007199254740992" },
	{ ONE("F32", "[1]", "[18446744073709551612,18446744073709551616]"), 4, "pair of offsets" },
	/* dtypes */
	{ ONE("BOOL", "[1]", "[0,1]"), 1, NULL },
	{ ONE("F8_E4M3", "[1]", "[0,1]"), 1, NULL },
	{ ONE("U16", "[1]", "[0,2]"), 2, NULL },
	{ ONE("C64", "[1]", "[0,8]"), 8, NULL },
	{ ONE("F4", "[2]", "[0,1]"), 1, NULL },
	{ ONE("F4", "[1]", "[0,1]"), 1, "no whole number of bytes" },
	{ ONE("f32", "[1]", "[0,4]"), 4, "dtype \"f32\"" },
	{ ONE("F128", "[1]", "[0,16]"), 16, "dtype \"F128\"" },
	{ ONE("F32\\u0000", "[1]", "[0,4]"), 4, "dtype" },
	/* fields */
	{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "lacks dtype, shape or data_offsets" },
	{ "{\"a\":{\"d\\u0074ype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, NULL },
	{ "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
	  "stands twice" },
	{ WITH("1"), 4, NULL },
	{ WITH("[{\"y\":[null,true,false,-0.5E+3]}]"), 4, NULL },
	{ WITH("1e308"), 4, NULL },
	{ WITH("1e999"), 4, "malformed or too large" },
	{ WITH(".5"), 4, "a value is expected" },
	{ WITH("1."), 4, "a number is malformed" },
	{ WITH("-"), 4, "a number is malformed" },
	{ WITH("00"), 4, "a number is malformed" },
	{ WITH("nul"), 4, "a value is expected" },
	{ WITH("\"\\ud800\""), 4, "a string is not valid" },
	/* repeated names: the last counts */
	{ "{\"a\":" ENTRY("F32", "[9]", "[0,36]") ",\"a\":" BASIC "}", 4, NULL },
	{ "{\"a\":" BASIC ",\"a\":" ENTRY("F32", "[1]", "[4,8]") "}", 8, "a hole" },
	{ "{\"a\":{\"x\":1},\"a\":" BASIC "}", 4, "lacks dtype" },
	/* metadata */
	{ "{\"__metadata__\":{\"k\":\"v\",\"\":\"\"},\"a\":" BASIC "}", 4, NULL },
	{ "{\"__metadata__\":null}", 0, NULL },
	{ "{\"__metadata__\":{\"k\":1}}", 0, "a string is expected" },
	{ "{\"__metadata__\":{\"k\":null}}", 0, "a string is expected" },
	{ "{\"__metadata__\":[]}", 0, "an object of strings" },
	{ "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "for the second time" },
	{ "{\"\\u005f_metadata__\":{\"k\":\"v\"}}", 0, NULL },
	/* names */
	{ "{\"\":" BASIC "}", 4, NULL },
	{ "{\"a\\u0000b\":" BASIC "}", 4, NULL },
	{ "{\"\\ud83d\\ude00\":" BASIC "}", 4, NULL },
	{ "{\"\\ud83d\":" BASIC "}", 4, "a string is not valid" },
	{ "{\"\\ud83dx\\ude00\":" BASIC "}", 4, "a string is not valid" },
	{ "{\"\\ude00\":" BASIC "}", 4, "a string is not valid" },
	{ "{\"a\tb\":" BASIC "}", 4, "a string is not valid" },
	{ "{\"a\x7f\":" BASIC "}", 4, NULL },
	{ "{\"a\xff\":" BASIC "}", 4, "a string is not valid" },
	{ "{\"a:" BASIC "}", 4, "malformed" },
};

Test(safetensors, accepts_what_the_library_accepts, .init = make_path, .fini = drop_path)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tensor_file st;
		struct err err = { 0 };
		int rc = open_header(&st, cases[i].header, cases[i].n_data, &err);

		if (!cases[i].refused) {
			cr_expect_eq(rc, 0, "%s: %s", cases[i].header, err.message);
		} else {
			cr_expect_eq(rc, ERR_FORMAT, "%s", cases[i].header);
			cr_expect_not_null(strstr(err.message, cases[i].refused), "%s: %s",
					   cases[i].header, err.message);
			cr_expect_not_null(strstr(err.message, path), "%s", err.message);
		}
		if (!rc)
			tensor_file_close(&st);
	}
}

Test(safetensors, nesting_is_bounded_as_in_the_library, .init = make_path, .fini = drop_path)
{
	for (int depth = 1; depth < 100000; depth = depth < 124 ? 124 : depth * 3 / 2 + 1) {
		struct text value = { 0 };
		struct tensor_file st;
		struct err err = { 0 };

		text_adds(&value,
			  "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":");
		for (int i = 0; i < depth; i++)
			text_addc(&value, '[');
		for (int i = 0; i < depth; i++)
			text_addc(&value, ']');
		text_adds(&value, "}}");
		cr_assert_eq(open_header(&st, value.data, 4, &err), depth <= 125 ? 0 : ERR_FORMAT,
			     "%d", depth);
		if (depth <= 125)
			tensor_file_close(&st);
		text_release(&value);
	}
}

Test(safetensors, tensors_are_views_of_the_mapping, .init = make_path, .fini = drop_path)
{
	const char *header =
		"{\"w\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[1,13]},"
		"\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
		"\"six\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1],\"data_offsets\":[13,17]}}";
	struct tensor_file st;
	struct err err = { 0 };

	cr_assert_eq(open_header(&st, header, 17, &err), 0, "%s", err.message);
	cr_assert_eq(st.n_tensors, 3);
	cr_assert_str_eq(st.tensors[0].name, "b"); /* in the order of the data */
	const struct file_tensor *w = tensor_file_find(&st, "w");
	cr_assert_eq(w, &st.tensors[1]);
	cr_assert_eq(w->t.dtype, DTYPE_BF16);
	cr_assert_eq(w->t.n_dims, 2);
	cr_assert_eq(w->t.shape[1], 3);
	cr_assert_eq(w->numel, 6);
	cr_assert_eq(w->bytes, 12);
	cr_assert_eq(w->offset, (int64_t)(8 + strlen(header) + 1));
	cr_assert_arr_eq(w->t.data, "\2\3\4\5", 4);
	cr_assert_eq(tensor_file_usable(&st, w, &err), 0);
	const struct file_tensor *six = tensor_file_find(&st, "six");
	cr_assert_eq(six->rank, 6);
	cr_assert_eq(tensor_file_usable(&st, six, &err), ERR_FORMAT);
	cr_assert_not_null(strstr(err.message, "six has 6 dimensions"));
	cr_assert_eq(tensor_file_usable(&st, &st.tensors[0], &err), ERR_FORMAT);
	cr_assert_not_null(strstr(err.message, "b has dtype U8"));
	cr_assert_null(tensor_file_find(&st, "x"));
	cr_assert_null(tensor_file_find(&st, ""));
	tensor_file_close(&st);
}

Test(safetensors, a_nul_in_a_name_hides_nothing, .init = make_path, .fini = drop_path)
{
	struct tensor_file st;
	struct err err = { 0 };

	cr_assert_eq(open_header(&st, "{\"a\\u0000b\":" BASIC "}", 4, &err), 0);
	cr_assert_null(tensor_file_find(&st, "a"));
	cr_assert_str_eq(st.tensors[0].name, "a\xef\xbf\xbd"
					     "b");
	tensor_file_close(&st);
}

Test(safetensors, metadata_is_kept, .init = make_path, .fini = drop_path)
{
	struct tensor_file st;
	struct err err = { 0 };
	const char *text = NULL;

	cr_assert_eq(
		open_header(&st, "{\"__metadata__\":{\"k\":\"1\",\"k\":\"v\\n\\u00e9\"}}", 0, &err),
		0);
	cr_assert_eq(json_get_string(st.metadata, "k", &text, "", &err), 1);
	cr_assert_str_eq(text, "v\né");
	tensor_file_close(&st);
}

Test(safetensors, header_lengths, .init = make_path, .fini = drop_path)
{
	static const struct {
		uint64_t n;
		const char *refused;
	} lengths[] = { { 3, "3 bytes long but only 2 follow" },
			{ 100000000, "only 2 follow" },
			{ 100000001, "at most 100000000" },
			{ UINT64_MAX, "18446744073709551615 bytes" },
			{ UINT64_MAX - 7, "at most" } };
	struct tensor_file st;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		write_file("{}", 2, lengths[i].n, 0);
		cr_assert_eq(safetensors_open(&st, path, &err), ERR_FORMAT);
		cr_expect_not_null(strstr(err.message, lengths[i].refused), "%s", err.message);
	}
}

Test(safetensors, no_prefix_of_a_file_is_a_file, .init = make_path, .fini = drop_path)
{
	const char *header = "{\"__metadata__\":{\"k\":\"v\"},\"a\":" BASIC "}";
	struct tensor_file st;
	struct err err = { 0 };
	struct text whole = { 0 };

	write_file(header, strlen(header), strlen(header), 4);
	cr_assert_eq(text_read_file(&whole, path, 10000, &err), 0);
	for (size_t n = 0; n < whole.len; n++) {
		write_bytes(whole.data, n);
		cr_assert_eq(safetensors_open(&st, path, &err), ERR_FORMAT, "%zu", n);
	}
	text_release(&whole);
}

/* Whatever a byte is changed to, the answer is a tensor inside the file or a sentence. */
Test(safetensors, changed_bytes_never_lead_outside, .init = make_path, .fini = drop_path)
{
	static const char others[] = "\"{}[],:0189.eE-\\unF \xff";
	const char *header = "{\"a\":" BASIC ",\"b\":" ENTRY("BF16", "[2,1]", "[4,8]") "}";
	size_t len = strlen(header);
	char *changed = strdup(header);

	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < sizeof(others); k++) {
			struct tensor_file st;
			struct err err = { 0 };

			changed[i] = others[k];
			write_file(changed, len, len, 8);
			if (!safetensors_open(&st, path, &err)) {
				for (int t = 0; t < st.n_tensors; t++)
					cr_assert_leq((size_t)(st.tensors[t].offset +
							       st.tensors[t].bytes),
						      st.map_bytes);
				tensor_file_close(&st);
			} else {
				cr_assert_eq(err.code, ERR_FORMAT);
				cr_assert_gt(strlen(err.message), strlen(path));
			}
		}
		changed[i] = header[i];
	}
	free(changed);
}

Test(safetensors, things_that_are_no_files, .init = make_path, .fini = drop_path, .timeout = 60)
{
	struct tensor_file st;
	struct err err = { 0 };

	cr_assert_eq(safetensors_open(&st, "/tmp", &err), ERR_USAGE);
	cr_assert_str_eq(err.message, "/tmp is a directory where a safetensors file is expected");
	cr_assert_eq(safetensors_open(&st, "/dev/null", &err), ERR_USAGE);
	unlink(path);
	cr_assert_eq(safetensors_open(&st, path, &err), ERR_USAGE);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(safetensors_open(&st, path, &err), ERR_USAGE); /* and does not wait */
	unlink(path);
	write_bytes("", 0);
	cr_assert_eq(safetensors_open(&st, path, &err), ERR_FORMAT);
	cr_assert_not_null(strstr(err.message, "0 bytes long"));
}

Test(safetensors, a_file_that_shrinks_ends_the_program_with_3, .init = make_path, .exit_code = 3)
{
	struct tensor_file st;
	struct err err = { 0 };
	volatile char byte;

	tensor_file_report_truncation();
	cr_assert_eq(open_header(&st, ONE("U8", "[100000]", "[0,100000]"), 100000, &err), 0);
	cr_assert_eq(truncate(path, 10), 0);
	unlink(path);
	for (int i = 0; i < 100000; i++)
		byte = ((const char *)st.tensors[0].t.data)[i];
	(void)byte;
	tensor_file_close(&st);
}
