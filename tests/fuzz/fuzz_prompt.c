/* fuzz_prompt.c - a prompt template, then a question and an earlier turn: the question is asked
 * once, and no text of the user's can stand between passages. */
#include <string.h>

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "generate/prompt.h"

FUZZ_TARGET(prompt)
{
    struct str text = fuzz_part(&in), question = fuzz_part(&in), earlier = fuzz_part(&in);
    struct chat_message history[] = {{CHAT_USER, earlier}, {CHAT_ASSISTANT, in}}, *messages;
    struct prompt_template *t = NULL;
    struct context none = {0};
    struct digest d;
    size_t n = 0;

    if (prompt_template_parse(&t, text, "template") < 0)
        return;
    d = prompt_template_digest(t);
    (void)d;
    prompt_messages(t, &none, question, history, 2, mem, &messages, &n);
    FUZZ_TRUE(n >= 1 && n <= 4 && messages[n - 1].role == CHAT_USER);
    FUZZ_TRUE(question.n == 0 ||
              memmem(messages[n - 1].text.p, messages[n - 1].text.n, question.p, question.n));
    for (size_t i = 1; i < n; i++)
        FUZZ_TRUE(messages[i].role != CHAT_SYSTEM);
    prompt_template_close(t);
}
