#include "text/vocab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#define NORMALIZER                                                                                 \
    "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,"              \
    "\"strip_accents\":null,\"lowercase\":true}"
#define PRE   "{\"type\":\"BertPreTokenizer\"}"
#define MODEL "{\"type\":\"WordPiece\",\"vocab\":" VOCAB "}"
#define VOCAB "{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2,\"caf\\u00e9\":4,\"##s\":3}"
#define POST                                                                                       \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\"}},"          \
    "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"[SEP]\"}}]}"
#define LINES "[UNK]\n[CLS]\n[SEP]\n##s\ncafé\n"

static char dir[] = "/tmp/ragd-vocab-XXXXXX";

static void make_dir(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
    static const char *const names[] = {"vocab.txt", "tokenizer.json", "tokenizer_config.json"};
    char path[128];

    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

TestSuite(vocab, .init = make_dir, .fini = remove_dir);

static void put(const char *name, const char *text, size_t n)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    cr_assert_eq(file_write_atomic(path, text, n), ERR_OK);
}

static void put_str(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void put_json(const char *normalizer, const char *pre, const char *post, const char *model,
                     const char *added)
{
    struct buf b;

    buf_init(&b);
    buf_addf(&b,
             "{\"normalizer\":%s,\n\"pre_tokenizer\":%s,\n\"post_processor\":%s,\n\"model\":%s,\n"
             "\"added_tokens\":%s}\n",
             normalizer, pre, post, model, added);
    put("tokenizer.json", b.p, b.n);
    buf_done(&b);
}

static void expect_refused(int code, const char *part)
{
    struct vocab v;

    cr_expect_eq(vocab_open(&v, dir), code, "%s", err_text());
    cr_expect(strstr(err_text(), part), "'%s' is not in: %s", part, err_text());
}

static void expect_usual(const struct vocab *v)
{
    cr_expect_eq(v->n_tokens, 5);
    cr_expect(str_eq(v->tokens[3], STR_LIT("##s")));
    cr_expect(str_eq(v->tokens[4], STR_LIT("café")));
    cr_expect_eq(v->unk, 0);
    cr_expect_eq(v->cls, 1);
    cr_expect_eq(v->sep, 2);
}

Test(vocab, reads_lines)
{
    struct vocab v;

    put_str("vocab.txt", LINES);
    cr_assert_eq(vocab_open(&v, dir), ERR_OK, "%s", err_text());
    expect_usual(&v);
    cr_expect(v.lower_case);
    cr_expect_eq(v.n_specials, 3); /* those of BERT's five that are there */
    vocab_done(&v);
}

Test(vocab, reads_lines_that_end_as_on_windows_or_not_at_all)
{
    struct vocab v;

    put_str("vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\n##s\r\ncafé");
    cr_assert_eq(vocab_open(&v, dir), ERR_OK, "%s", err_text());
    expect_usual(&v);
    vocab_done(&v);
}

Test(vocab, keeps_the_place_of_an_empty_line)
{
    struct vocab v;

    put_str("vocab.txt", "[UNK]\n\n[CLS]\n[SEP]\n");
    cr_assert_eq(vocab_open(&v, dir), ERR_OK);
    cr_expect_eq(v.cls, 2);
    vocab_done(&v);
}

Test(vocab, reads_json)
{
    struct vocab v;

    put_json(NORMALIZER, PRE, POST, MODEL,
             "[{\"id\":2,\"content\":\"[SEP]\",\"special\":true,\"normalized\":false}]");
    cr_assert_eq(vocab_open(&v, dir), ERR_OK, "%s", err_text());
    expect_usual(&v);
    cr_assert_eq(v.n_specials, 1);
    cr_expect(str_eq(v.specials[0].text, STR_LIT("[SEP]")));
    cr_expect_eq(v.specials[0].id, 2);
    vocab_done(&v);
}

Test(vocab, takes_tokens_from_lines_and_settings_from_json)
{
    struct vocab v;

    put_str("vocab.txt", LINES);
    put_json("{\"type\":\"BertNormalizer\",\"lowercase\":false}", PRE, "null",
             "{\"vocab\" : {\"br}ace\\\"}\":0,\"x\":{}},\"unk_token\":\"[UNK]\"}",
             "[{\"id\":9,\"content\":\"<new>\"}]");
    cr_assert_eq(vocab_open(&v, dir), ERR_OK, "%s", err_text());
    cr_expect_not(v.lower_case);
    cr_expect_eq(v.n_tokens, 10); /* the added one has an id beyond the lines */
    cr_expect(str_eq(v.tokens[4], STR_LIT("café")));
    cr_expect(str_eq(v.tokens[9], STR_LIT("<new>")));
    vocab_done(&v);
}

Test(vocab, keeps_case_when_the_config_beside_the_lines_says_so)
{
    struct vocab v;

    put_str("vocab.txt", LINES);
    put_str("tokenizer_config.json",
            "{\"do_lower_case\":false,\"model_max_length\":1000000000000000019884624838656}");
    cr_assert_eq(vocab_open(&v, dir), ERR_OK, "%s", err_text());
    cr_expect_not(v.lower_case);
    vocab_done(&v);
}

Test(vocab, says_what_is_missing)
{
    expect_refused(ERR_NOT_FOUND, "neither vocab.txt nor tokenizer.json");
    put_str("vocab.txt", "");
    expect_refused(ERR_FORMAT, "is empty");
    put_str("vocab.txt", "[UNK]\n[CLS]\nword\n");
    expect_refused(ERR_FORMAT, "has no [SEP]");
    put_str("vocab.txt", "[CLS]\n[SEP]\nword\n");
    expect_refused(ERR_FORMAT, "has no [UNK]");
}

Test(vocab, names_the_bad_line)
{
    struct buf b;

    put_str("vocab.txt", "[UNK]\n[CLS]\nbro\xFFken\n[SEP]\n");
    expect_refused(ERR_FORMAT, "vocab.txt', line 3: not UTF-8");
    put("vocab.txt", "[UNK]\na\0b\n", 10);
    expect_refused(ERR_FORMAT, "vocab.txt', line 2: token with a NUL byte");
    buf_init(&b);
    buf_add_str(&b, "[UNK]\n[CLS]\n[SEP]\n");
    for (int i = 0; i < 300; i++)
        buf_add_char(&b, 'w');
    put("vocab.txt", b.p, b.n);
    buf_done(&b);
    expect_refused(ERR_LIMIT, "line 4: token of 300 bytes is over the limit of 256");
}

Test(vocab, names_the_bad_member_of_json)
{
    put_str("tokenizer.json", "{\"model\":\n{\"vocab\":{}\n,,}}");
    expect_refused(ERR_FORMAT, "line 3");
    put_json(NORMALIZER, PRE, POST, "[]", "[]");
    expect_refused(ERR_FORMAT, "\"model\" should be an object");
    put_json(NORMALIZER, PRE, POST, "{\"vocab\":{}}", "[]");
    expect_refused(ERR_FORMAT, "should be an object of tokens");
    put_json(NORMALIZER, PRE, POST, "{\"vocab\":{\"a\":-1}}", "[]");
    expect_refused(ERR_FORMAT, "the id of token 'a' should be a number from 0");
    put_json(NORMALIZER, PRE, POST, "{\"vocab\":{\"a\":\"1\"}}", "[]");
    expect_refused(ERR_FORMAT, "the id of token 'a'");
    put_json(NORMALIZER, PRE, POST, "{\"vocab\":{\"a\":99999999999}}", "[]");
    expect_refused(ERR_LIMIT, "over the limit of 1000000 tokens");
    put_json("{\"type\":\"BertNormalizer\",\"lowercase\":1}", PRE, POST, MODEL, "[]");
    expect_refused(ERR_ARGUMENT, "\"normalizer\": 'lowercase' must be true or false");
}

Test(vocab, is_not_misled_by_the_word_vocab_elsewhere)
{
    struct vocab v;

    put_str("vocab.txt", LINES);
    put_json("{\"type\":\"BertNormalizer\",\"x\":\"vocab\",\"lowercase\":false}", PRE, POST,
             "{\"y\":\"\\\"vocab\\\":{\",\"vocab\":[]}", "[{\"id\":5,\"content\":\"x\"}]");
    cr_assert_eq(vocab_open(&v, dir), ERR_OK, "%s", err_text());
    cr_expect_not(v.lower_case);
    cr_expect_eq(v.n_tokens, 6);
    vocab_done(&v);
}

Test(vocab, names_the_line_in_json_beside_lines)
{
    put_str("vocab.txt", LINES);
    put_str("tokenizer.json", "{\"model\":{\"vocab\":{\n\"a\":1,\n\"b\":2}},\n\"x\":,}");
    expect_refused(ERR_FORMAT, "line 4");
    put_str("tokenizer.json", "{\"model\":{\"vocab\":{\"a");
    expect_refused(ERR_FORMAT, "not valid JSON");
    put_str("tokenizer.json", "{\"model\":{\"vocab\":");
    expect_refused(ERR_FORMAT, "not valid JSON");
}

Test(vocab, refuses_a_tokenizer_of_another_class)
{
    put_json("{\"type\":\"NFC\"}", PRE, POST, MODEL, "[]");
    expect_refused(ERR_UNSUPPORTED, "only \"BertNormalizer\" is known");
    put_json("null", PRE, POST, MODEL, "[]");
    expect_refused(ERR_UNSUPPORTED, "only \"BertNormalizer\" is known");
    put_json("{\"type\":\"BertNormalizer\",\"clean_text\":false}", PRE, POST, MODEL, "[]");
    expect_refused(ERR_UNSUPPORTED, "\"clean_text\" is false");
    put_json("{\"type\":\"BertNormalizer\",\"lowercase\":true,\"strip_accents\":false}", PRE, POST,
             MODEL, "[]");
    expect_refused(ERR_UNSUPPORTED, "\"strip_accents\" false with \"lowercase\" true");
    put_json(NORMALIZER, "{\"type\":\"Whitespace\"}", POST, MODEL, "[]");
    expect_refused(ERR_UNSUPPORTED, "\"Whitespace\"");
    put_json(NORMALIZER, PRE, "{\"type\":\"RobertaProcessing\"}", MODEL, "[]");
    expect_refused(ERR_UNSUPPORTED, "\"post_processor\"");
    put_json(NORMALIZER, PRE, POST, "{\"type\":\"BPE\",\"vocab\":" VOCAB "}", "[]");
    expect_refused(ERR_UNSUPPORTED, "\"type\" is \"BPE\"; only \"WordPiece\" is known");
    put_json(NORMALIZER, PRE, POST, "{\"max_input_chars_per_word\":50,\"vocab\":" VOCAB "}", "[]");
    expect_refused(ERR_UNSUPPORTED, "\"max_input_chars_per_word\" is 50; only 100 is known");
}

Test(vocab, refuses_added_tokens_it_would_read_otherwise)
{
    put_json(NORMALIZER, PRE, POST, MODEL, "[{\"id\":5,\"content\":\"x\",\"single_word\":true}]");
    expect_refused(ERR_UNSUPPORTED, "'x' is \"single_word\"");
    put_json(NORMALIZER, PRE, POST, MODEL, "[{\"id\":5,\"content\":\"x\",\"normalized\":true}]");
    expect_refused(ERR_UNSUPPORTED, "'x' is \"normalized\"");
    put_json(NORMALIZER, PRE, POST, MODEL, "[{\"id\":5,\"content\":\"\"}]");
    expect_refused(ERR_FORMAT, "needs \"content\" and \"id\"");
    put_json(NORMALIZER, PRE, POST, MODEL, "[{\"id\":1,\"content\":\"x\"}]");
    expect_refused(ERR_FORMAT, "'x' has id 1, which is '[CLS]'");
}

Test(vocab, refuses_a_path_that_is_too_long)
{
    static char path[5000];
    struct vocab v;

    memset(path, 'p', sizeof(path) - 1);
    cr_expect_eq(vocab_open(&v, path), ERR_LIMIT);
}
