/*
 * about.h -- what the arguments of the subcommands in ../lesson.def name.
 */
#ifndef CLI_LESSON_ABOUT_H
#define CLI_LESSON_ABOUT_H

enum lesson_about {
	ABOUT_NOTHING,
	ABOUT_LESSON,
	ABOUT_EXERCISE,
	ABOUT_BOTH,
	ABOUT_STEP,
	ABOUT_FILE,
};

#endif
