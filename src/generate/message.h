/* message.h - one message of a conversation with a language model. */
#pragma once
#include "base/str.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

struct chat_message {
    enum chat_role role;
    struct str text; /* UTF-8; bytes that are not are sent as U+FFFD */
};
