/*
 * words.h -- a tokenizer.json of eight tokens, for tests: spaces become U+2581, "ab" and " ab"
 * merge.
 */
#ifndef TESTS_WORDS_H
#define TESTS_WORDS_H

static const char words_tokenizer_json[] =
	"{\"version\":\"1.0\",\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true,"
	"\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false}],"
	"\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
	"{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},"
	"{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"}]},"
	"\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,"
	"\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<unk>\",\"fuse_unk\":true,"
	"\"byte_fallback\":false,\"vocab\":{\"<unk>\":0,\"<s>\":1,\"</s>\":2,\"a\":3,\"b\":4,"
	"\"\xe2\x96\x81\":5,\"ab\":6,\"\xe2\x96\x81"
	"ab\":7},\"merges\":[\"a b\",\"\xe2\x96\x81 ab\"]}}";

#endif
