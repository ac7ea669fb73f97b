#include "extract/extract_child.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "extract/extract_wire.h"
#include "made.h"

static const struct extract_limits limits = {20000, (int64_t)2 << 30, 1 << 20, 64 << 20};
static const struct extract_limits hasty = {300, (int64_t)2 << 30, 1 << 20, 64 << 20};

static struct textout t;

static int run(struct extract_child *c, enum file_kind kind, struct str bytes)
{
    textout_done(&t);
    textout_init(&t, 1 << 20);
    return extract_child_run(c, kind, bytes, &t);
}

#define PAGE STR_LIT("<title>T</title><meta name=author content=A><h1>Head</h1><p>Text")

Test(extract_child, brings_everything_back)
{
    struct extract_child *c = extract_child_new(&limits);

    use_helper();
    cr_assert_eq(run(c, KIND_HTML, PAGE), ERR_OK, "%s", err_text());
    cr_expect_str_eq(t.text.p, "Head\n\nText");
    cr_expect_str_eq(t.title.p, "T");
    cr_expect(heading_is(&t, 0, 1, "Head"));
    cr_expect_str_eq(json_string_value(json_object_get(t.metadata, "author")), "A");
    textout_done(&t);
    extract_child_free(c);
}

Test(extract_child, passes_the_helpers_reason_on_and_serves_the_next_file)
{
    struct extract_child *c = extract_child_new(&limits);

    use_helper();
    cr_expect_eq(run(c, KIND_DOCX, STR_LIT("not a zip")), ERR_FORMAT);
    cr_expect(said("damaged zip"));
    cr_expect_eq(run(c, KIND_HTML, PAGE), ERR_OK);
    textout_done(&t);
    extract_child_free(c);
}

Test(extract_child, stops_a_file_that_needs_too_much_memory, .timeout = 120)
{
    static const struct extract_limits small = {60000, 48 << 20, 1 << 20, 64 << 20};
    struct extract_child *c = extract_child_new(&small);
    struct buf b;

    use_helper();
    buf_init(&b);
    for (int i = 0; i < 1000000; i++)
        buf_add_str(&b, "<p>x");
    cr_expect_eq(run(c, KIND_HTML, buf_view(&b)), ERR_LIMIT);
    cr_expect(said("48 MiB"));
    buf_done(&b);
    textout_done(&t);
    extract_child_free(c);
}

/* ---- helpers that lie ---- */

static char folder[] = "/tmp/liarXXXXXX";
static char program[64], data[64];

static void lie(const char *script, const void *reply, size_t n)
{
    FILE *f;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(program, sizeof(program), "%s/helper", folder);
    snprintf(data, sizeof(data), "%s/data", folder);
    f = fopen(data, "w");
    fwrite(reply, 1, n, f);
    fclose(f);
    f = fopen(program, "w");
    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    chmod(program, 0700);
    setenv("RAGD_HELPER", program, 1);
}

static void end_lie(struct extract_child *c)
{
    textout_done(&t);
    extract_child_free(c);
    unlink(program);
    unlink(data);
    rmdir(folder);
}

static int answer_with(const void *reply, size_t n)
{
    struct extract_child *c = extract_child_new(&limits);
    int rc;

    lie("cat ${0%helper}data; sleep 30", reply, n);
    rc = run(c, KIND_HTML, PAGE);
    end_lie(c);
    return rc;
}

Test(extract_child, kills_a_helper_that_is_silent_with_all_it_started)
{
    struct extract_child *c = extract_child_new(&hasty);
    uint64_t start = clock_ns();
    FILE *f;
    int grandchild = 0;

    lie("sleep 30 & echo $! > ${0%helper}data; wait", "", 0);
    cr_expect_eq(run(c, KIND_HTML, PAGE), ERR_TIMEOUT);
    cr_expect(said("0.3 seconds"));
    cr_expect_lt(clock_ms_since(start), 20000);
    f = fopen(data, "r");
    cr_assert_eq(fscanf(f, "%d", &grandchild), 1);
    fclose(f);
    for (int i = 0; i < 100 && kill(grandchild, 0) == 0; i++) {
        char path[64], state = '?';

        snprintf(path, sizeof(path), "/proc/%d/stat", grandchild);
        f = fopen(path, "r");
        if (f && fscanf(f, "%*d %*s %c", &state) != 1)
            state = '?';
        if (f)
            fclose(f);
        if (state == 'Z') /* dead, and nobody here to collect it */
            grandchild = 0x7FFFFFFF;
        usleep(20000);
    }
    cr_expect_neq(kill(grandchild, 0), 0);
    end_lie(c);
}

Test(extract_child, says_so_when_the_helper_dies)
{
    struct extract_child *c = extract_child_new(&limits);

    lie("exit 3", "", 0);
    cr_expect_eq(run(c, KIND_HTML, PAGE), ERR_FORMAT);
    cr_expect(said("crashed"));
    end_lie(c);
}

Test(extract_child, knows_a_helper_that_found_no_memory)
{
    struct extract_child *c = extract_child_new(&limits);

    lie("exit 70", "", 0);
    cr_expect_eq(run(c, KIND_HTML, PAGE), ERR_LIMIT);
    cr_expect(said("memory"));
    end_lie(c);
}

Test(extract_child, refuses_a_reply_of_another_shape)
{
    cr_expect_eq(answer_with("garbage garbage garbage garbage garbage", 39), ERR_FORMAT);
    cr_expect(said("another shape"));
}

Test(extract_child, refuses_lengths_over_the_limits)
{
    struct wire_reply r = {.magic = WIRE_REPLY_MAGIC, .n_text = UINT64_MAX};

    cr_expect_eq(answer_with(&r, sizeof(r)), ERR_FORMAT);
    cr_expect(said("over its limits"));
}

Test(extract_child, refuses_lengths_over_the_limits_for_marks_too)
{
    struct wire_reply r = {.magic = WIRE_REPLY_MAGIC, .n_pages = UINT32_MAX};

    cr_expect_eq(answer_with(&r, sizeof(r)), ERR_FORMAT);
    cr_expect(said("over its limits"));
}

struct small_reply {
    struct wire_reply r;
    struct page_mark page;
    char text[4];
} __attribute__((packed));

Test(extract_child, refuses_marks_outside_the_text)
{
    struct small_reply s = {{.magic = WIRE_REPLY_MAGIC, .n_pages = 1, .n_text = 4}, {5, 1}, "text"};

    cr_expect_eq(answer_with(&s, sizeof(s)), ERR_FORMAT);
    cr_expect(said("marks outside"));
}

Test(extract_child, refuses_text_that_is_not_utf8)
{
    struct small_reply s = {
        {.magic = WIRE_REPLY_MAGIC, .n_pages = 1, .n_text = 4}, {0, 1}, {'t', 'e', '\xFF', 't'}};

    cr_expect_eq(answer_with(&s, sizeof(s)), ERR_FORMAT);
    cr_expect(said("not UTF-8"));
}

Test(extract_child, leaves_no_descriptor_behind)
{
    struct extract_child *c = extract_child_new(&limits);
    int before = dup(0), after;

    use_helper();
    close(before);
    cr_expect_eq(run(c, KIND_HTML, PAGE), ERR_OK);
    textout_done(&t);
    extract_child_free(c);
    after = dup(0);
    cr_expect_eq(before, after);
    close(after);
}
