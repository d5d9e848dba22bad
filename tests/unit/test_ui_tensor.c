/*
 * test_ui_tensor.c -- tensors as pictures: what they look like at every depth and width, that what
 * is hostile, odd or huge stays readable, and that the gate lets through what they are painted
 * with.
 */
#include "torchless/ui_tensor.h"
#include "torchless/utf8.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct array *array_of(const char *shape, const char *axes, const float *data)
{
	int64_t sizes[TENSOR_MAX_DIMS], numel;
	struct array *a;
	struct err err;
	int n_dims;

	cr_assert(array_parse_shape(shape, sizes, &n_dims, &numel));
	a = array_new(n_dims, sizes, &err);
	cr_assert(a);
	strcpy(a->axes, axes);
	if (data)
		memcpy(a->data, data, (size_t)a->numel * sizeof(*data));
	return a;
}

#define NUMBERS(...) ((const float[]){ __VA_ARGS__ })

static const char *word(void *ctx, int axis, int64_t index)
{
	static const char *const words[] = { "<s>",
					     "The",
					     " cat",
					     "日本語",
					     "\xf0\x9f\x98\x80",
					     "e\xcc\x81",
					     "\033[2J",
					     "\xff\xe6\x97",
					     "\u202eabcdefghijklmnopqrst" };
	const int *from = ctx;

	return axis < *from || index < 0 || index > 8 ? NULL : words[index];
}

static int from_0 = 0, from_1 = 1;
static const struct ui_labels words_of_all = { word, &from_0 }, words_of_heads = { word, &from_1 };

/* ---- what they look like ------------------------------------------------------------------ */

/* Both signs, and what is not finite. */
static void draw_heat(struct text *t, const struct ui *ui)
{
	struct array *a =
		array_of("2,4", "q,d", NUMBERS(-2, -1, 0, NAN, 1, 2, INFINITY, -INFINITY));

	ui_add_heat(t, ui, a, NULL);
	array_release(a);
}

/* Two rows a line, an odd number of them. */
static void draw_halves(struct text *t, const struct ui *ui)
{
	const struct ui_heat_options o = { .max_lines = 2 };
	struct array *a = array_of("3,2", "", NUMBERS(0, 1, 2, NAN, 4, 5));

	ui_add_heat(t, ui, a, &o);
	array_release(a);
}

static struct array *wave(const char *shape, const char *axes)
{
	struct array *a = array_of(shape, axes, NULL);

	for (int64_t i = 0; i < a->numel; i++)
		a->data[i] = (float)((i * 37) % 101 - 50) / 10;
	return a;
}

static void draw_wide(struct text *t, const struct ui *ui)
{
	struct array *a = wave("2,576", "pos,d");

	a->base[0] = 4;
	ui_add_heat(t, ui, a, NULL);
	array_release(a);
}

/* Every query sees its keys alike. */
static struct array *pattern(const char *shape, const char *axes)
{
	struct array *a = array_of(shape, axes, NULL);
	int64_t n = a->shape[a->n_dims - 1];

	for (int64_t i = 0; i < a->numel; i++)
		a->data[i] = i % n <= i / n % n ? 1 / (float)(i / n % n + 1) : 0;
	return a;
}

static void draw_pattern(struct text *t, const struct ui *ui)
{
	struct array *a = pattern("4,4", "q,k");

	ui_add_pattern(t, ui, a, &words_of_all, 0);
	array_release(a);
}

static void draw_heads(struct text *t, const struct ui *ui)
{
	struct array *a = pattern("3,3,3", "head,q,k");

	ui_add_pattern(t, ui, a, &words_of_heads, 2);
	array_release(a);
}

static void draw_hostile(struct text *t, const struct ui *ui)
{
	struct array *a = pattern("9,9", "q,k");

	ui_add_pattern(t, ui, a, &words_of_all, 0);
	array_release(a);
}

static void draw_hist(struct text *t, const struct ui *ui)
{
	const struct ui_hist_options o = { .bins = 4, .lo = 0, .hi = 4 };
	struct array *a = array_of(
		"12", "", NUMBERS(-1, 0, 0.5, 0.5, 1, 3, 4, 4.5, 5, NAN, INFINITY, -INFINITY));

	ui_add_hist(t, ui, a, &o);
	array_release(a);
}

static void draw_topk(struct text *t, const struct ui *ui)
{
	const struct ui_topk_options o = { .labels = &words_of_heads, .k = 3, .magnitude = true };
	struct array *a = array_of("2,3", "pos,d", NUMBERS(1, NAN, -8, 4, 8, 0));

	a->base[0] = 7;
	ui_add_topk(t, ui, a, &o);
	array_release(a);
}

static void draw_print(struct text *t, const struct ui *ui)
{
	struct array *a = wave("100,576", "pos,d");

	a->base[0] = 20;
	ui_add_array(t, ui, a, &(struct ui_print_options){ .max_rows = 5 });
	array_release(a);
}

static void draw_printed_labels(struct text *t, const struct ui *ui)
{
	struct array *a = array_of("1,9", "q,k",
				   NUMBERS(1, -2, 0.5, NAN, INFINITY, -INFINITY, 1e-40f, 3e38f, 7));

	ui_add_array(t, ui, a, &(struct ui_print_options){ .labels = &words_of_heads });
	array_release(a);
}

static const struct {
	void (*draw)(struct text *t, const struct ui *ui);
	enum ui_depth depth;
	int width; /* negative: no UTF-8 */
	const char *expected;
} goldens[] = {
	{ draw_heat, UI_DEPTH_24BIT, 80,
	  "   0 1 2 3\n"
	  "0 \033[48;2;175;213;254m  \033[48;2;4;101;175m  \033[48;2;27;27;27m  \033[38;2;255;255;255m\033[48;2;230;0;90m!!\033[39m\033[49m\n"
	  "1 \033[48;2;142;83;0m  \033[48;2;255;196;138m  \033[38;2;255;255;255m\033[48;2;230;0;90m^^\033[48;2;96;96;96mvv\033[39m\033[49m\n"
	  "rows q, columns d  -2 \033[48;2;175;213;254m \033[48;2;83;179;254m \033[48;2;3;146;249m \033[48;2;4;120;207m \033[48;2;7;96;164m \033[48;2;21;76;122m \033[48;2;29;56;82m \033[48;2;28;37;45m \033[48;2;43;34;24m \033[48;2;74;47;17m \033[48;2;105;62;9m \033[48;2;135;79;2m \033[48;2;168;99;0m \033[48;2;203;121;0m \033[48;2;229;158;64m \033[48;2;255;196;138m \033[49m 2  min -2 max 2  1 NaN !  1 +inf ^\n"
	  "1 -inf v\n" },
	{ draw_heat, UI_DEPTH_24BIT, -80,
	  "   0 1 2 3\n"
	  "0 \033[48;2;175;213;254m  \033[48;2;4;101;175m  \033[48;2;27;27;27m  \033[38;2;255;255;255m\033[48;2;230;0;90m!!\033[39m\033[49m\n"
	  "1 \033[48;2;142;83;0m  \033[48;2;255;196;138m  \033[38;2;255;255;255m\033[48;2;230;0;90m^^\033[48;2;96;96;96mvv\033[39m\033[49m\n"
	  "rows q, columns d  -2 \033[48;2;175;213;254m \033[48;2;83;179;254m \033[48;2;3;146;249m \033[48;2;4;120;207m \033[48;2;7;96;164m \033[48;2;21;76;122m \033[48;2;29;56;82m \033[48;2;28;37;45m \033[48;2;43;34;24m \033[48;2;74;47;17m \033[48;2;105;62;9m \033[48;2;135;79;2m \033[48;2;168;99;0m \033[48;2;203;121;0m \033[48;2;229;158;64m \033[48;2;255;196;138m \033[49m 2  min -2 max 2  1 NaN !  1 +inf ^\n"
	  "1 -inf v\n" },
	{ draw_heat, UI_DEPTH_256, 80,
	  "   0 1 2 3\n"
	  "0 \033[48;5;153m  \033[48;5;25m  \033[48;5;234m  \033[38;5;231m\033[48;5;161m!!\033[39m\033[49m\n"
	  "1 \033[48;5;94m  \033[48;5;222m  \033[38;5;231m\033[48;5;161m^^\033[48;5;59mvv\033[39m\033[49m\n"
	  "rows q, columns d  -2 \033[48;5;153m \033[48;5;75m \033[48;5;33m \033[48;5;32m \033[48;5;25m \033[48;5;24m \033[48;5;237m \033[48;5;235m  \033[48;5;236m \033[48;5;58m \033[48;5;94m \033[48;5;130m \033[48;5;172m \033[48;5;179m \033[48;5;222m \033[49m 2  min -2 max 2  1 NaN !  1 +inf ^\n"
	  "1 -inf v\n" },
	{ draw_heat, UI_DEPTH_16, 80,
	  "   0 1 2 3\n"
	  "0 \033[34m≡≡--\033[33m  \033[35m!!\033[39m\n"
	  "1 \033[33m▒▒██\033[35m^^vv\033[39m\n"
	  "rows q, columns d  -2 \033[34m≡=-·\033[33m ░▒▓█\033[39m 2  min -2 max 2  1 NaN !  1 +inf ^  1 -inf v\n" },
	{ draw_heat, UI_DEPTH_NONE, 80,
	  "   0 1 2 3\n"
	  "0 ≡≡--  !!\n"
	  "1 ▒▒██^^vv\n"
	  "rows q, columns d  -2 ≡=-· ░▒▓█ 2  min -2 max 2  1 NaN !  1 +inf ^  1 -inf v\n" },
	{ draw_heat, UI_DEPTH_NONE, -80,
	  "   0 1 2 3\n"
	  "0 %%--  !!\n"
	  "1 ++##^^vv\n"
	  "rows q, columns d  -2 %=-, .+*# 2  min -2 max 2  1 NaN !  1 +inf ^  1 -inf v\n" },
	{ draw_halves, UI_DEPTH_24BIT, 80,
	  "  0 \n"
	  "0 \033[38;2;68;1;84m\033[48;2;42;119;142m▀\033[38;2;255;255;255m\033[48;2;230;0;90m!\033[39m\033[49m\n"
	  "2 \033[38;2;123;208;79m▀\033[38;2;253;231;37m▀\033[39m\n"
	  "0 \033[48;2;68;1;84m \033[48;2;70;24;104m \033[48;2;70;46;123m \033[48;2;64;66;132m \033[48;2;57;85;139m \033[48;2;49;102;141m \033[48;2;42;119;142m \033[48;2;36;136;141m \033[48;2;35;152;138m \033[48;2;38;167;131m \033[48;2;57;182;119m \033[48;2;85;196;103m \033[48;2;123;208;79m \033[48;2;165;219;53m \033[48;2;209;225;44m \033[48;2;253;231;37m \033[49m 5  min 0 max 5  1 NaN !\n" },
	{ draw_halves, UI_DEPTH_256, 80,
	  "  0 \n"
	  "0 \033[38;5;53m\033[48;5;30m▀\033[38;5;231m\033[48;5;161m!\033[39m\033[49m\n"
	  "2 \033[38;5;113m▀\033[38;5;220m▀\033[39m\n"
	  "0 \033[48;5;53m  \033[48;5;54m \033[48;5;60m   \033[48;5;30m   \033[48;5;36m \033[48;5;72m \033[48;5;77m \033[48;5;113m \033[48;5;149m \033[48;5;184m \033[48;5;220m \033[49m 5  min 0 max 5  1 NaN !\n" },
	{ draw_wide, UI_DEPTH_NONE, 80,
	  "  0    36   73   110  147  184  221  258  295  332  369  406  443  480  516  553\n"
	  "4 ≡≡█≡█≡█≡█≡█≡█≡█≡███≡██≡≡≡█≡≡≡=███≡██≡≡≡█≡≡≡█≡█≡█≡█≡█≡█≡█≡███≡██≡≡≡▓█≡█≡███≡██≡\n"
	  "5 ≡≡█≡≡≡█≡█≡█≡█≡█≡█≡█≡██≡≡██≡≡≡▓█≡█≡███≡██≡≡≡█≡≡≡█≡█≡█≡█≡█≡█≡█≡██≡≡█▓█≡█≡█≡█≡███\n"
	  "rows pos, columns d  -5 ≡=-· ░▒▓█ 5  min -5 max 5  pooled d 576→78 by max |x|\n" },
	{ draw_wide, UI_DEPTH_NONE, 200,
	  "  0    14   29   43   58   72   87   101  116  130  145  160  174  189  203  218  232  247  261  276  290  305  320  334  349  363  378  392  407  421  436  450  465  480  494  509  523  538  552  567\n"
	  "4 ≡≡▓█≡=█≡=██≡▓█≡=▓█≡▓█≡▓█≡=▓█≡=▓█≡=█≡≡█≡=▓█≡=██≡▓█≡=█≡=▓█≡=█≡=▓█≡▓█▒≡█≡≡▓█≡=▓█≡=██≡█≡=▓█≡=▓█≡=█≡=█≡=▓█≡=█≡≡▓█≡=-█≡██≡▓█≡=▓█≡=▓█≡█≡=▓█≡=▓█≡=█≡≡█≡▒=█≡=██≡▓█≡=▓█≡▓█≡=█≡=▓█≡=▓█≡█≡≡▓█≡=▓█≡=██≡█-≡=█≡=▓█≡=█\n"
	  "5 ≡=▓█≡▓█≡=█≡≡▓█≡=▓█≡██≡▓█≡=▓█≡=▓█≡=█≡=█≡=▓█≡=█≡≡▓█≡=█≡=██≡▓█≡=▓█≡▓█▒≡█≡=▓█≡=▓█≡=█≡≡█≡=▓█≡=██≡▓█≡=█≡=▓█≡=█≡=▓█≡▓-█≡█≡≡▓█≡=▓█≡=██≡█≡=▓█≡=▓█≡=█≡=█≡▒▓█≡=█≡≡▓█≡=▓█≡██≡▓█≡=▓█≡=▓█≡█≡=▓█≡=▓█≡=█≡≡█-≡=█≡=██≡▓█\n"
	  "rows pos, columns d  -5 ≡=-· ░▒▓█ 5  min -5 max 5  pooled d 576→198 by max |x|\n" },
	{ draw_wide, UI_DEPTH_NONE, -80,
	  "  0    36   73   110  147  184  221  258  295  332  369  406  443  480  516  553\n"
	  "4 %%#%#%#%#%#%#%#%###%##%%%#%%%=###%##%%%#%%%#%#%#%#%#%#%#%###%##%%%*#%#%###%##%\n"
	  "5 %%#%%%#%#%#%#%#%#%#%##%%##%%%*#%#%###%##%%%#%%%#%#%#%#%#%#%#%##%%#*#%#%#%#%###\n"
	  "rows pos, columns d  -5 %=-, .+*# 5  min -5 max 5  pooled d 576->78 by max |x|\n" },
	{ draw_pattern, UI_DEPTH_24BIT, 80,
	  "           <s>    The    cat 日本語\n"
	  "   <s> \033[38;2;0;0;0m\033[48;2;253;231;37m    1.0\033[49m                     \033[39m\n"
	  "   The \033[38;2;255;255;255m\033[48;2;33;144;141m    .50    .50\033[49m              \033[39m\n"
	  "   cat \033[38;2;255;255;255m\033[48;2;49;102;141m    .33    .33    .33\033[49m       \033[39m\n"
	  "日本語 \033[38;2;255;255;255m\033[48;2;59;81;139m    .25    .25    .25    .25\033[39m\033[49m\n"
	  "rows q, columns k  0 \033[48;2;68;1;84m \033[48;2;70;24;104m \033[48;2;70;46;123m \033[48;2;64;66;132m \033[48;2;57;85;139m \033[48;2;49;102;141m \033[48;2;42;119;142m \033[48;2;36;136;141m \033[48;2;35;152;138m \033[48;2;38;167;131m \033[48;2;57;182;119m \033[48;2;85;196;103m \033[48;2;123;208;79m \033[48;2;165;219;53m \033[48;2;209;225;44m \033[48;2;253;231;37m \033[49m 1  min 0.25 max 1\n" },
	{ draw_pattern, UI_DEPTH_16, 80,
	  "           <s>    The    cat 日本語\n"
	  "   <s>     1.0                     \n"
	  "   The     .50    .50              \n"
	  "   cat     .33    .33    .33       \n"
	  "日本語     .25    .25    .25    .25\n"
	  "rows q, columns k  min 0.25 max 1\n" },
	{ draw_pattern, UI_DEPTH_NONE, 80,
	  "           <s>    The    cat 日本語\n"
	  "   <s>     1.0                     \n"
	  "   The     .50    .50              \n"
	  "   cat     .33    .33    .33       \n"
	  "日本語     .25    .25    .25    .25\n"
	  "rows q, columns k  min 0.25 max 1\n" },
	{ draw_pattern, UI_DEPTH_NONE, 20,
	  "       < T c 日\n"
	  "       s h a 本\n"
	  "       > e t 語\n"
	  "   <s> ██      \n"
	  "   The ▒▒▒▒    \n"
	  "   cat ░░░░░░  \n"
	  "日本語 ░░░░░░░░\n"
	  "rows q, columns k\n"
	  "0 ·░▒▓█ 1\n"
	  "min 0.25 max 1\n" },
	{ draw_heads, UI_DEPTH_NONE, 80,
	  "    head 0        head 1        head 2\n"
	  "     <s> The cat   <s> The cat   <s> The cat\n"
	  "<s>  1.0           1.0           1.0        \n"
	  "The  .50 .50       .50 .50       .50 .50    \n"
	  "cat      .33 .33       .33 .33       .33 .33\n"
	  "rows q, columns k  min 0.3333 max 1\n" },
	{ draw_heads, UI_DEPTH_256, 200,
	  "    head 0        head 1        head 2\n"
	  "     <s> The cat   <s> The cat   <s> The cat\n"
	  "<s> \033[38;5;16m\033[48;5;220m 1.0\033[49m        \033[39m  \033[38;5;16m\033[48;5;220m 1.0\033[49m        \033[39m  \033[38;5;16m\033[48;5;220m 1.0\033[49m        \033[39m\n"
	  "The \033[38;5;231m\033[48;5;30m .50 .50\033[49m    \033[39m  \033[38;5;231m\033[48;5;30m .50 .50\033[49m    \033[39m  \033[38;5;231m\033[48;5;30m .50 .50\033[49m    \033[39m\n"
	  "cat     \033[38;5;231m\033[48;5;60m .33 .33\033[39m\033[49m      \033[38;5;231m\033[48;5;60m .33 .33\033[39m\033[49m      \033[38;5;231m\033[48;5;60m .33 .33\033[39m\033[49m\n"
	  "rows q, columns k  0 \033[48;5;53m  \033[48;5;54m \033[48;5;60m   \033[48;5;30m   \033[48;5;36m \033[48;5;72m \033[48;5;77m \033[48;5;113m \033[48;5;149m \033[48;5;184m \033[48;5;220m \033[49m 1  min 0.3333 max 1\n" },
	{ draw_hostile, UI_DEPTH_NONE, 80,
	  "                     <s>    The    cat 日本語     😀      é \\x1B[… \\xFF\\… \\xE2\\…\n"
	  "             <s>     1.0                                                        \n"
	  "             The     .50    .50                                                 \n"
	  "             cat     .33    .33    .33                                          \n"
	  "          日本語     .25    .25    .25    .25                                   \n"
	  "              😀     .20    .20    .20    .20    .20                            \n"
	  "               é     .17    .17    .17    .17    .17    .17                     \n"
	  "         \\x1B[2J     .14    .14    .14    .14    .14    .14    .14              \n"
	  "    \\xFF\\xE6\\x97     .12    .12    .12    .12    .12    .12    .12    .12       \n"
	  "\\xE2\\x80\\xAEabc…     .11    .11    .11    .11    .11    .11    .11    .11    .11\n"
	  "rows q, columns k  min 0.1111 max 1\n" },
	{ draw_hostile, UI_DEPTH_NONE, 40,
	  "                          \\ \\ \n"
	  "                        \\ x x \n"
	  "                        x F E \n"
	  "                        1 F 2 \n"
	  "                        B \\ \\ \n"
	  "            < T c 日    [ x x \n"
	  "            s h a 本    2 E 8 \n"
	  "            > e t 語😀é J … … \n"
	  "        <s> ██                \n"
	  "        The ▒▒▒▒              \n"
	  "        cat ░░░░░░            \n"
	  "     日本語 ░░░░░░░░          \n"
	  "         😀 ░░░░░░░░░░        \n"
	  "          é ············      \n"
	  "    \\x1B[2J ··············    \n"
	  "\\xFF\\xE6\\x… ················  \n"
	  "\\xE2\\x80\\x… ··················\n"
	  "rows q, columns k  0 ·░▒▓█ 1\n"
	  "min 0.1111 max 1\n" },
	{ draw_hist, UI_DEPTH_NONE, 80,
	  "[0, 1)  3  ████████████████████████████████████████████████████████████\n"
	  "[1, 2)  1  ████████████████████\n"
	  "[2, 3)  0\n"
	  "[3, 4]  2  ████████████████████████████████████████\n"
	  "12 elements  min -1 max 5 mean 1.944 std 2.074  1 below  2 above  1 NaN  1 +inf\n"
	  "1 -inf\n" },
	{ draw_hist, UI_DEPTH_NONE, -80,
	  "[0, 1)  3  ############################################################\n"
	  "[1, 2)  1  ####################\n"
	  "[2, 3)  0\n"
	  "[3, 4]  2  ########################################\n"
	  "12 elements  min -1 max 5 mean 1.944 std 2.074  1 below  2 above  1 NaN  1 +inf\n"
	  "1 -inf\n" },
	{ draw_topk, UI_DEPTH_NONE, 80,
	  "[7,2]   cat  -8  ██████████████████████████████\n"
	  "[8,1]  The    8  ██████████████████████████████\n"
	  "[8,0]  <s>    4  ███████████████\n"
	  "3 of 6  1 NaN left out\n" },
	{ draw_print, UI_DEPTH_NONE, 80,
	  "       0    1    2    3    4    5    6    7 …  569  570  571  572  573  574  575\n"
	  " 20   -5 -1.3  2.4   -4 -0.3  3.4   -3  0.7 … -0.5  3.2 -3.2  0.5  4.2 -2.2  1.5\n"
	  " 21 -4.9 -1.2  2.5 -3.9 -0.2  3.5 -2.9  0.8 … -0.4  3.3 -3.1  0.6  4.3 -2.1  1.6\n"
	  " 22 -4.8 -1.1  2.6 -3.8 -0.1  3.6 -2.8  0.9 … -0.3  3.4   -3  0.7  4.4   -2  1.7\n"
	  "  …\n"
	  "118  4.8 -1.6  2.1 -4.3 -0.6  3.1 -3.3  0.4 … -0.8  2.9 -3.5  0.2  3.9 -2.5  1.2\n"
	  "119  4.9 -1.5  2.2 -4.2 -0.5  3.2 -3.2  0.5 … -0.7    3 -3.4  0.3    4 -2.4  1.3\n"
	  "57,525 more of f32[100,576]\n" },
	{ draw_print, UI_DEPTH_NONE, 200,
	  "       0    1    2    3    4    5    6    7    8    9   10   11   12   13   14   15   16   17   18   19 …  557  558  559  560  561  562  563  564  565  566  567  568  569  570  571  572  573  574  575\n"
	  " 20   -5 -1.3  2.4   -4 -0.3  3.4   -3  0.7  4.4   -2  1.7 -4.7   -1  2.7 -3.7    0  3.7 -2.7    1  4.7 … -4.5 -0.8  2.9 -3.5  0.2  3.9 -2.5  1.2  4.9 -1.5  2.2 -4.2 -0.5  3.2 -3.2  0.5  4.2 -2.2  1.5\n"
	  " 21 -4.9 -1.2  2.5 -3.9 -0.2  3.5 -2.9  0.8  4.5 -1.9  1.8 -4.6 -0.9  2.8 -3.6  0.1  3.8 -2.6  1.1  4.8 … -4.4 -0.7    3 -3.4  0.3    4 -2.4  1.3    5 -1.4  2.3 -4.1 -0.4  3.3 -3.1  0.6  4.3 -2.1  1.6\n"
	  " 22 -4.8 -1.1  2.6 -3.8 -0.1  3.6 -2.8  0.9  4.6 -1.8  1.9 -4.5 -0.8  2.9 -3.5  0.2  3.9 -2.5  1.2  4.9 … -4.3 -0.6  3.1 -3.3  0.4  4.1 -2.3  1.4   -5 -1.3  2.4   -4 -0.3  3.4   -3  0.7  4.4   -2  1.7\n"
	  "  …\n"
	  "118  4.8 -1.6  2.1 -4.3 -0.6  3.1 -3.3  0.4  4.1 -2.3  1.4   -5 -1.3  2.4   -4 -0.3  3.4   -3  0.7  4.4 … -4.8 -1.1  2.6 -3.8 -0.1  3.6 -2.8  0.9  4.6 -1.8  1.9 -4.5 -0.8  2.9 -3.5  0.2  3.9 -2.5  1.2\n"
	  "119  4.9 -1.5  2.2 -4.2 -0.5  3.2 -3.2  0.5  4.2 -2.2  1.5 -4.9 -1.2  2.5 -3.9 -0.2  3.5 -2.9  0.8  4.5 … -4.7   -1  2.7 -3.7    0  3.7 -2.7    1  4.7 -1.7    2 -4.4 -0.7    3 -3.4  0.3    4 -2.4  1.3\n"
	  "57,405 more of f32[100,576]\n" },
	{ draw_printed_labels, UI_DEPTH_NONE, 80,
	  "     <s>    The    cat 日本語     😀      é \\x1B[… \\xFF\\… \\xE2\\…\n"
	  "0      1     -2    0.5    nan    inf   -inf  1e-40  3e+38      7\n" },
	{ draw_printed_labels, UI_DEPTH_NONE, -40,
	  "     <s>    The    cat \\xE6\\~ \\xF0\\~\n"
	  "0      1     -2    0.5    nan    inf\n"
	  "  e\\xCC~ \\x1B[~ \\xFF\\~ \\xE2\\~\n"
	  "0   -inf  1e-40  3e+38      7\n" },
};

Test(ui_tensor, looks_as_it_should)
{
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		struct ui ui = { .is_terminal = true,
				 .color = goldens[i].depth > UI_DEPTH_NONE,
				 .utf8 = goldens[i].width > 0,
				 .depth = goldens[i].depth,
				 .width = abs(goldens[i].width) };
		struct text t = { 0 };

		goldens[i].draw(&t, &ui);
		cr_expect_str_eq(t.data, goldens[i].expected, "golden %zu is\n%s\nnot\n%s", i,
				 t.data, goldens[i].expected);
		text_release(&t);
	}
}

/* ---- whatever it is ----------------------------------------------------------------------- */

/* Without what sets colours. */
static void strip(struct text *t)
{
	size_t used = 0;

	for (size_t i = 0; i < t->len; i++) {
		if (t->data[i] == '\033')
			i += strcspn(t->data + i, "m");
		else
			t->data[used++] = t->data[i];
	}
	t->len = used;
	t->data[used] = '\0';
}

/* It passes the gate as it is, its lines end, and fit a screen of a usual width. */
static void check_readable(struct text *t, const struct ui *ui, const char *what)
{
	char *written = NULL;
	size_t n = 0;
	struct ui out = *ui;

	cr_assert_gt(t->len, 0, "%s", what);
	cr_assert_lt(t->len, 1 << 20, "%s: %zu bytes", what, t->len);
	cr_assert_eq(t->data[t->len - 1], '\n', "%s", what);
	out.out = open_memstream(&written, &n);
	cr_assert(ui_write(&out, t->data, t->len));
	fclose(out.out);
	cr_assert_eq(n, t->len, "%s: the gate changes\n%s", what, t->data);
	free(written);
	strip(t);
	for (const char *line = t->data; *line && ui->width >= 80; line += strcspn(line, "\n") + 1)
		cr_assert_leq(utf8_width(line, strcspn(line, "\n")), ui->width, "%s: %s", what,
			      line);
	text_clear(t);
}

static void check_all(const struct array *a, const struct ui *ui, const char *what)
{
	static const char formats[] = "gefxbd?";
	struct text t = { 0 };
	struct ui wide = *ui;

	ui_add_heat(&t, ui, a, NULL);
	check_readable(&t, ui, what);
	ui_add_heat(&t, ui, a,
		    &(struct ui_heat_options){ .labels = &words_of_all, .numbers = true });
	check_readable(&t, ui, what);
	ui_add_pattern(&t, ui, a, &words_of_heads, 3);
	check_readable(&t, ui, what);
	ui_add_hist(&t, ui, a, &(struct ui_hist_options){ .log = true });
	check_readable(&t, ui, what);
	ui_add_topk(&t, ui, a, &(struct ui_topk_options){ .labels = &words_of_all, .k = 3 });
	check_readable(&t, ui, what);
	for (const char *f = formats; *f; f++) {
		ui_add_array(&t, ui, a,
			     &(struct ui_print_options){ .format = *f, .labels = &words_of_heads });
		check_readable(&t, ui, what);
	}
	wide.width = 0; /* this one is a line, however long */
	ui_add_array_line(&t, ui, a);
	text_addc(&t, '\n');
	check_readable(&t, &wide, what);
	text_release(&t);
}

static void fill(struct array *a, int kind)
{
	static const float odd[] = { 0,        -0.0f,  NAN,     INFINITY, -INFINITY, FLT_MAX,
				     -FLT_MAX, 1e-45f, -1e-45f, FLT_MIN,  1,         -1 };

	for (int64_t i = 0; i < a->numel; i++)
		a->data[i] = kind < 12   ? odd[kind]
			     : kind < 24 ? odd[i % 2 ? kind - 12 : 0]
					 : odd[(i * 7 + i / 5 + kind) % 12];
}

Test(ui_tensor, anything_is_readable_anywhere, .timeout = 120)
{
	static const char *const shapes[] = { "",        "1",       "0",       "5",
					      "200",     "1,1",     "0,64",    "64,0",
					      "3,4",     "70,90",   "2,3,4",   "20,3,2",
					      "2,3,4,5", "7,0,2,1", "1,1,1,1", "3,40,40" };
	static const int widths[] = { 0, 1, 7, 60, 80, 200 };
	char what[100];

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		struct array *a = array_of(shapes[s], "", NULL);

		for (int n = 0; n < 26 * 4; n += 1 + (a->numel > 300) * 4) {
			struct ui ui = { .is_terminal = true,
					 .depth = (enum ui_depth)(n % 4),
					 .utf8 = n % 5 != 0,
					 .width = widths[n / 4 % 6] };
			int kind = (7 * n + n / 26) % 26;

			fill(a, kind);
			a->dtype = n % 7 == 0 ? DTYPE_BF16 : n % 7 == 1 ? DTYPE_F16 : DTYPE_F32;
			snprintf(what, sizeof(what), "[%s] kind %d depth %d width %d", shapes[s],
				 kind, n % 4, ui.width);
			check_all(a, &ui, what);
		}
		array_release(a);
	}
}

/* What `draw` makes of one array, to be looked for in. */
static char *heat_of(const struct array *a, const struct ui_heat_options *o)
{
	struct ui ui = { .utf8 = true, .width = 80 };
	struct text t = { 0 };

	ui_add_heat(&t, &ui, a, o);
	return t.data;
}

#define HAS(text, part) cr_assert(strstr(text, part), "no '%s' in\n%s", part, text)

Test(ui_tensor, the_legend_is_honest)
{
	const struct ui_heat_options given = { .lo = -1, .hi = 1 };
	static const struct {
		float data[3];
		const char *said;
	} cases[] = {
		{ { NAN, NAN, NAN }, "nothing is finite  3 NaN !" },
		{ { INFINITY, -INFINITY, NAN }, "nothing is finite  1 NaN !  1 +inf ^  1 -inf v" },
		{ { 3, 3, 3 }, "all 3\n" },
		{ { 0, 0, 0 }, "all 0\n" },
		{ { -3, -3, -3 }, "-3 ≡=-· ░▒▓█ 3  min -3 max -3" },
		{ { 1, 2, 5 }, "1  ░▒▓█ 5  min 1 max 5" },
		{ { -FLT_MAX, FLT_MAX, 0 }, "-3.403e+38 ≡=-· ░▒▓█ 3.403e+38  min" },
		{ { 0, 1e-45f, 0 }, "0  ░▒▓█ 1.401e-45  min 0 max 1.401e-45" },
	};
	struct array *a = array_of("3", "", NULL);
	char *said;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(a->data, cases[i].data, sizeof(cases[i].data));
		said = heat_of(a, NULL);
		HAS(said, cases[i].said);
		free(said);
	}
	memcpy(a->data, NUMBERS(-5, 0, 0.5), 3 * sizeof(float));
	said = heat_of(a, &given);
	HAS(said, "-1 ≡=-· ░▒▓█ 1  min -5 max 0.5\nwhat lies beyond the scale has the colour");
	free(said);
	array_release(a);
}

Test(ui_tensor, a_narrow_range_has_the_digits_that_it_needs)
{
	struct array *a = array_of("3", "", NUMBERS(1000, 1000.5f, 1001));
	struct ui ui = { .width = 80 };
	struct text t = { 0 };
	char *said = heat_of(a, NULL);

	HAS(said, "1000  ░▒▓█ 1001  min 1000 max 1001");
	free(said);
	a->data[2] = 1000.125f;
	a->data[1] = 1000;
	said = heat_of(a, NULL);
	HAS(said, "min 1000 max 1000.1\n");
	free(said);
	ui_add_hist(&t, &ui, a, &(struct ui_hist_options){ .bins = 2 });
	HAS(t.data, "[   1000, 1000.06)  2");
	HAS(t.data, "[1000.06, 1000.12]  1");
	text_release(&t);
	array_release(a);
}

Test(ui_tensor, pooling_keeps_what_matters_and_says_so)
{
	struct array *a = array_of("1,800", "pos,d", NULL);
	char *said;

	memset(a->data, 0, 800 * sizeof(float));
	a->data[401] = -9;
	a->data[402] = 8;
	said = heat_of(a, NULL);
	HAS(said, "≡  ");
	HAS(said, "pooled d 800→78 by max |x|");
	cr_assert_null(strchr(strstr(said, "0 ") + 200, '\033'));
	free(said);
	a->data[405] = INFINITY;
	a->data[404] = NAN;
	for (int i = 0; i < 5; i++)
		a->data[i] = -INFINITY;
	said = heat_of(a, NULL);
	HAS(said, "!");
	HAS(said, "1 NaN !  1 +inf ^  5 -inf v");
	free(said);
	array_release(a);
}

Test(ui_tensor, many_pictures_are_left_out_by_name)
{
	struct array *a = wave("40,2,2", "head,q,k"), *b = wave("5,5,2,2", "");
	char *said = heat_of(a, NULL);

	HAS(said, "head 15");
	HAS(said, "head 16 to 39 left out");
	free(said);
	said = heat_of(b, NULL);
	HAS(said, "i0 3, i1 0");
	HAS(said, "9 more pictures left out");
	free(said);
	array_release(a);
	array_release(b);
}

Test(ui_tensor, a_decoded_token_sees_the_keys_before_it)
{
	struct array *a = array_of("1,4", "q,k", NUMBERS(0.25, 0.25, 0.25, 0.25));
	struct ui ui = { .width = 80 };
	struct text t = { 0 };

	a->base[0] = 3;
	ui_add_pattern(&t, &ui, a, NULL, 0);
	cr_assert_str_eq(t.data, "     0   1   2   3\n"
				 "3  .25 .25 .25 .25\n"
				 "rows q, columns k  min 0.25 max 0.25\n");
	text_release(&t);
	ui_add_pattern(&t, &ui, a, NULL, 2);
	HAS(t.data, "3          .25 .25\n");
	text_release(&t);
	array_release(a);
}

Test(ui_tensor, a_large_pattern_is_small_and_quick, .timeout = 120)
{
	struct array *a = array_of("2,2048,4096", "head,q,k", NULL);
	struct ui ui = { .utf8 = true, .depth = UI_DEPTH_24BIT, .width = 200 };
	struct text t = { 0 };

	memset(a->data, 0, (size_t)a->numel * sizeof(float));
	a->base[1] = 2048;
	a->data[a->numel - 1] = 1;
	ui_add_pattern(&t, &ui, a, NULL, 0);
	cr_assert_lt(t.len, 100000);
	HAS(t.data, "pooled q 2048→32, k 4096→63 by max |x|");
	text_release(&t);
	array_release(a);
}

/* ---- numbers ------------------------------------------------------------------------------ */

static void check_print(const struct array *a, const struct ui_print_options *o,
			const char *expected)
{
	struct ui ui = { .utf8 = true, .width = 60 };
	struct text t = { 0 };

	ui_add_array(&t, &ui, a, o);
	cr_assert_str_eq(t.data, expected, "is\n%s\nnot\n%s", t.data, expected);
	text_release(&t);
}

Test(ui_tensor, numbers_print_in_every_format)
{
	struct array *a = array_of("3", "", NUMBERS(1, -2.5, NAN));
	static const struct {
		char format;
		enum dtype dtype;
		const char *expected;
	} cases[] = {
		{ 'g', DTYPE_F32, "[1 -2.5 nan]\n" },
		{ 0, DTYPE_F32, "[1 -2.5 nan]\n" },
		{ 'e', DTYPE_F32, "[1.0000e+00 -2.5000e+00 nan]\n" },
		{ 'f', DTYPE_F32, "[1.0000 -2.5000 nan]\n" },
		{ 'd', DTYPE_I32, "[1 -2 nan]\n" },
		{ 'x', DTYPE_F32, "[0x3f800000 0xc0200000 0x7fc00000]\n" },
		{ 'x', DTYPE_BF16, "[0x3f80 0xc020 0x7fc0]\n" },
		{ 'x', DTYPE_F16, "[0x3c00 0xc100 0x7e00]\n" },
		{ 'b', DTYPE_BF16, "[0_01111111_0000000 1_10000000_0100000 0_11111111_1000000]\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a->dtype = cases[i].dtype;
		check_print(a, &(struct ui_print_options){ .format = cases[i].format },
			    cases[i].expected);
	}
	array_release(a);
}

Test(ui_tensor, numbers_of_every_rank)
{
	struct array *a = array_of("", "", NUMBERS(0.1f));

	check_print(a, NULL, "0.1\n");
	check_print(a, &(struct ui_print_options){ .precision = 9 }, "0.100000001\n");
	array_release(a);
	a = array_of("0,3", "", NULL);
	check_print(a, NULL, "f32[0,3]: no elements\n");
	array_release(a);
	a = wave("30", "d");
	a->base[0] = 100;
	check_print(a, NULL,
		    "100:   -5 -1.3  2.4   -4 -0.3  3.4   -3  0.7  4.4   -2  1.7\n"
		    "111: -4.7   -1  2.7 -3.7    0  3.7 -2.7    1  4.7 -1.7    2\n"
		    "122: -4.4 -0.7    3 -3.4  0.3    4 -2.4  1.3\n");
	check_print(a, &(struct ui_print_options){ .max_elements = 10 },
		    "[-5 -1.3 2.4 -4 -0.3 3.4 … -3.4 0.3 4 -2.4 1.3]\n19 more of f32[30]\n");
	array_release(a);
	a = wave("2,2,2", "head,q,k");
	check_print(a, NULL,
		    "head 0:\n     0    1\n0   -5 -1.3\n1  2.4   -4\n"
		    "head 1:\n     0    1\n0 -0.3  3.4\n1   -3  0.7\n");
	array_release(a);
}

/* ---- the gate and the depth --------------------------------------------------------------- */

static bool passes(const char *s)
{
	char *written = NULL;
	size_t n = 0;
	struct ui ui = { .out = open_memstream(&written, &n), .is_terminal = true };
	bool same;

	cr_assert(ui_write(&ui, s, strlen(s)));
	fclose(ui.out);
	same = n == strlen(s) && !memcmp(written, s, n);
	free(written);
	return same;
}

Test(ui_tensor, the_gate_knows_the_colours_and_nothing_like_them)
{
	static const char *const good[] = { "\033[38;2;0;10;255m",
					    "\033[48;2;1;2;3m",
					    "\033[38;5;16m",
					    "\033[48;5;255m",
					    "\033[39m",
					    "\033[49m",
					    "\033[34m" };
	static const char *const bad[] = {
		"\033[38;2;0;10;256m", "\033[38;2;0;10m", "\033[38;2;0;10;1",
		"\033[38;2;00;1;1m",   "\033[38;2;;1;1m", "\033[38;2;1;1;1H",
		"\033[38;5;m",         "\033[38;5;1000m", "\033[58;5;1m",
		"\033[38;2;1;1;1;1m",  "\033[8m",         "\033[31m",
		"\033[38:2:1:1:1m",    "\033[39;8m",      "\033[38;2;-1;1;1m",
		"\033[48;5;1J"
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(passes(good[i]), "%s", good[i] + 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(passes(bad[i]), "%s", bad[i] + 1);
}

static enum ui_depth depth_with(const char *term, const char *colorterm, const char *no_color,
				enum ui_color color)
{
	FILE *pipe = tmpfile();
	struct ui ui;

	setenv("TERM", term, 1);
	setenv("COLORTERM", colorterm, 1);
	setenv("NO_COLOR", no_color, 1);
	ui_init(&ui, pipe, color);
	fclose(pipe);
	return ui.depth;
}

Test(ui_tensor, the_environment_says_how_many_colours)
{
	cr_assert_eq(depth_with("xterm", "", "", UI_COLOR_ALWAYS), UI_DEPTH_16);
	cr_assert_eq(depth_with("", "", "", UI_COLOR_ALWAYS), UI_DEPTH_16);
	cr_assert_eq(depth_with("xterm-256color", "", "", UI_COLOR_ALWAYS), UI_DEPTH_256);
	cr_assert_eq(depth_with("xterm-256color", "truecolor", "", UI_COLOR_ALWAYS),
		     UI_DEPTH_24BIT);
	cr_assert_eq(depth_with("xterm-kitty", "", "1", UI_COLOR_ALWAYS), UI_DEPTH_24BIT);
	cr_assert_eq(depth_with("xterm", "24bit", "", UI_COLOR_AUTO), UI_DEPTH_NONE);
	cr_assert_eq(depth_with("xterm", "24bit", "", UI_COLOR_NEVER), UI_DEPTH_NONE);
}

/* ---- a terminal --------------------------------------------------------------------------- */

static bool run(const char *format, const char *socket, const char *file)
{
	char command[600];

	snprintf(command, sizeof(command), format, socket, file);
	return system(command) == 0;
}

/* tmux keeps what it is sent, and says it again: colours that it did not understand are gone. */
Test(ui_tensor, a_terminal_understands_the_colours, .timeout = 120)
{
	char folder[] = "/tmp/test_ui_tensor.XXXXXX", file[64], socket[64];
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct ui ui = { .is_terminal = true,
			 .color = true,
			 .utf8 = true,
			 .depth = UI_DEPTH_24BIT,
			 .width = 80 };
	struct text t = { 0 };
	bool seen = false;

	if (system("command -v tmux > /dev/null") != 0)
		cr_skip_test("no tmux");
	cr_assert(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/picture", folder);
	snprintf(socket, sizeof(socket), "%s/socket", folder);
	ui.out = fopen(file, "w");
	draw_halves(&t, &ui);
	cr_assert(ui_write(&ui, t.data, t.len));
	fclose(ui.out);
	text_release(&t);
	cr_assert(run("LC_ALL=C.UTF-8 tmux -u -S %s -f /dev/null new-session -d -x 80 -y 24 "
		      "'cat %s; exec cat'",
		      socket, file));
	for (int i = 0; i < 1000 && !seen; i++) {
		seen = run("LC_ALL=C.UTF-8 tmux -u -S %s capture-pane -p -e > %s.shown && "
			   "grep -q 'min 0 max 5' %2$s.shown",
			   socket, file);
		nanosleep(&pause, NULL);
	}
	run("tmux -S %s kill-server", socket, "");
	snprintf(file, sizeof(file), "%s/picture.shown", folder);
	{
		struct err err;

		cr_assert(seen);
		cr_assert_eq(text_read_file(&t, file, 1 << 20, &err), 0);
	}
	HAS(t.data, "\033[38;2;68;1;84m");
	HAS(t.data, "48;2;42;119;142m");
	HAS(t.data, "▀");
	text_release(&t);
	run("rm -r %s", folder, "");
}
