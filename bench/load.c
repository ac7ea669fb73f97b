#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cpu_time.h"
#include "load_link.h"

#define EVENTS_MAX 512
#define AGAIN_NS   100000000ull /* after a refused connection */
#define LOOK_NS    20000000ull  /* between looks for what took too long */
#define NEVER      UINT64_MAX

TAILQ_HEAD(link_list, link);

/* One class while it runs. */
struct load_client {
    struct load_class *of;
    struct link *links;    /* [of->n_connections] */
    struct link_list idle; /* that has rested longest first */
    int n_busy;
    uint64_t n_asked; /* of n_max, those never sent among them */
    uint64_t next_due_ns, n_due;
    unsigned short dice[3];
};

struct run {
    struct load *l;
    struct load_client *clients; /* [l->n_classes] */
    int epoll;
    uint64_t began_ns, from_ns, to_ns; /* from, to: the measured time */
    uint64_t last_ns;                  /* when the last counted request ended */
    uint64_t timeout_ns, looked_ns;
};

/* ---- figures ---- */

static struct load_status *status_of(struct load_figures *f, int status)
{
    for (int i = 0; i < f->n_statuses; i++)
        if (f->statuses[i].status == status)
            return &f->statuses[i];
    if (f->n_statuses == LOAD_STATUSES_MAX)
        return NULL;
    f->statuses[f->n_statuses].status = status;
    return &f->statuses[f->n_statuses++];
}

static void count_retry_after(struct load_status *s, double seconds)
{
    if (seconds < 0)
        return;
    if (s->n_retry_after == 0 || seconds < s->retry_after_min_s)
        s->retry_after_min_s = seconds;
    if (seconds > s->retry_after_max_s)
        s->retry_after_max_s = seconds;
    s->n_retry_after++;
}

static void count_reply(struct run *r, struct link *c, uint64_t now)
{
    struct load_figures *f = &c->client->of->figures;
    struct load_status *s = status_of(f, c->reply.status);

    if (now >= r->from_ns && now < r->to_ns) {
        f->n_in_time++;
        f->n_bytes_in_time += c->reply.n_bytes;
        f->n_good_in_time += c->reply.status / 100 == 2;
    }
    if (!c->counted)
        return;
    delays_add(&f->all, now - c->due_ns);
    if (!s) {
        f->n_broken++;
        return;
    }
    f->n_replies++;
    delays_add(&s->delays, now - c->due_ns);
    if (c->reply.first_byte_ns)
        delays_add(&f->first_byte, c->reply.first_byte_ns - c->due_ns);
    count_retry_after(s, c->reply.retry_after_s);
}

static void count_failure(struct link *c, uint64_t *counter, uint64_t now)
{
    if (!c->counted)
        return;
    ++*counter;
    delays_add(&c->client->of->figures.all, now - c->due_ns);
}

/* ---- when requests are due ---- */

static bool has_more(const struct run *r, const struct load_client *k)
{
    return k->next_due_ns < r->to_ns && (k->of->n_max == 0 || k->n_asked < k->of->n_max);
}

static void next_due(struct run *r, struct load_client *k)
{
    double mean_ns = 1e9 / k->of->rate;

    k->n_asked++;
    k->n_due++;
    if (k->of->poisson)
        k->next_due_ns += (uint64_t)(-log1p(-erand48(k->dice)) * mean_ns);
    else
        k->next_due_ns = r->began_ns + (uint64_t)((double)k->n_due * mean_ns);
}

static void ask(struct run *r, struct load_client *k, struct link *c, uint64_t due, uint64_t now)
{
    struct load_class *of = k->of;

    c->due_ns = due;
    c->counted = due >= r->from_ns;
    if (c->counted) {
        of->figures.n_sent++;
        if (of->rate > 0)
            delays_add(&of->figures.late, now - (due > c->at_ns ? due : c->at_ns));
    }
    TAILQ_REMOVE(&k->idle, c, idle);
    k->n_busy++;
    link_send(c, of->requests[(of->first + k->n_asked) % of->n_requests]);
}

/* Nobody waits any longer for those that no connection was free for. */
static void give_up_unsent(struct run *r, struct load_client *k, uint64_t now)
{
    while (has_more(r, k) && k->next_due_ns + r->timeout_ns <= now) {
        if (k->next_due_ns >= r->from_ns) {
            k->of->figures.n_unsent++;
            delays_add(&k->of->figures.all, now - k->next_due_ns);
            r->last_ns = now;
        }
        next_due(r, k);
    }
}

static void ask_open(struct run *r, struct load_client *k)
{
    uint64_t now = clock_ns();
    struct link *c;

    give_up_unsent(r, k, now);
    while (has_more(r, k) && k->next_due_ns <= now && (c = TAILQ_FIRST(&k->idle)) != NULL) {
        ask(r, k, c, k->next_due_ns, clock_ns());
        next_due(r, k);
    }
}

static void ask_closed(struct run *r, struct load_client *k)
{
    uint64_t now = clock_ns();
    struct link *c;

    k->next_due_ns = now;
    while (has_more(r, k) && (c = TAILQ_FIRST(&k->idle)) != NULL) {
        ask(r, k, c, clock_ns(), now);
        k->n_asked++;
    }
}

/* ---- connections ---- */

static void rest(struct link *c, uint64_t now)
{
    c->at_ns = now;
    TAILQ_INSERT_TAIL(&c->client->idle, c, idle);
}

static void refused(struct link *c, uint64_t now)
{
    c->client->of->figures.n_refused++;
    c->at_ns = now + AGAIN_NS;
}

static int reopen(struct run *r, struct link *c, uint64_t now)
{
    int rc = link_open(c, &r->l->to, r->epoll);

    if (rc != ERR_UNAVAILABLE)
        return rc;
    refused(c, now);
    return ERR_OK;
}

/* A request under way has ended, well or not. */
static void end_request(struct run *r, struct link *c, uint64_t now)
{
    c->client->n_busy--;
    if (c->counted)
        r->last_ns = now;
}

/* One under way is lost with its connection; one that nothing was under way on was refused. */
static int on_lost(struct run *r, struct link *c, enum link_state was, uint64_t *counter,
                   uint64_t now)
{
    if (was == LINK_BUSY) {
        count_failure(c, counter, now);
        end_request(r, c, now);
        return reopen(r, c, now);
    }
    if (was == LINK_IDLE)
        TAILQ_REMOVE(&c->client->idle, c, idle);
    refused(c, now);
    return ERR_OK;
}

static int on_event(struct run *r, struct link *c, uint32_t events)
{
    enum link_state was = c->state;
    enum link_event what = link_on_event(c, events);
    struct load_figures *f = &c->client->of->figures;
    uint64_t now = clock_ns();

    switch (what) {
    case LINK_NOTHING: return ERR_OK;
    case LINK_UP: rest(c, now); return ERR_OK;
    case LINK_LOST: return on_lost(r, c, was, &f->n_closed, now);
    case LINK_BROKEN: return on_lost(r, c, was, &f->n_broken, now);
    case LINK_REPLIED: break;
    }
    count_reply(r, c, now);
    end_request(r, c, now);
    if (c->state == LINK_DOWN)
        return reopen(r, c, now);
    rest(c, now);
    return ERR_OK;
}

/* What takes too long, and what was refused and is to be tried again. */
static int look_after(struct run *r, struct link *c, uint64_t now)
{
    if (c->state == LINK_BUSY && now >= c->due_ns + r->timeout_ns) {
        link_close(c);
        count_failure(c, &c->client->of->figures.n_timeout, now);
        end_request(r, c, now);
        return reopen(r, c, now);
    }
    if (c->state == LINK_DOWN && now >= c->at_ns)
        return reopen(r, c, now);
    return ERR_OK;
}

static int look(struct run *r, uint64_t now)
{
    int rc = ERR_OK;

    if (now < r->looked_ns + LOOK_NS)
        return ERR_OK;
    r->looked_ns = now;
    for (int i = 0; i < r->l->n_classes; i++)
        for (int n = 0; n < r->clients[i].of->n_connections; n++)
            TRY(look_after(r, &r->clients[i].links[n], now));
out:
    return rc;
}

/* ---- the run ---- */

/* Asks what is due; returns when the next is, 0 when all has ended. */
static uint64_t ask_all(struct run *r)
{
    uint64_t next = 0;

    for (int i = 0; i < r->l->n_classes; i++) {
        struct load_client *k = &r->clients[i];
        uint64_t mine = NEVER;

        if (k->of->rate > 0)
            ask_open(r, k);
        else
            ask_closed(r, k);
        if (has_more(r, k) && k->of->rate > 0 && !TAILQ_EMPTY(&k->idle))
            mine = k->next_due_ns;
        if (has_more(r, k) || k->n_busy > 0)
            next = next == 0 || mine < next ? mine : next;
    }
    return next;
}

static struct timespec until(uint64_t at, uint64_t now)
{
    uint64_t ns = at > now ? at - now : 0;

    ns = ns < LOOK_NS ? ns : LOOK_NS;
    return (struct timespec){.tv_nsec = (long)ns};
}

static int serve_events(struct run *r, uint64_t next)
{
    int rc = ERR_OK;
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = until(next, clock_ns());
    int n = epoll_pwait2(r->epoll, events, EVENTS_MAX, &wait, NULL);

    if (n < 0 && errno != EINTR)
        return FAIL(ERR_IO, "epoll_wait: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        TRY(on_event(r, events[i].data.ptr, events[i].events));
    TRY(look(r, clock_ns()));
out:
    return rc;
}

static int open_links(struct run *r, struct load_client *k, struct load_class *of)
{
    int rc = ERR_OK;

    k->of = of;
    of->figures = (struct load_figures){
        .statuses = mem_calloc(LOAD_STATUSES_MAX, sizeof *of->figures.statuses)};
    k->links = mem_calloc((size_t)of->n_connections, sizeof *k->links);
    TAILQ_INIT(&k->idle);
    memcpy(k->dice, &r->l->seed, sizeof k->dice);
    k->dice[0] = (unsigned short)(k->dice[0] + (k - r->clients));
    for (int i = 0; i < of->n_connections; i++) {
        k->links[i].client = k;
        TRY(reopen(r, &k->links[i], clock_ns()));
    }
out:
    return rc;
}

static void close_links(struct load_client *k)
{
    for (int i = 0; k->of && i < k->of->n_connections; i++)
        link_close(&k->links[i]);
    mem_free(k->links);
}

static void begin(struct run *r)
{
    r->began_ns = clock_ns();
    r->from_ns = r->began_ns + (uint64_t)(r->l->warmup_s * 1e9);
    r->to_ns = r->from_ns + (uint64_t)(r->l->seconds * 1e9);
    r->timeout_ns = (uint64_t)(r->l->timeout_s * 1e9);
    for (int i = 0; i < r->l->n_classes; i++)
        r->clients[i].next_due_ns = r->began_ns;
}

/* Of the server, from the first look in the measured time to the last. */
static void read_cpu(const struct run *r, uint64_t *began, uint64_t *ended, uint64_t now)
{
    if (!r->l->pid)
        return;
    if (*began == 0 && now >= r->from_ns)
        *began = cpu_time_ns(r->l->pid);
    if (*ended == 0 && now >= r->to_ns)
        *ended = cpu_time_ns(r->l->pid);
}

static int drive(struct run *r)
{
    int rc = ERR_OK;
    uint64_t next, cpu_began = 0, cpu_ended = 0;

    begin(r);
    while ((next = ask_all(r)) != 0) {
        read_cpu(r, &cpu_began, &cpu_ended, clock_ns());
        TRY(serve_events(r, next));
    }
    if (clock_ns() < r->to_ns) /* all were asked before the time was up */
        r->to_ns = r->last_ns > r->from_ns ? r->last_ns : r->from_ns;
    read_cpu(r, &cpu_began, &cpu_ended, r->to_ns);
    r->l->cpu_s = (double)(cpu_ended - cpu_began) / 1e9;
    r->l->took_s = (double)(r->to_ns - r->from_ns) / 1e9;
out:
    return rc;
}

int load_run(struct load *l)
{
    int rc = ERR_OK;
    struct run r = {.l = l, .epoll = epoll_create1(EPOLL_CLOEXEC)};

    r.clients = mem_calloc((size_t)l->n_classes, sizeof *r.clients);
    prctl(PR_SET_TIMERSLACK, 1); /* else a due time is slept through by 50 us */
    for (int i = 0; i < l->n_classes; i++)
        TRY(open_links(&r, &r.clients[i], &l->classes[i]));
    TRY(drive(&r));
out:
    for (int i = 0; i < l->n_classes; i++)
        close_links(&r.clients[i]);
    mem_free(r.clients);
    close(r.epoll);
    return rc;
}

void load_done(struct load *l)
{
    for (int i = 0; i < l->n_classes; i++) {
        mem_free(l->classes[i].figures.statuses);
        l->classes[i].figures.statuses = NULL;
    }
}
