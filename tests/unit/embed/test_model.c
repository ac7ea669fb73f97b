#include "embed/model.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "embed/pack.h"
#include "unit/embed/tiny_model.h"

static struct tiny_model m;
static struct bert_config config;
static struct model_files files;

static void in_folder(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", m.dir, name);
}

/* A file's time of change far enough back that it is trusted. */
static void settle(void)
{
    char path[128];
    struct timespec then[2] = {{1700000000, 5}, {1700000000, 5}};

    in_folder(path, "model.safetensors");
    cr_assert_eq(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void start(void)
{
    log_set_level(LOG_NONE);
    tiny_open(&m);
    settle();
    cr_assert_eq(bert_config_read(&config, m.dir), ERR_OK, "%s", err_text());
}

static void stop(void)
{
    tiny_close(&m);
}

TestSuite(model, .init = start, .fini = stop);

static struct model_folder folder(void)
{
    return (struct model_folder){.dir = m.dir, .name = "tiny", .config = &config, .files = &files};
}

static struct model open_as(enum precision p)
{
    struct model_folder f = folder();
    struct model out = {0};

    cr_assert_eq(model_open(&out, &f, p), ERR_OK, "%s", err_text());
    return out;
}

static ino_t inode_of(const char *name)
{
    char path[128];
    struct stat st;

    in_folder(path, name);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static struct timespec pack_time(void)
{
    char path[128];
    struct stat st;

    in_folder(path, "ragd-int8.pack");
    cr_assert_eq(stat(path, &st), 0);
    return st.st_mtim;
}

/* Marks the pack, so that one that was written since can be told. */
static void mark_pack(void)
{
    char path[128];
    struct timespec then[2] = {{1600000000, 0}, {1600000000, 0}};

    in_folder(path, "ragd-int8.pack");
    cr_assert_eq(utimensat(AT_FDCWD, path, then, 0), 0);
}

static bool written_since_marked(void)
{
    return pack_time().tv_sec != 1600000000;
}

static void encode(const struct bert *b, float out[5 * 24])
{
    static const int32_t ids[] = {2, 7, 8, 9, 3};
    struct bert_call call = {.kernels = simd_level(SIMD_SCALAR)};
    uint32_t length = 5;
    void *scratch = mem_alloc_aligned(bert_scratch_bytes(b, 5, 5));

    memcpy(out, bert_encode(b, &call, ids, &length, 1, scratch), 5 * 24 * sizeof *out);
    mem_free(scratch);
}

/* The vectors of the model as it is opened now are those of its checkpoint. */
static void expect_right(enum precision p)
{
    float got[5 * 24], want[5 * 24];
    struct model opened = open_as(p);
    struct bert *fresh = NULL;

    cr_assert_eq(bert_open(&fresh, m.dir, p), ERR_OK, "%s", err_text());
    encode(opened.bert, got);
    encode(fresh, want);
    cr_expect_eq(memcmp(got, want, sizeof want), 0, "%s", precision_name(p));
    bert_close(fresh);
    model_close(&opened);
}

Test(model, is_packed_once_and_then_opened_from_the_pack)
{
    for (int p = 0; p < N_PRECISIONS; p++) {
        char name[32];
        ino_t first;

        snprintf(name, sizeof name, "ragd-%s.pack", precision_name((enum precision)p));
        cr_expect_eq(inode_of(name), 0);
        expect_right((enum precision)p);
        first = inode_of(name);
        cr_expect_neq(first, 0);
        expect_right((enum precision)p);
        cr_expect_eq(inode_of(name), first, "%s: not written again", name);
    }
}

Test(model, the_tokenizer_comes_out_of_the_pack)
{
    struct model first = open_as(PRECISION_INT8), then = open_as(PRECISION_INT8);
    struct wordpiece *w = NULL;
    struct digest got = wordpiece_digest(then.tokenizer), want;

    cr_assert_eq(wordpiece_open(&w, m.dir), ERR_OK, "%s", err_text());
    want = wordpiece_digest(w);
    cr_expect(digest_eq(&got, &want));
    cr_expect_eq(wordpiece_count(then.tokenizer, str_of("abc d")), 4);
    wordpiece_close(w);
    model_close(&first);
    model_close(&then);
}

/* A checkpoint whose bytes are nonsense of the same looks is not noticed: it is not looked at. */
Test(model, a_valid_pack_needs_no_byte_of_the_checkpoint)
{
    struct model opened = open_as(PRECISION_INT8);
    char path[128];
    int fd;

    model_close(&opened);
    in_folder(path, "model.safetensors");
    fd = open(path, O_WRONLY);
    cr_assert_eq(pwrite(fd, "nonsense", 8, 0), 8);
    close(fd);
    settle();
    opened = open_as(PRECISION_INT8);
    model_close(&opened);
}

Test(model, other_weights_are_packed_anew)
{
    struct model opened = open_as(PRECISION_INT8);

    model_close(&opened);
    mark_pack();
    m.tensors[7].v[3] += 1;
    tiny_write_weights(&m, "F32");
    expect_right(PRECISION_INT8);
    cr_expect(written_since_marked());
}

/* The size, and the time that is told, are the same. */
Test(model, weights_that_changed_a_moment_ago_are_hashed)
{
    struct model opened;

    tiny_write_weights(&m, "F32");
    opened = open_as(PRECISION_INT8);
    cr_expect_eq(opened.facts.source.changed_ns, 0, "too new to be trusted by its looks");
    model_close(&opened);
    m.tensors[7].v[3] += 1;
    tiny_write_weights(&m, "F32");
    expect_right(PRECISION_INT8);
}

Test(model, the_same_weights_under_another_time_keep_the_pack)
{
    struct model opened = open_as(PRECISION_INT8);
    struct hash128 weights = opened.facts.source.weights;
    struct timespec then[2] = {{1700000099, 0}, {1700000099, 0}};
    char path[128];

    model_close(&opened);
    mark_pack();
    in_folder(path, "model.safetensors");
    cr_assert_eq(utimensat(AT_FDCWD, path, then, 0), 0);
    opened = open_as(PRECISION_INT8);
    cr_expect(hash128_eq(&weights, &opened.facts.source.weights));
    model_close(&opened);
    cr_expect(written_since_marked(), "it knows the new time now");
    mark_pack();
    opened = open_as(PRECISION_INT8);
    cr_expect_eq(opened.facts.source.changed_ns, 1700000099000000000u);
    model_close(&opened);
    cr_expect_not(written_since_marked());
}

Test(model, another_tokenizer_or_configuration_is_packed_anew)
{
    struct model opened = open_as(PRECISION_INT8);

    cr_expect_eq(wordpiece_count(opened.tokenizer, str_of("cab")), 3);
    model_close(&opened);
    tiny_write_text(&m, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncab\n");
    opened = open_as(PRECISION_INT8);
    cr_expect_eq(wordpiece_count(opened.tokenizer, str_of("cab")), 1);
    model_close(&opened);
    mark_pack();
    tiny_write_text(&m, "tokenizer_config.json", "{\"do_lower_case\":false}");
    opened = open_as(PRECISION_INT8);
    cr_expect_not(wordpiece_lower_case(opened.tokenizer));
    model_close(&opened);
    cr_expect(written_since_marked());
    mark_pack();
    config.epsilon = 1e-6f;
    opened = open_as(PRECISION_INT8);
    cr_expect_eq(bert_config(opened.bert)->epsilon, 1e-6f);
    model_close(&opened);
    cr_expect(written_since_marked());
}

Test(model, a_damaged_pack_is_made_anew)
{
    struct model opened = open_as(PRECISION_INT8);
    struct buf bytes;
    char path[128];

    model_close(&opened);
    in_folder(path, "ragd-int8.pack");
    buf_init(&bytes);
    cr_assert_eq(file_read(path, 1 << 20, &bytes), ERR_OK, "%s", err_text());
    srand48(3);
    for (int i = 0; i < 20; i++) {
        size_t at = (size_t)lrand48() % bytes.n;

        bytes.p[at] ^= 4;
        cr_assert_eq(file_write_atomic(path, bytes.p, i % 2 ? bytes.n : at), ERR_OK);
        bytes.p[at] ^= 4;
        mark_pack();
        expect_right(PRECISION_INT8);
        cr_expect(written_since_marked(), "damage at %zu", at);
    }
    buf_done(&bytes);
}

/* The pack's name is taken by a folder: nothing can be renamed over it, not even by root. */
Test(model, is_kept_in_memory_where_its_pack_cannot_be_written)
{
    struct model opened;
    char path[128];

    in_folder(path, "ragd-int8.pack");
    cr_assert_eq(mkdir(path, 0700), 0);
    opened = open_as(PRECISION_INT8);
    cr_expect_null(opened.pack_path);
    cr_expect_gt(opened.facts.quality.n_texts, 0);
    model_close(&opened);
    expect_right(PRECISION_INT8);
    cr_assert_eq(rmdir(path), 0);
}

Test(model, off_writes_nothing_and_a_folder_is_used)
{
    struct model_folder f = folder();
    struct model opened = {0};
    char other[128], path[256];

    f.packs = "off";
    cr_assert_eq(model_open(&opened, &f, PRECISION_INT8), ERR_OK, "%s", err_text());
    cr_expect_null(opened.pack_path);
    cr_expect_eq(inode_of("ragd-int8.pack"), 0);
    model_close(&opened);
    in_folder(other, "packs");
    cr_assert_eq(mkdir(other, 0700), 0);
    f.packs = other;
    cr_assert_eq(model_open(&opened, &f, PRECISION_INT8), ERR_OK, "%s", err_text());
    snprintf(path, sizeof path, "%s/tiny-int8.pack", other);
    cr_assert_not_null(opened.pack_path);
    cr_expect_str_eq(opened.pack_path, path);
    cr_expect_eq(access(path, R_OK), 0);
    model_close(&opened);
}

static void *open_in_thread(void *arg)
{
    struct model_folder f = folder();

    *(int *)arg = ERR_SYSTEM;
    for (int i = 0; i < 10; i++) {
        struct model opened = {0};

        *(int *)arg = model_open(&opened, &f, PRECISION_INT8);
        model_close(&opened);
        if (*(int *)arg < 0)
            break;
    }
    return NULL;
}

/* Each starts without a pack; whose is kept does not matter. */
Test(model, two_that_pack_at_once_both_succeed)
{
    pthread_t t[3];
    int rc[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, open_in_thread, &rc[i]), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    cr_expect(rc[0] == ERR_OK && rc[1] == ERR_OK && rc[2] == ERR_OK);
    mark_pack();
    expect_right(PRECISION_INT8);
    cr_expect_not(written_since_marked(), "a whole one was left");
}

Test(model, without_its_checkpoint_a_pack_is_not_used)
{
    struct model_folder f = folder();
    struct model opened = open_as(PRECISION_INT8);
    char path[128];

    model_close(&opened);
    in_folder(path, "model.safetensors");
    unlink(path);
    cr_expect_eq(model_open(&opened, &f, PRECISION_INT8), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(err_text(), "model.safetensors"), "%s", err_text());
    cr_expect_null(opened.bert);
}

Test(model, its_quality_is_measured_once_and_kept)
{
    struct model first = open_as(PRECISION_INT8), then = open_as(PRECISION_INT8);
    struct model exact = open_as(PRECISION_F32);

    cr_expect_eq(first.facts.quality.n_texts, 64);
    cr_expect_eq(memcmp(&first.facts.quality, &then.facts.quality, sizeof(struct quality)), 0);
    cr_expect(first.facts.quality.smallest < first.facts.quality.mean);
    cr_expect(first.facts.quality.mean > 0.9f && first.facts.quality.mean < 1);
    cr_expect_eq(exact.facts.quality.n_texts, 0);
    model_close(&first);
    model_close(&then);
    model_close(&exact);
}

Test(model, weights_that_are_not_finite_are_refused_and_not_packed)
{
    struct model_folder f = folder();
    struct model opened = {0};

    tiny_find(&m, "encoder.layer.1.output.LayerNorm.weight")->v[3] = __builtin_nanf("");
    tiny_write_weights(&m, "F32");
    cr_expect_eq(model_open(&opened, &f, PRECISION_INT8), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "not finite"), "%s", err_text());
    cr_expect_eq(inode_of("ragd-int8.pack"), 0);
}
