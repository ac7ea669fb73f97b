/* bench_load - puts an HTTP server on this machine under load, and does not hide who had to wait.
 *
 *   bench_load [OPTION...] PORT
 *
 *     --questions FILE    a line is the body of a request; "-": requests without a body
 *     --path /query       --method POST
 *     --header LINE       "Authorization: Bearer KEY"; may be given again
 *     --connections 64
 *     --rate N            open loop: so many requests a second are due, whatever the server does;
 *                         0, the default: closed loop, each connection asks when it was answered
 *     --poisson           due at random times of that mean rate
 *     --requests N        no more than these; --first N: beginning with that line of the file
 *     --class NAME:KEY=VALUE,...    one class of clients with its own figures; may be given again.
 *                         Keys are the options above; what is left out is as given above. A comma
 *                         in a value is written \,
 *     --warmup 1          seconds that do not count
 *     --seconds 10        --timeout 10
 *     --pid PID           of the server: its processor time
 *     --seed 1            --json
 *
 * Delays count from when a request was due (bench/load.h). Exit 0 whatever the server answered.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/err.h"
#include "base/mem.h"
#include "load.h"
#include "load_report.h"
#include "load_requests.h"

struct class_words {
    const char *name, *questions, *path, *method;
    struct buf headers;
    int connections;
    double rate, requests, first;
    bool poisson;
};

struct options {
    struct class_words common, classes[LOAD_CLASSES_MAX];
    char *specs[LOAD_CLASSES_MAX];
    int n_classes;
    double warmup, seconds, timeout;
    long pid, seed;
    bool json;
    int port;
};

static void stop(const char *what, const char *which)
{
    fprintf(stderr, "bench_load: %s%s\n", what, which);
    exit(2);
}

static double number(const char *key, const char *value, double least, double most)
{
    char *end;
    double v = strtod(value, &end);

    if (end == value || *end || !(v >= least && v <= most)) {
        fprintf(stderr, "bench_load: %s is %g to %g, not '%s'\n", key, least, most, value);
        exit(2);
    }
    return v;
}

/* ---- what one class is told ---- */

static void set(struct class_words *c, const char *key, const char *value)
{
    if (strcmp(key, "questions") == 0)
        c->questions = value;
    else if (strcmp(key, "path") == 0)
        c->path = value;
    else if (strcmp(key, "method") == 0)
        c->method = value;
    else if (strcmp(key, "header") == 0)
        buf_addf(&c->headers, "%s\r\n", value);
    else if (strcmp(key, "connections") == 0)
        c->connections = (int)number(key, value, 1, LOAD_CONNECTIONS_MAX);
    else if (strcmp(key, "rate") == 0)
        c->rate = number(key, value, 0, 1e6);
    else if (strcmp(key, "requests") == 0)
        c->requests = number(key, value, 0, 1e12);
    else if (strcmp(key, "first") == 0)
        c->first = number(key, value, 0, 1e12);
    else if (strcmp(key, "poisson") == 0)
        c->poisson = true;
    else
        stop("a class has no ", key);
}

/* Up to the next comma that has no \ before it; takes those \ out. */
static char *next_word(char **rest)
{
    char *word = *rest, *to = word, *at;

    for (at = word; *at && *at != ','; at++) {
        if (*at == '\\' && at[1] == ',')
            at++;
        *to++ = *at;
    }
    *rest = *at ? at + 1 : NULL;
    *to = '\0';
    return word;
}

static struct class_words class_of(char *spec, const struct class_words *common)
{
    struct class_words c = *common;
    char *rest = strchr(spec, ':');

    c.headers = (struct buf){0};
    buf_add_view(&c.headers, buf_view(&common->headers));
    c.name = spec;
    if (rest)
        *rest++ = '\0';
    while (rest && *rest) {
        char *key = next_word(&rest), *value = strchr(key, '=');

        if (value)
            *value++ = '\0';
        set(&c, key, value ? value : key + strlen(key));
    }
    return c;
}

/* ---- options ---- */

static void set_option(struct options *o, const char *key, char *value)
{
    if (strcmp(key, "class") == 0) {
        if (o->n_classes == LOAD_CLASSES_MAX)
            stop("too many classes: ", value);
        o->specs[o->n_classes++] = value;
    } else if (strcmp(key, "warmup") == 0)
        o->warmup = number(key, value, 0, 86400);
    else if (strcmp(key, "seconds") == 0)
        o->seconds = number(key, value, 0, 864000);
    else if (strcmp(key, "timeout") == 0)
        o->timeout = number(key, value, .001, 3600);
    else if (strcmp(key, "pid") == 0)
        o->pid = (long)number(key, value, 1, 1e9);
    else if (strcmp(key, "seed") == 0)
        o->seed = (long)number(key, value, 0, 1e15);
    else if (strcmp(key, "json") == 0)
        o->json = true;
    else
        set(&o->common, key, value);
}

static struct options options_of(int argc, char **argv)
{
    static char all[] = "all";
    static const char *const names[] = {"questions", "path",  "method", "header",  "connections",
                                        "rate",      "first", "class",  "warmup",  "seconds",
                                        "timeout",   "pid",   "seed",   "requests"};
    enum { N_NAMES = sizeof names / sizeof *names };
    struct option known[N_NAMES + 3] = {[N_NAMES] = {"poisson", no_argument, NULL, 0},
                                        [N_NAMES + 1] = {"json", no_argument, NULL, 0}};
    struct options o = {.common = {.path = "/query", .connections = 64},
                        .warmup = 1,
                        .seconds = 10,
                        .timeout = 10,
                        .seed = 1};
    int i, c;

    for (i = 0; i < N_NAMES; i++)
        known[i] = (struct option){names[i], required_argument, NULL, 0};
    while ((c = getopt_long(argc, argv, "", known, &i)) == 0)
        set_option(&o, known[i].name, optarg);
    if (c != -1 || optind + 1 != argc)
        stop("see the head of bench/bench_load.c", "");
    o.port = (int)number("PORT", argv[optind], 1, 65535);
    for (i = 0; i < o.n_classes; i++)
        o.classes[i] = class_of(o.specs[i], &o.common);
    if (o.n_classes == 0)
        o.classes[o.n_classes++] = class_of(all, &o.common);
    return o;
}

/* ---- the run ---- */

static void read_class(const struct class_words *c, struct load_requests *requests,
                       struct load_class *out)
{
    const char *method = c->method;

    if (!c->questions)
        stop("no --questions for class ", c->name);
    if (!method)
        method = strcmp(c->questions, "-") == 0 ? "GET" : "POST";
    if (load_requests_read(requests, c->questions, method, c->path, buf_view(&c->headers).p) < 0)
        stop(err_text(), "");
    *out = (struct load_class){.name = c->name,
                               .requests = requests->of,
                               .n_requests = requests->n,
                               .first = (size_t)c->first,
                               .n_connections = c->connections,
                               .rate = c->rate,
                               .poisson = c->poisson,
                               .n_max = (uint64_t)c->requests};
}

/* As many descriptors as connections need, and a few. */
static void allow_descriptors(const struct load *l)
{
    rlim_t n = 64;
    struct rlimit limit;

    for (int i = 0; i < l->n_classes; i++)
        n += (rlim_t)l->classes[i].n_connections;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < n)
        limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void report(const struct load *l, bool json)
{
    struct buf out = {0};

    if (json)
        load_report_json(l, &out);
    else
        load_report_text(l, &out);
    fputs(out.p, stdout);
    buf_done(&out);
}

int main(int argc, char **argv)
{
    struct options o = options_of(argc, argv);
    struct load_requests requests[LOAD_CLASSES_MAX];
    struct load_class classes[LOAD_CLASSES_MAX];
    struct load l = {.to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port)},
                     .warmup_s = o.warmup,
                     .seconds = o.seconds,
                     .timeout_s = o.timeout,
                     .pid = o.pid,
                     .seed = (uint64_t)o.seed,
                     .classes = classes,
                     .n_classes = o.n_classes};

    l.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < o.n_classes; i++)
        read_class(&o.classes[i], &requests[i], &classes[i]);
    allow_descriptors(&l);
    if (load_run(&l) < 0)
        stop(err_text(), "");
    report(&l, o.json);
    load_done(&l);
    for (int i = 0; i < o.n_classes; i++) {
        load_requests_free(&requests[i]);
        buf_done(&o.classes[i].headers);
    }
    buf_done(&o.common.headers);
    return 0;
}
