/*
 * fuzz_recording_bytes.c -- libFuzzer over recordings whose bytes were changed.
 *
 * The first byte chooses the state of the recording (closed, or killed with its log) and whether
 * the log's checksums are made right again, the second the question.  Then come changes: three
 * bytes say where, one how many bytes follow (or that the file ends there), then those.
 */
#include "recording.h"

#define FRAME_HEAD 24
#define LOG_HEAD   32

/* ---- the checksums of a log ---------------------------------------------------------------- */

static uint32_t big(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_big(unsigned char *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(x >> (24 - 8 * i));
}

/* https://sqlite.org/fileformat2.html#checksum_algorithm */
static void sum(const unsigned char *p, size_t n, bool is_big, uint32_t s[2])
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint32_t a, b;

		memcpy(&a, p + i, 4);
		memcpy(&b, p + i + 4, 4);
		s[0] += (is_big ? big(p + i) : a) + s[1];
		s[1] += (is_big ? big(p + i + 4) : b) + s[0];
	}
}

static void mend_log(struct text *log)
{
	unsigned char *p = (unsigned char *)log->data;
	uint32_t s[2] = { 0, 0 };
	size_t page;
	bool is_big;

	if (log->len < LOG_HEAD)
		return;
	page = big(p + 8);
	is_big = p[3] & 1;
	sum(p, 24, is_big, s);
	put_big(p + 24, s[0]);
	put_big(p + 28, s[1]);
	for (size_t at = LOG_HEAD; page && page <= 65536 && log->len - at >= FRAME_HEAD + page;
	     at += FRAME_HEAD + page) {
		sum(p + at, 8, is_big, s);
		sum(p + at + FRAME_HEAD, page, is_big, s);
		memcpy(p + at + 8, p + 16, 8);
		put_big(p + at + 16, s[0]);
		put_big(p + at + 20, s[1]);
	}
}

/* ---- changes ------------------------------------------------------------------------------- */

/* Change, or cut, the file and the log behind it as if they were one. */
static void change(struct text *file, struct text *log, struct input *in)
{
	size_t at = (size_t)input_number(in, 3) % (file->len + log->len + 1);
	uint8_t how = input_byte(in);
	struct text *t = at < file->len ? file : log;

	at -= t == log ? file->len : 0;
	if (how == 0xff) {
		t->len = at;
		return;
	}
	for (int i = 0; i <= how % 16 && at < t->len && in->left; i++)
		t->data[at++] = (char)input_byte(in);
}

static void put_recording(struct input *in)
{
	uint8_t state = input_byte(in);
	const struct text *from = state & 1 ? &recorded.live : &recorded.closed;
	struct text file = { 0 }, log = { 0 };

	input_byte(in); /* the question */
	text_add(&file, from->data, from->len);
	if (state & 1)
		text_add(&log, recorded.log.data, recorded.log.len);
	while (in->left)
		change(&file, &log, in);
	if (state & 2)
		mend_log(&log);
	fuzz_put("t.db-shm", "", 0);
	fuzz_put("t.db", file.data, file.len);
	fuzz_put("t.db-wal", log.data ? log.data : "", log.len);
	text_release(&file);
	text_release(&log);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	make_recorded();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct recording *rec;

	if (size < 2)
		return 0;
	put_recording(&in);
	rec = open_recorded();
	if (!rec)
		return 0;
	ask_question(rec, data[1]);
	recording_close(rec);
	return 0;
}
