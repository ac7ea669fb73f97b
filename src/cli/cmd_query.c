/* cmd_query.c - `query`: one answer with its sources; `search`: the passages alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/question.h"
#include "cli/table.h"
#include "query/question_chat.h"

#define SNIPPET_CHARS 240

struct query_options {
    struct common common;
    struct question_options how;
    const char *question;
    bool timings, stream;
};

/* What a language model has said so far, and people have seen. */
struct streamed {
    FILE *out;
    const volatile bool *cancelled;
    struct buf text;
};

enum { KEY_STREAM = 0x3000, KEY_TIMINGS, KEY_NO_CACHE, KEY_SEMANTIC, KEY_CONTEXT, KEY_TOKENS };

static const struct argp_child answering[] = {
    {&common_argp, 0, NULL, 0},
    {&question_argp, 0, NULL, 0},
    {&answer_argp, 0, NULL, 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct query_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        state->child_inputs[1] = &o->how;
        if (state->root_argp->children == answering)
            state->child_inputs[2] = &o->how;
        return 0;
    case ARGP_KEY_ARG:
        if (o->question) {
            argp_error(state, "one question, please: put it in quotes");
            return EINVAL;
        }
        o->question = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->question && !o->common.help) {
            argp_error(state, "a question is missing");
            return EINVAL;
        }
        if (o->stream && o->common.json) {
            argp_error(state, "--stream is for people: with --json the reply comes whole");
            return EINVAL;
        }
        return 0;
    case KEY_TIMINGS: o->timings = true; return 0;
    case KEY_STREAM: o->stream = true; return 0;
    case KEY_NO_CACHE: o->how.cache = "no-store"; return 0;
    case KEY_SEMANTIC: o->how.semantic = arg; return 0;
    case KEY_CONTEXT:
        return option_int(state, "--context-chars", arg, 1, CONTEXT_CHARS_MAX,
                          &o->how.context_chars);
    case KEY_TOKENS:
        return option_int(state, "--context-tokens", arg, 1, CONTEXT_TOKENS_MAX,
                          &o->how.context_tokens);
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- for people ---- */

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static long long count_of(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

/* One line of at most SNIPPET_CHARS characters; nothing that moves a terminal's cursor. */
static void print_line(FILE *out, const char *text, size_t max_chars)
{
    size_t chars = 0;
    bool blank = false;

    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c <= 0x20 || c == 0x7f) {
            blank = chars > 0;
            continue;
        }
        if ((c & 0xc0) != 0x80) {
            if (chars++ >= max_chars) {
                fputs(" ...", out);
                break;
            }
            if (blank)
                fputc(' ', out);
            blank = false;
        }
        fputc(c, out);
    }
    fputc('\n', out);
}

/* The answer keeps its lines. */
static void print_text(FILE *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        fputc((unsigned char)text.p[i] < 0x20 && text.p[i] != '\n' ? ' ' : text.p[i], out);
}

static void print_token(void *arg, struct str text)
{
    struct streamed *s = arg;

    buf_add_view(&s->text, text);
    print_text(s->out, text);
    fflush(s->out);
}

/* Quoted and cached answers come whole. A model's was seen word by word, unless it broke off and
 * something else stands in for it. */
static void print_paragraph(FILE *out, const char *text, const struct streamed *seen)
{
    bool same = str_eq(buf_view(&seen->text), str_of(text));

    if (seen->text.n && !same)
        fputs("\n(broken off; instead:)\n", out);
    if (!same)
        print_text(out, str_of(text));
    fputc('\n', out);
}

static void print_passage(FILE *out, const json_t *p, size_t n)
{
    const json_t *page = json_object_get(p, "page");
    const json_t *beside;
    size_t i;
    const char *title = text_of(p, "title"), *document = text_of(p, "document");

    fprintf(out, "[%zu] %s", n, document);
    if (json_is_integer(page))
        fprintf(out, ", page %lld", (long long)json_integer_value(page));
    if (json_is_integer(json_object_get(p, "start")))
        fprintf(out, ", bytes %lld-%lld", count_of(p, "start"), count_of(p, "end"));
    else
        fputs(", summary", out);
    fprintf(out, "  (score %.3f", json_number_value(json_object_get(p, "score")));
    if (count_of(p, "duplicates"))
        fprintf(out, ", and %lld like it", count_of(p, "duplicates"));
    fputs(")\n", out);
    if (*title && strcmp(title, document) != 0) {
        fputs("    ", out);
        print_line(out, title, SNIPPET_CHARS);
    }
    fputs("    ", out);
    print_line(out, text_of(p, "text"), SNIPPET_CHARS);
    json_array_foreach(json_object_get(p, "window"), i, beside) {
        fputs("  + ", out);
        print_line(out, text_of(beside, "text"), SNIPPET_CHARS);
    }
}

static void print_timings(FILE *out, const json_t *reply)
{
    const json_t *timings = json_object_get(reply, "timings");
    const json_t *v;
    const char *key;
    struct table t;

    table_init(&t, "stage|ms", "lr");
    json_object_foreach((json_t *)(uintptr_t)timings, key, v) {
        table_cell(&t, "%.*s", (int)strcspn(key, "_"), key);
        table_cell(&t, "%.3f", json_number_value(v));
    }
    fputc('\n', out);
    table_print(&t, out);
    table_done(&t);
}

static void print_explain(FILE *out, const json_t *reply)
{
    const json_t *search = json_object_get(json_object_get(reply, "explain"), "search");
    const json_t *words = json_object_get(search, "words");
    const char *plan = text_of(search, "plan");

    fprintf(out, "\nsearch: %s, %lld vectors compared, %lld passages allowed\n",
            *plan ? plan : "by words", count_of(search, "candidates_visited"),
            count_of(search, "allowed"));
    fprintf(out, "words:  %lld asked, %lld known, %lld candidates\n", count_of(words, "asked"),
            count_of(words, "known"), count_of(words, "candidates"));
}

static void print_passages(FILE *out, const json_t *list)
{
    const json_t *p;
    size_t i;

    json_array_foreach(list, i, p)
        print_passage(out, p, i + 1);
}

/* Sentences of a language model that its sources do not bear out. */
static void print_unsupported(FILE *out, const json_t *reply)
{
    const json_t *answer = json_object_get(reply, "answer"), *u;
    size_t i, n = json_string_length(answer);

    json_array_foreach(json_object_get(reply, "unsupported"), i, u) {
        size_t start = (size_t)json_integer_value(json_object_get(u, "start"));
        size_t end = (size_t)json_integer_value(json_object_get(u, "end"));

        if (start <= end && end <= n)
            fprintf(out, "(not borne out: \"%.*s\": %s)\n", (int)(end - start),
                    json_string_value(answer) + start, text_of(u, "reason"));
    }
}

/* A deadline ends a model's turn a little before it is over. */
static bool is_late(const struct query_options *o, const json_t *reply)
{
    const json_t *timings = json_object_get(reply, "timings");

    return o->how.deadline_ms > 0 && json_number_value(json_object_get(timings, "total_ms")) >=
                                         (double)(o->how.deadline_ms - QUESTION_CHAT_LAST_MS);
}

static void print_degraded(FILE *out, const json_t *reply, bool late)
{
    const json_t *degraded = json_object_get(reply, "degraded");
    const char *chosen = text_of(json_object_get(reply, "route"), "choice");

    for (size_t i = 0; i < json_array_size(degraded); i++) {
        const char *part = json_string_value(json_array_get(degraded, i));

        if (strcmp(part, "generate") == 0 && *chosen && late)
            fprintf(out, "(no time for the language model '%s': quoted instead)\n", chosen);
        else if (strcmp(part, "generate") == 0 && *chosen)
            fprintf(out, "(the language model '%s' did not answer: quoted instead)\n", chosen);
        else if (strcmp(part, "model") == 0)
            fprintf(out, "(the language model '%s' did not answer: '%s' did)\n", chosen,
                    text_of(reply, "model"));
        else if (strcmp(part, "length") == 0)
            fputs("(cut off: the language model came to its bound of tokens)\n", out);
        else
            fprintf(out, "(left out or made cheaper for lack of time: %s)\n", part);
    }
}

static void print_model(FILE *out, const json_t *reply)
{
    const json_t *route = json_object_get(reply, "route");
    const char *model = text_of(reply, "model");

    if (*model && strcmp(model, text_of(route, "choice")) == 0)
        fprintf(out, "(answered by the language model '%s': %s)\n", model,
                text_of(route, "reason"));
}

static void print_answer(FILE *out, const json_t *reply, const struct streamed *seen, bool late)
{
    const json_t *sources = json_object_get(reply, "sources");
    const json_t *cache = json_object_get(reply, "cache");
    const char *status = text_of(cache, "status");

    if (json_is_string(json_object_get(reply, "answer")) || seen->text.n)
        print_paragraph(out, text_of(reply, "answer"), seen);
    fflush(out);
    if (json_array_size(sources)) {
        fprintf(out, "%s%s:\n", json_is_null(json_object_get(reply, "answer")) ? "" : "\n",
                json_is_true(json_object_get(reply, "answered")) ? "Sources" : "Looked at");
        print_passages(out, sources);
    }
    print_unsupported(out, reply);
    print_degraded(out, reply, late);
    if (strcmp(status, "hit") == 0 || strcmp(status, "revalidated") == 0 ||
        strcmp(status, "stored") == 0 || strcmp(status, "semantic") == 0 ||
        strcmp(status, "shared") == 0 || strcmp(status, "precomputed") == 0)
        fprintf(out, "(from the cache: %s, %lld s old)\n", status,
                (long long)json_integer_value(json_object_get(cache, "age_s")));
    if (*text_of(cache, "question")) {
        fputs("Answered question: ", out);
        print_line(out, text_of(cache, "question"), SNIPPET_CHARS);
    }
    print_model(out, reply);
}

static int print_reply(const struct query_options *o, const struct command_call *call,
                       bool search_only, const struct buf *text, const struct streamed *seen)
{
    json_t *reply = NULL;
    int rc = json_parse(&reply, buf_view(text), "reply");

    if (rc < 0)
        return rc;
    if (search_only && json_array_size(json_object_get(reply, "hits")) == 0)
        fputs("nothing was found\n", call->out);
    else if (search_only)
        print_passages(call->out, json_object_get(reply, "hits"));
    else
        print_answer(call->out, reply, seen, is_late(o, reply));
    if (o->how.explain)
        print_explain(call->out, reply);
    if (o->timings)
        print_timings(call->out, reply);
    json_decref(reply);
    return ERR_OK;
}

static bool has_left(void *arg)
{
    const struct streamed *s = arg;

    return *s->cancelled;
}

static int ask(struct engine *e, const struct command_call *call, struct query_options *o,
               bool search_only)
{
    int rc = ERR_OK;
    json_t *request = NULL;
    struct streamed seen = {.out = call->out, .cancelled = call->cancelled};
    struct answer_listener listener = {.arg = &seen, .cancelled = has_left};
    struct buf reply;

    buf_init(&reply);
    TRY(question_request(&o->how, o->question, o->common.config.collection, search_only, &request));
    listener.token = o->stream ? print_token : NULL;
    if (search_only)
        TRY(question_ask(e, &o->common, request, true, &reply));
    else
        TRY(question_ask_for(e, &o->common, request, &listener, &reply));
    if (o->common.json)
        fprintf(call->out, "%s\n", reply.p);
    else
        TRY(print_reply(o, call, search_only, &reply, &seen));
out:
    if (rc < 0 && seen.text.n)
        fputc('\n', call->out);
    json_decref(request);
    buf_done(&seen.text);
    buf_done(&reply);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static int run_query(struct engine *e, const struct command_call *call, void *options)
{
    return ask(e, call, options, false);
}

static int run_search(struct engine *e, const struct command_call *call, void *options)
{
    return ask(e, call, options, true);
}

/* ---- the two commands ---- */

static const struct argp_option query_options[] = {
    {"no-cache", KEY_NO_CACHE, NULL, 0, "a fresh answer, which is not kept either", 2},
    {"semantic", KEY_SEMANTIC, "S", 0,
     "strict: the cached answer of another question that means the same will do (off)", 2},
    {"context-chars", KEY_CONTEXT, "N", 0, "characters of the passages that are read (4000)", 2},
    {"context-tokens", KEY_TOKENS, "N", 0, "the same in tokens, guessed rather too many", 2},
    {"stream", KEY_STREAM, NULL, 0, "print a language model's words as they come", 2},
    {"timings", KEY_TIMINGS, NULL, 0, "where the time went, stage by stage", 2},
    {0},
};

static const struct argp_option search_options[] = {
    {"timings", KEY_TIMINGS, NULL, 0, "where the time went, stage by stage", 2},
    {0},
};

static const struct argp_child searching[] = {
    {&common_argp, 0, NULL, 0},
    {&question_argp, 0, NULL, 0},
    {0},
};

static const struct argp query_argp = {
    query_options,
    parse,
    "QUESTION",
    "Answers a question from the documents, and shows the passages that the answer stands on.\v"
    "The answer quotes the documents; [1] points at the first source. When nothing in them "
    "supports an answer it says so.\n\n"
    "  ragd query \"What is CET1?\"\n"
    "  ragd query --filter 'type=policy and year>=2020' \"Who files reports?\"",
    answering,
    NULL,
    NULL,
};

static const struct argp search_argp = {
    search_options, parse,
    "QUESTION",     "Finds the passages that fit a question best, without answering it.",
    searching,      NULL,
    NULL,
};

const struct command cmd_query = {
    .name = "query",
    .brief = "answer a question, with its sources",
    .place = PLACE_ENGINE,
    .argp = &query_argp,
    .options_size = sizeof(struct query_options),
    .run = run_query,
};

const struct command cmd_search = {
    .name = "search",
    .brief = "find passages without answering",
    .place = PLACE_ENGINE,
    .argp = &search_argp,
    .options_size = sizeof(struct query_options),
    .run = run_search,
};
