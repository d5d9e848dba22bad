/*
 * compiler.c -- which C compiler there is, and what to type where there is none.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the first word of a command can be run. */
static bool can_run(const char *command)
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

const char *sandbox_install_line(void)
{
	static const struct {
		const char *sign, *line;
	} systems[] = {
		{ "/etc/debian_version", "sudo apt install gcc libc6-dev" },
		{ "/etc/fedora-release", "sudo dnf install gcc" },
		{ "/etc/redhat-release", "sudo dnf install gcc" },
		{ "/etc/arch-release", "sudo pacman -S gcc" },
		{ "/etc/alpine-release", "sudo apk add gcc musl-dev" },
		{ "/etc/SUSE-brand", "sudo zypper install gcc" },
		{ "/etc/NIXOS", "nix-shell -p gcc" },
		{ "/System/Library", "xcode-select --install" },
	};

	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (access(systems[i].sign, F_OK) == 0)
			return systems[i].line;
	return "sudo apt install gcc libc6-dev";
}

int sandbox_compiler(struct text *command, struct err *err)
{
	const char *names[] = { getenv("CC"), "cc", "gcc", "clang" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && can_run(names[i])) {
			text_adds(command, names[i]);
			return 0;
		}
	return err_set(err, ERR_TOOL,
		       "there is no C compiler: neither $CC, cc, gcc nor clang is in PATH; this "
		       "installs one: %s",
		       sandbox_install_line());
}
