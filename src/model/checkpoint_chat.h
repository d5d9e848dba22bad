/*
 * checkpoint_chat.h -- the file of a checkpoint that holds a chat template and nothing else.
 */
#ifndef TORCHLESS_CHECKPOINT_CHAT_H
#define TORCHLESS_CHECKPOINT_CHAT_H

#include "torchless/checkpoint.h"

/*
 * Find it in the directory `dir`, or in the __metadata__ of a packed file, and read it into *chat,
 * which stays empty where there is none.  ERR_IO or ERR_FORMAT when it cannot be read.
 */
int chat_file_of_directory(struct chat_file *chat, const char *dir, struct err *err);
void chat_file_of_metadata(struct chat_file *chat, const cJSON *metadata);
void chat_file_release(struct chat_file *chat);

#endif
