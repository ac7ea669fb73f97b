#include "server/sse.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "base/err.h"

#define REPLY                                                                                      \
    "{\"id\":\"q_1\",\"answer\":\"One thing is so. [1] Another is not. [2] [3]\","                 \
    "\"answered\":true,\"sources\":[{\"n\":1}],"                                                   \
    "\"citations\":[{\"source\":1},{\"source\":2}],\"timings\":{}}"

static struct event_log *log_of(const char *reply)
{
    struct digest d = digest_of("q", 1);
    struct event_log *l = NULL;

    cr_assert_eq(sse_log_of_reply(&l, &d, str_of(reply)), ERR_OK, "%s", err_text());
    return l;
}

Test(sse, an_event_in_wire_form)
{
    struct buf b = {0};

    sse_format(&b, "abc", 7, "token", STR_LIT("{\"text\":\"x\"}"));
    cr_expect_str_eq(b.p, "id: abc-7\nevent: token\ndata: {\"text\":\"x\"}\n\n");
    buf_clear(&b);
    sse_format(&b, "", -1, "reset", STR_LIT("{}"));
    cr_expect_str_eq(b.p, "event: reset\ndata: {}\n\n");
    buf_done(&b);
}

Test(sse, sources_first_then_tokens_citations_and_the_whole_reply)
{
    struct event_log *l = log_of(REPLY);
    const char *order[] = {"sources", "token", "token", "citation", "citation", "done"};

    cr_assert_eq(event_log_count(l), 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect_str_eq(event_log_at(l, i).name, order[i]);
    cr_expect(str_eq(event_log_at(l, 0).data, STR_LIT("{\"sources\":[{\"n\":1}]}")));
    cr_expect(str_eq(event_log_at(l, 5).data, STR_LIT(REPLY)));
    event_log_unref(l);
}

Test(sse, tokens_together_are_the_answer_and_keep_their_marks)
{
    struct event_log *l = log_of(REPLY);
    char all[200] = "";

    for (size_t i = 0; i < event_log_count(l); i++) {
        struct event e = event_log_at(l, i);
        json_t *t;

        if (strcmp(e.name, "token") != 0)
            continue;
        t = json_loadb(e.data.p, e.data.n, 0, NULL);
        strcat(all, json_string_value(json_object_get(t, "text")));
        json_decref(t);
    }
    cr_expect_str_eq(all, "One thing is so. [1] Another is not. [2] [3]");
    cr_expect(str_eq(event_log_at(l, 1).data, STR_LIT("{\"text\":\"One thing is so. [1] \"}")));
    event_log_unref(l);
}

Test(sse, no_answer_no_tokens)
{
    struct event_log *l = log_of("{\"answer\":null,\"sources\":[],\"citations\":[]}");

    cr_expect_eq(event_log_count(l), 2);
    event_log_unref(l);
}

Test(sse, a_reply_without_sources_is_refused)
{
    struct digest d = digest_of("q", 1);
    struct event_log *l = NULL;

    cr_expect_eq(sse_log_of_reply(&l, &d, STR_LIT("{}")), ERR_FORMAT);
    cr_expect_eq(sse_log_of_reply(&l, &d, STR_LIT("{")), ERR_FORMAT);
    cr_expect_null(l);
}

static void expect_names(const struct event_log *l, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        cr_assert_gt(event_log_count(l), i, "no event %s", names[i]);
        cr_expect_str_eq(event_log_at(l, i).name, names[i]);
    }
}

Test(sse, what_stands_in_for_a_model_is_told_in_tokens_and_voids_what_it_said)
{
    static const char *const silent[] = {"sources", "token", "token", NULL};
    static const char *const broken[] = {"sources", "token", "reset", "sources",
                                         "token",   "token", NULL};
    struct digest d = digest_of("q", 1);

    for (int said = 0; said < 2; said++) {
        struct event_log *l = event_log_new(&d);

        sse_add_member(l, "sources", "sources", STR_LIT("[{\"n\":1}]"));
        if (said)
            sse_add_token(l, STR_LIT("The mo"));
        sse_add_stand_in(l, STR_LIT(REPLY), said);
        expect_names(l, said ? broken : silent);
        cr_expect_eq(event_log_count(l), said ? 6 : 3);
        event_log_unref(l);
    }
}
