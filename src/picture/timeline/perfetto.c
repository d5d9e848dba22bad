/*
 * perfetto.c -- events as Perfetto's protobuf: a file is one message Trace, that is, its packets
 * one after another (field 1 of protos/perfetto/trace/trace.proto).
 *
 * The messages and the numbers of their fields are those of protos/perfetto/trace/trace_packet,
 * interned_data/interned_data, clock_snapshot, track_event/track_event, track_descriptor,
 * counter_descriptor, process_descriptor, thread_descriptor and debug_annotation .proto.  A name
 * that comes again is sent once, with the first event that has it, and called by a number from then
 * on; hence all packets belong to one sequence, and each says that it needs what came before.
 */
#include "timeline_impl.h"

#include <string.h>

/* ---- messages ----------------------------------------------------------------------------- */

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

/* Fields, by message. */
enum { TRACE_PACKET = 1 };
enum {
	PACKET_CLOCK_SNAPSHOT = 6,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_TRACK_EVENT = 11,
	PACKET_INTERNED = 12,
	PACKET_SEQUENCE_FLAGS = 13,
	PACKET_TRACK_DESCRIPTOR = 60,
};
enum { SNAPSHOT_CLOCK = 1, CLOCK_ID = 1, CLOCK_TIMESTAMP = 2 };
enum { CLOCK_REALTIME_ID = 1, CLOCK_BOOTTIME_ID = 6 };
enum { INTERNED_CATEGORY = 1, INTERNED_EVENT = 2, INTERNED_ARG = 3, ENTRY_IID = 1, ENTRY_NAME = 2 };
enum {
	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PROCESS = 3,
	TRACK_THREAD = 4,
	TRACK_PARENT = 5,
	TRACK_COUNTER = 8,
};
enum { PROCESS_PID = 1, PROCESS_ORDER = 3, PROCESS_NAME = 6 };
enum { THREAD_PID = 1, THREAD_TID = 2, THREAD_ORDER = 3, THREAD_NAME = 5 };
enum { COUNTER_UNIT_NAME = 6 };
enum {
	EVENT_CATEGORY_IID = 3,
	EVENT_ARG = 4,
	EVENT_TYPE = 9,
	EVENT_NAME_IID = 10,
	EVENT_TRACK = 11,
	EVENT_NAME = 23,
	EVENT_COUNT = 30,
	EVENT_COUNT_REAL = 44,
};
enum { TYPE_BEGIN = 1, TYPE_END = 2, TYPE_INSTANT = 3, TYPE_COUNTER = 4 };
enum {
	ARG_NAME_IID = 1,
	ARG_BOOL_VALUE = 2,
	ARG_INT_VALUE = 4,
	ARG_REAL_VALUE = 5,
	ARG_TEXT_VALUE = 6
};
enum { CLEARED = 1, NEEDS_STATE = 2 };

/* The sink's scratch, by what is being made: a message, one inside of it, and so on. */
enum { PACKET, MESSAGE, INTERNED, INNER };

static void add_varint(struct text *t, uint64_t x)
{
	char bytes[10];
	size_t n = 0;

	for (; x >= 0x80; x >>= 7)
		bytes[n++] = (char)(x | 0x80);
	bytes[n++] = (char)x;
	text_add(t, bytes, n);
}

static void add_int(struct text *t, int field, int64_t x)
{
	add_varint(t, (uint64_t)field << 3 | WIRE_VARINT);
	add_varint(t, (uint64_t)x);
}

static void add_real(struct text *t, int field, double x)
{
	uint64_t bits;
	char bytes[sizeof(bits)];

	memcpy(&bits, &x, sizeof(bits));
	for (size_t i = 0; i < sizeof(bits); i++)
		bytes[i] = (char)(bits >> (8 * i));
	add_varint(t, (uint64_t)field << 3 | WIRE_FIXED64);
	text_add(t, bytes, sizeof(bytes));
}

static void add_bytes(struct text *t, int field, const void *data, size_t len)
{
	add_varint(t, (uint64_t)field << 3 | WIRE_BYTES);
	add_varint(t, len);
	text_add(t, data, len);
}

static void add_string(struct text *t, int field, const char *s)
{
	add_bytes(t, field, s, strlen(s));
}

/* What was made in scratch, as a field of another message. */
static void add_message(struct text *t, int field, const struct text *m)
{
	add_bytes(t, field, m->len ? m->data : "", m->len);
}

static struct text *fresh(struct sink *s, int which)
{
	text_clear(&s->scratch[which]);
	return &s->scratch[which];
}

/* ---- packets ------------------------------------------------------------------------------ */

static struct text *begin_packet(struct sink *s)
{
	struct text *p = fresh(s, PACKET);

	add_int(p, PACKET_SEQUENCE, 1);
	add_int(p, PACKET_SEQUENCE_FLAGS, s->is_begun ? NEEDS_STATE : CLEARED);
	s->is_begun = true;
	return p;
}

static void end_packet(struct sink *s)
{
	add_message(&s->out, TRACE_PACKET, &s->scratch[PACKET]);
}

/* ---- names -------------------------------------------------------------------------------- */

static void add_entry(struct sink *s, int field, int64_t iid, const char *name)
{
	struct text *entry = fresh(s, INNER);

	add_int(entry, ENTRY_IID, iid);
	add_string(entry, ENTRY_NAME, name);
	add_message(&s->scratch[INTERNED], field, entry);
}

static void add_clock(struct sink *s, struct text *snapshot, int id, int64_t ns)
{
	struct text *clock = fresh(s, INNER);

	add_int(clock, CLOCK_ID, id);
	add_int(clock, CLOCK_TIMESTAMP, ns);
	add_message(snapshot, SNAPSHOT_CLOCK, clock);
}

/* 0 of the file is the moment when the first run began; arguments and categories have numbers. */
static void head(struct sink *s, int64_t started_ns)
{
	struct text *packet = begin_packet(s);
	struct text *snapshot = fresh(s, MESSAGE);

	fresh(s, INTERNED);
	for (int i = 0; i < CATEGORY_COUNT; i++)
		add_entry(s, INTERNED_CATEGORY, i + 1, category_name[i]);
	for (int i = 0; i < ARG_COUNT; i++)
		add_entry(s, INTERNED_ARG, i + 1, arg_name[i]);
	add_message(packet, PACKET_INTERNED, &s->scratch[INTERNED]);
	add_clock(s, snapshot, CLOCK_BOOTTIME_ID, 0);
	add_clock(s, snapshot, CLOCK_REALTIME_ID, started_ns);
	add_message(packet, PACKET_CLOCK_SNAPSHOT, snapshot);
	end_packet(s);
}

/* ---- tracks ------------------------------------------------------------------------------- */

static int64_t counter_track(int run, int counter)
{
	return thread_number(run, TRACK_COUNT + counter);
}

static void send_track(struct sink *s, const struct text *track)
{
	add_message(begin_packet(s), PACKET_TRACK_DESCRIPTOR, track);
	end_packet(s);
}

static void send_thread(struct sink *s, int run, int i)
{
	struct text *thread = fresh(s, INNER), *track;

	add_int(thread, THREAD_PID, process_number(run));
	add_int(thread, THREAD_TID, thread_number(run, i));
	add_int(thread, THREAD_ORDER, i);
	add_string(thread, THREAD_NAME, track_name[i]);
	track = fresh(s, MESSAGE);
	add_int(track, TRACK_UUID, thread_number(run, i));
	add_message(track, TRACK_THREAD, thread);
	send_track(s, track);
}

static void send_counter(struct sink *s, int run, int i)
{
	struct text *counter = fresh(s, INNER), *track;

	add_string(counter, COUNTER_UNIT_NAME, i == COUNTER_KV_LEN ? "positions" : "tokens/s");
	track = fresh(s, MESSAGE);
	add_int(track, TRACK_UUID, counter_track(run, i));
	add_int(track, TRACK_PARENT, process_number(run));
	add_string(track, TRACK_NAME, counter_name[i]);
	add_message(track, TRACK_COUNTER, counter);
	send_track(s, track);
}

static void process(struct sink *s, int run, const char *clean)
{
	struct text *p = fresh(s, INNER), *track;

	add_int(p, PROCESS_PID, process_number(run));
	add_int(p, PROCESS_ORDER, run);
	add_string(p, PROCESS_NAME, clean);
	track = fresh(s, MESSAGE);
	add_int(track, TRACK_UUID, process_number(run));
	add_message(track, TRACK_PROCESS, p);
	send_track(s, track);
	for (int i = 0; i < TRACK_COUNT; i++)
		send_thread(s, run, i);
	for (int i = 0; i < COUNTER_COUNT; i++)
		send_counter(s, run, i);
}

/* ---- events ------------------------------------------------------------------------------- */

static void add_arg(struct sink *s, struct text *event, const struct arg *a)
{
	struct text *t = fresh(s, INNER);

	add_int(t, ARG_NAME_IID, (int64_t)a->id + 1);
	switch (a->kind) {
	case ARG_INT:
		add_int(t, ARG_INT_VALUE, a->i);
		break;
	case ARG_REAL:
		add_real(t, ARG_REAL_VALUE, a->d);
		break;
	case ARG_BOOL:
		add_int(t, ARG_BOOL_VALUE, a->i);
		break;
	case ARG_TEXT:
		add_string(t, ARG_TEXT_VALUE, a->s);
		break;
	}
	add_message(event, EVENT_ARG, t);
}

static void send_event(struct sink *s, const struct event *e, int type)
{
	struct text *packet = begin_packet(s), *event = fresh(s, MESSAGE);

	add_int(packet, PACKET_TIMESTAMP, e->begin);
	add_int(event, EVENT_TYPE, type);
	add_int(event, EVENT_TRACK, thread_number(e->run, e->track));
	add_int(event, EVENT_CATEGORY_IID, (int64_t)e->category + 1);
	if (e->name_id)
		add_int(event, EVENT_NAME_IID, e->name_id);
	else
		add_string(event, EVENT_NAME, e->name);
	if (e->name_id && sink_is_new(s, e->name_id)) {
		fresh(s, INTERNED);
		add_entry(s, INTERNED_EVENT, e->name_id, e->name);
		add_message(packet, PACKET_INTERNED, &s->scratch[INTERNED]);
	}
	for (int i = 0; i < e->n_args; i++)
		add_arg(s, event, &e->args[i]);
	add_message(packet, PACKET_TRACK_EVENT, event);
	end_packet(s);
}

static void begin(struct sink *s, const struct event *e)
{
	send_event(s, e, TYPE_BEGIN);
}

static void instant(struct sink *s, const struct event *e)
{
	send_event(s, e, TYPE_INSTANT);
}

static void end(struct sink *s, int run, enum track track, int64_t ts)
{
	struct text *packet = begin_packet(s), *event = fresh(s, MESSAGE);

	add_int(packet, PACKET_TIMESTAMP, ts);
	add_int(event, EVENT_TYPE, TYPE_END);
	add_int(event, EVENT_TRACK, thread_number(run, track));
	add_message(packet, PACKET_TRACK_EVENT, event);
	end_packet(s);
}

static void count(struct sink *s, int run, enum counter counter, int64_t ts, double x)
{
	struct text *packet = begin_packet(s), *event = fresh(s, MESSAGE);

	add_int(packet, PACKET_TIMESTAMP, ts);
	add_int(event, EVENT_TYPE, TYPE_COUNTER);
	add_int(event, EVENT_TRACK, counter_track(run, (int)counter));
	if (counter == COUNTER_KV_LEN)
		add_int(event, EVENT_COUNT, (int64_t)x);
	else
		add_real(event, EVENT_COUNT_REAL, x);
	add_message(packet, PACKET_TRACK_EVENT, event);
	end_packet(s);
}

static void tail(struct sink *s)
{
	(void)s;
}

const struct sink_format sink_perfetto = { head, process, begin, end, instant, count, tail };
