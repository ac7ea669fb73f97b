#include "server/replay.h"

#include "base/mem.h"
#include "server/http.h"

struct event_log {
    int refs;
    char id[REPLAY_ID_BYTES];
    struct digest request;
    struct {
        const char *name;
        char *data;
        size_t n;
    } * events;
    size_t n_events, cap, bytes;
    int64_t until_ms;
    struct event_log *next; /* kept ones, oldest first */

    bool finished;
    struct watcher {
        event_log_fn fn;
        void *arg;
    } * watchers;
    size_t n_watchers, cap_watchers;
    struct watcher abandoned;
};

struct live {
    struct digest flight;
    struct event_log *log;
};

struct replay {
    struct event_log *oldest, *newest;
    size_t bytes;
    struct live *live; /* [n_live] few: one for each answer that is being generated */
    size_t n_live, cap_live;
};

struct replay *replay_new(void)
{
    return mem_calloc(1, sizeof(struct replay));
}

static void drop_oldest(struct replay *r)
{
    struct event_log *l = r->oldest;

    r->oldest = l->next;
    if (!r->oldest)
        r->newest = NULL;
    r->bytes -= l->bytes;
    event_log_unref(l);
}

void replay_free(struct replay *r)
{
    if (!r)
        return;
    while (r->oldest)
        drop_oldest(r);
    while (r->n_live)
        replay_live_remove(r, r->live[0].log);
    mem_free(r->live);
    mem_free(r);
}

void replay_expire(struct replay *r, int64_t now_ms)
{
    while (r->oldest && r->oldest->until_ms <= now_ms)
        drop_oldest(r);
}

struct event_log *event_log_new(const struct digest *request)
{
    struct event_log *l = mem_calloc(1, sizeof *l);

    l->refs = 1;
    l->request = *request;
    l->bytes = sizeof *l;
    http_random_id(NULL, "", l->id);
    return l;
}

/* Who is told may leave, and be the last to hold the log. */
static void tell(struct event_log *l)
{
    event_log_ref(l);
    for (size_t i = l->n_watchers; i-- > 0;)
        if (i < l->n_watchers)
            l->watchers[i].fn(l->watchers[i].arg);
    event_log_unref(l);
}

void event_log_add(struct event_log *l, const char *name, struct str data)
{
    l->events = mem_grow(l->events, &l->cap, l->n_events + 1, sizeof *l->events);
    l->events[l->n_events].name = name;
    l->events[l->n_events].data = mem_dup(data.p, data.n);
    l->events[l->n_events++].n = data.n;
    l->bytes += data.n + sizeof *l->events;
    tell(l);
}

struct event_log *event_log_ref(struct event_log *l)
{
    l->refs++;
    return l;
}

void event_log_unref(struct event_log *l)
{
    if (!l || --l->refs > 0)
        return;
    for (size_t i = 0; i < l->n_events; i++)
        mem_free(l->events[i].data);
    mem_free(l->events);
    mem_free(l->watchers);
    mem_free(l);
}

bool event_log_is_finished(const struct event_log *l)
{
    return l->finished;
}

void event_log_finish(struct event_log *l)
{
    l->finished = true;
    tell(l);
}

void event_log_watch(struct event_log *l, event_log_fn fn, void *arg)
{
    l->watchers = mem_grow(l->watchers, &l->cap_watchers, l->n_watchers + 1, sizeof *l->watchers);
    l->watchers[l->n_watchers++] = (struct watcher){fn, arg};
}

void event_log_unwatch(struct event_log *l, void *arg)
{
    size_t i = 0;

    while (i < l->n_watchers && l->watchers[i].arg != arg)
        i++;
    if (i == l->n_watchers)
        return;
    l->watchers[i] = l->watchers[--l->n_watchers];
    if (l->n_watchers == 0 && !l->finished && l->abandoned.fn)
        l->abandoned.fn(l->abandoned.arg);
}

size_t event_log_watchers(const struct event_log *l)
{
    return l->n_watchers;
}

void event_log_on_abandoned(struct event_log *l, event_log_fn fn, void *arg)
{
    l->abandoned = (struct watcher){fn, arg};
}

/* ---- while they are written ---- */

void replay_live_add(struct replay *r, const struct digest *flight, struct event_log *l)
{
    r->live = mem_grow(r->live, &r->cap_live, r->n_live + 1, sizeof *r->live);
    r->live[r->n_live++] = (struct live){*flight, event_log_ref(l)};
}

struct event_log *replay_live(struct replay *r, const struct digest *flight)
{
    for (size_t i = 0; i < r->n_live; i++)
        if (digest_eq(&r->live[i].flight, flight))
            return event_log_ref(r->live[i].log);
    return NULL;
}

void replay_live_remove(struct replay *r, struct event_log *l)
{
    for (size_t i = 0; i < r->n_live; i++) {
        if (r->live[i].log != l)
            continue;
        r->live[i] = r->live[--r->n_live];
        event_log_unref(l);
        return;
    }
}

const char *event_log_id(const struct event_log *l)
{
    return l->id;
}

size_t event_log_count(const struct event_log *l)
{
    return l->n_events;
}

struct event event_log_at(const struct event_log *l, size_t i)
{
    return (struct event){l->events[i].name, {l->events[i].data, l->events[i].n}};
}

void replay_keep(struct replay *r, struct event_log *l, int64_t now_ms)
{
    if (l->bytes > REPLAY_BYTES_MAX)
        return;
    while (r->bytes + l->bytes > REPLAY_BYTES_MAX)
        drop_oldest(r);
    event_log_ref(l);
    l->until_ms = now_ms + REPLAY_KEEP_MS;
    l->next = NULL;
    *(r->newest ? &r->newest->next : &r->oldest) = l;
    r->newest = l;
    r->bytes += l->bytes;
}

/* "GENERATION-N": the number of the event that was seen last. */
static bool parse_id(struct str s, struct str *generation, size_t *seen)
{
    size_t n = REPLAY_ID_BYTES - 1;

    if (s.n < n + 2 || s.n > n + 10 || s.p[n] != '-')
        return false;
    *generation = str_sub(s, 0, n);
    *seen = 0;
    for (size_t i = n + 1; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        *seen = *seen * 10 + (size_t)(s.p[i] - '0');
    }
    return true;
}

static struct event_log *find_log(struct replay *r, struct str generation,
                                  const struct digest *request)
{
    struct event_log *l = r->oldest;

    for (size_t i = 0; i < r->n_live; i++)
        if (str_eq(generation, str_of(r->live[i].log->id)) &&
            digest_eq(&r->live[i].log->request, request))
            return r->live[i].log;
    while (l && !(str_eq(generation, str_of(l->id)) && digest_eq(&l->request, request)))
        l = l->next;
    return l;
}

struct event_log *replay_find(struct replay *r, struct str last_event_id,
                              const struct digest *request, size_t *next)
{
    struct str generation;
    struct event_log *l;
    size_t seen;

    if (!parse_id(last_event_id, &generation, &seen))
        return NULL;
    l = find_log(r, generation, request);
    if (!l || seen >= l->n_events)
        return NULL;
    *next = seen + 1;
    return event_log_ref(l);
}
