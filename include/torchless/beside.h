/*
 * beside.h -- the file in which another is made, and what is left of it by who was killed
 * meanwhile.
 *
 * What is to be at NAME goes to NAME.new-PID-XXXXXX in the same folder first.  Whoever makes that
 * file holds its lock, which ends with the process however that ends: what nobody holds is
 * nobody's, and is removed by the next that writes NAME.  The number in the name tells nothing; it
 * only makes a name that no person gives to a file of theirs.
 */
#ifndef TORCHLESS_BESIDE_H
#define TORCHLESS_BESIDE_H

/*
 * Make a file of this user alone beside `target`, once what was left there is removed.  Returns
 * its descriptor, by which it is locked until that is closed, or -1 with errno; *name is to be
 * freed in any case.
 */
int beside_make(const char *target, char **name);

/* Remove what is left in `folder`, where one can; of the file `base` there, or with NULL of all. */
void beside_sweep(const char *folder, const char *base);

#endif
