/*
 * compiler.c -- which C compiler there is, and what to type where there is none.
 */
#include "sandbox.h"

#include "torchless/child.h"
#include "torchless/lesson.h"
#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 10 /* for a question to a compiler */

int compiler_words(const char **argv, int n, char *words)
{
	char *rest = NULL;

	for (char *w = strtok_r(words, " \t", &rest); w && n < COMPILER_WORDS;
	     w = strtok_r(NULL, " \t", &rest))
		argv[n++] = w;
	return n;
}

bool sandbox_can_run(const char *command)
{
	size_t len = strcspn(command, " \t"), part;
	const char *path = getenv("PATH");
	struct text file = { 0 };
	bool found = false;

	if (len == 0)
		return false;
	if (memchr(command, '/', len)) {
		text_add(&file, command, len);
		found = access(file.data, X_OK) == 0;
	}
	for (; path && *path && !found && !memchr(command, '/', len); path += part) {
		part = strcspn(path, ":");
		text_clear(&file);
		text_add(&file, path, part);
		text_addc(&file, '/');
		text_add(&file, command, len);
		found = part > 0 && access(file.data, X_OK) == 0;
		part += path[part] == ':';
	}
	text_release(&file);
	return found;
}

/* A line of /etc/os-release, without its quotes. */
static bool read_release(const char *key, char *value, size_t size)
{
	struct text t = { 0 };
	struct err ignored;
	size_t n = strlen(key);
	bool found = false;

	if (text_read_file(&t, "/etc/os-release", 1 << 16, &ignored)) {
		text_release(&t);
		return false;
	}
	for (const char *s = t.data; *s && !found;) {
		size_t len = strcspn(s, "\n");

		if (!strncmp(s, key, n) && s[n] == '=') {
			const char *from = s + n + 1 + (s[n + 1] == '"');
			size_t m = strcspn(from, "\"\n");

			snprintf(value, size, "%.*s", (int)m, from);
			found = true;
		}
		s += len + (s[len] == '\n');
	}
	text_release(&t);
	return found;
}

/* The line that installs a compiler and the headers of C. */
const char *lesson_install_line(void)
{
	static const struct {
		const char *id, *line;
	} systems[] = {
		{ "debian", "sudo apt install gcc libc6-dev" },
		{ "ubuntu", "sudo apt install gcc libc6-dev" },
		{ "fedora", "sudo dnf install gcc glibc-devel" },
		{ "rhel", "sudo dnf install gcc glibc-devel" },
		{ "arch", "sudo pacman -S gcc" },
		{ "alpine", "sudo apk add gcc musl-dev" },
		{ "suse", "sudo zypper install gcc glibc-devel" },
		{ "opensuse", "sudo zypper install gcc glibc-devel" },
		{ "void", "sudo xbps-install -S gcc" },
		{ "gentoo", "sudo emerge sys-devel/gcc" },
		{ "nixos", "nix-shell -p gcc" },
	};
	static const char *const keys[] = { "ID", "ID_LIKE" };

	for (size_t k = 0; k < 2; k++) {
		char value[128], *rest = NULL;

		if (!read_release(keys[k], value, sizeof(value)))
			continue;
		for (char *id = strtok_r(value, " ", &rest); id; id = strtok_r(NULL, " ", &rest))
			for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
				if (!strcmp(systems[i].id, id))
					return systems[i].line;
	}
	return access("/usr/bin/xcode-select", X_OK) == 0 ? "xcode-select --install" : NULL;
}

int sandbox_compiler(struct text *command, struct err *err)
{
	const char *names[] = { getenv("CC"), "cc", "gcc", "clang" }, *line;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && sandbox_can_run(names[i])) {
			text_adds(command, names[i]);
			return 0;
		}
	line = lesson_install_line();
	return err_set(err, ERR_TOOL,
		       "there is no C compiler: neither $CC, cc, gcc nor clang is in PATH; %s%s",
		       line ? "this installs one: " : "install gcc or clang, with the headers of C",
		       line ? line : "");
}

/* Run the command with more words: whether it ends well. */
static bool ask(const char *command, const char *words, struct child *c)
{
	const char *argv[COMPILER_WORDS + 1];
	char *copies[2] = { mem_strdup(command), mem_strdup(words) };
	int n = compiler_words(argv, compiler_words(argv, 0, copies[0]), copies[1]);
	bool done;

	argv[n] = NULL;
	c->argv = (char *const *)argv;
	c->seconds = SECONDS;
	c->max_bytes = 1 << 16;
	c->max_said = 200;
	done = child_run(c) == CHILD_DONE && WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0;
	free(copies[0]);
	free(copies[1]);
	return done;
}

/* Whether it makes something of a kernel: headers of C may be missing although it is there. */
static bool compiles(const char *command)
{
	static const char source[] = "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n"
				     "float tl_test(float x)\n{\n\treturn expf(x);\n}\n";
	struct child c = { .input = source, .input_len = sizeof(source) - 1 };
	bool done = ask(command, "-std=gnu11 -xc - -fsyntax-only", &c);

	child_release(&c);
	return done;
}

static void add_version(const char *command, struct text *out)
{
	struct child c = { 0 };

	if (ask(command, "--version", &c) && c.output.data)
		text_add(out, c.output.data, strcspn(c.output.data, "\n"));
	else
		text_adds(out, command);
	child_release(&c);
}

int lesson_compiler(struct text *version, struct err *err)
{
	struct text command = { 0 };
	int rc = sandbox_compiler(&command, err);

	if (!rc && !compiles(command.data))
		rc = err_set(err, ERR_TOOL, "%s does not compile a kernel", command.data);
	if (!rc)
		add_version(command.data, version);
	text_release(&command);
	return rc;
}
