#include "net/http_async.h"

#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/http_handle.h"
#include "net/url.h"

/* Bytes of one reply that are told in one turn of the loop, more or less. Libcurl reads a hundred
 * buffers where it can, and a server that never ends would keep all others waiting. */
#define TURN_MAX 65536

/* Libcurl's buffers of one request; its own choice is 16 and 64 KiB. What comes is a few tokens at
 * a time, and what goes a prompt of some KiB: 512 streams took 66 MB, and take half of that. */
#define RECEIVE_BYTES 4096L
#define SEND_BYTES    16384L /* the least it takes */

/* Libcurl may not be called from inside its own callbacks. So these only note what has come, and
 * the run waits in the list `ready` until libcurl has returned; then it is told:
 *
 *   on_socket, on_timer -> curl_multi_socket_action -> receive_* : run -> ready
 *                       -> tell_all: head, data, done
 */
struct http_async {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer; /* libcurl's own */
    uv_timer_t rest;  /* ends what was released and goes on */
    uv_idle_t soon;   /* in the next turn of the loop */
    int n_open;       /* of the three handles above */
    char *no_proxy;
    struct http_async_run *first;                    /* all runs */
    struct http_async_run *ready_first, *ready_last; /* those with something to tell */
    struct http_async_run *telling;                  /* is being told of; NULL when it is gone */
    struct buf telling_data;
};

struct http_async_run {
    struct http_async *h;
    struct http_async_run *prev, *next, *ready_next;
    struct http_async_call call; /* its callbacks; the rest was borrowed */
    char *url;
    CURL *curl;
    struct curl_slist *headers;
    char reason[CURL_ERROR_SIZE];
    struct http_head head;
    struct buf data;        /* came and is not told yet */
    size_t n_rest;          /* bytes since it was released */
    uint64_t rest_until_ms; /* on the loop's clock */
    bool head_whole, head_told, too_long, finished, released, is_ready, paused;
    CURLcode result;
};

static void run_free(struct http_async_run *run);

/* ---- what came, noted inside libcurl ---- */

static void make_ready(struct http_async_run *run)
{
    struct http_async *h = run->h;

    if (run->is_ready)
        return;
    run->is_ready = true;
    run->ready_next = NULL;
    if (h->ready_last)
        h->ready_last->ready_next = run;
    else
        h->ready_first = run;
    h->ready_last = run;
}

static size_t receive_head(char *p, size_t size, size_t n, void *arg)
{
    struct http_async_run *run = arg;
    struct str line = {p, size * n};
    long status = 0;

    if (!http_head_add(&run->head, line)) {
        run->too_long = true;
        return 0;
    }
    if (str_trim(line).n == 0 && !run->head_whole) {
        curl_easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status);
        run->head_whole = status >= 200; /* a 1xx is followed by another head */
        make_ready(run);
    }
    return line.n;
}

static size_t receive_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_async_run *run = arg;

    if (run->released) {
        run->n_rest += size * n;
        return run->n_rest <= HTTP_ASYNC_REST_MAX ? size * n : 0;
    }
    if (run->data.n >= TURN_MAX) {
        run->paused = true;
        return CURL_WRITEFUNC_PAUSE; /* it comes again */
    }
    buf_add(&run->data, p, size * n);
    make_ready(run);
    return size * n;
}

static void note_finished(struct http_async *h)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct http_async_run *run = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&run);
        run->finished = true;
        run->result = m->data.result;
        make_ready(run);
    }
}

/* ---- telling ---- */

static int outcome(const struct http_async_run *run)
{
    struct http_waits waits = {run->call.connect_ms, run->call.total_ms};

    if (run->result == CURLE_OK)
        return ERR_OK;
    if (run->too_long)
        return http_handle_too_long(run->url, HTTP_HANDLE_HEAD_MAX);
    return http_handle_explain(run->curl, run->result, run->url, run->reason, &waits);
}

static void tell_head(struct http_async_run *run)
{
    const char *type = NULL;
    long status = 0;

    run->head_told = true;
    curl_easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(run->curl, CURLINFO_CONTENT_TYPE, &type);
    if (run->call.head)
        run->call.head(run->call.arg, (int)status, type ? type : "", run->head.retry_after_ms);
}

static void tell_data(struct http_async *h, struct http_async_run *run)
{
    struct buf came = run->data;

    run->data = h->telling_data; /* swapped: the run may be cancelled while its data is read */
    h->telling_data = came;
    run->call.data(run->call.arg, buf_view(&came));
    buf_clear(&h->telling_data);
}

/* What libcurl holds back is told in the same turn, the rest in the next. */
static void resume(struct http_async_run *run)
{
    run->paused = false;
    curl_easy_pause(run->curl, CURLPAUSE_CONT);
}

static void tell_done(struct http_async_run *run)
{
    struct http_async_call call = run->call;
    bool released = run->released;
    int rc = released ? ERR_OK : outcome(run);

    run_free(run); /* the connection is free for whatever done starts */
    if (!released)
        call.done(call.arg, rc);
}

/* Any callback may cancel this run, which then is no longer `telling`. */
static void tell(struct http_async *h, struct http_async_run *run)
{
    h->telling = run;
    if (run->head_whole && !run->head_told && !run->released)
        tell_head(run);
    if (h->telling == run && run->data.n && !run->released)
        tell_data(h, run);
    if (h->telling == run && run->paused)
        resume(run);
    if (h->telling == run && run->finished)
        tell_done(run);
    h->telling = NULL;
}

static void tell_all(struct http_async *h)
{
    note_finished(h);
    while (h->ready_first) {
        struct http_async_run *run = h->ready_first;

        h->ready_first = run->ready_next;
        if (!h->ready_first)
            h->ready_last = NULL;
        run->is_ready = false;
        tell(h, run);
    }
}

/* ---- libcurl and libuv ---- */

struct watched {
    uv_poll_t poll;
    struct http_async *h;
    curl_socket_t fd;
};

static void act(struct http_async *h, curl_socket_t fd, int events)
{
    int n_running;

    curl_multi_socket_action(h->multi, fd, events, &n_running);
    tell_all(h);
}

static void on_timer(uv_timer_t *t)
{
    act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_soon(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    act(idle->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(uv_poll_t *p, int status, int events)
{
    struct watched *w = p->data;
    int what = 0;

    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(w->h, w->fd, what);
}

/* "At once" is not a timer of 0 ms: libuv runs those that its timers start in the same turn, so
 * that a server who sends as fast as we read would keep the loop from everything else. */
static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct http_async *h = arg;

    (void)multi;
    uv_timer_stop(&h->timer);
    if (ms == 0)
        uv_idle_start(&h->soon, on_soon);
    else if (ms > 0)
        uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static void free_watched(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static struct watched *watched_new(struct http_async *h, curl_socket_t fd)
{
    struct watched *w = mem_calloc(1, sizeof *w);

    if (uv_poll_init_socket(h->loop, &w->poll, fd) < 0) {
        mem_free(w);
        return NULL;
    }
    w->poll.data = w;
    w->h = h;
    w->fd = fd;
    curl_multi_assign(h->multi, fd, w);
    return w;
}

static int watch(CURL *curl, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct watched *w = assigned;
    int events = 0;

    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            uv_close((uv_handle_t *)&w->poll, free_watched);
        curl_multi_assign(((struct http_async *)arg)->multi, fd, NULL);
        return 0;
    }
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    w = w ? w : watched_new(arg, fd);
    return w && uv_poll_start(&w->poll, events, on_socket) == 0 ? 0 : -1;
}

/* ---- a run ---- */

static CURL *handle_for(struct http_async_run *run, const struct http_async_call *call)
{
    struct http_waits waits = {call->connect_ms, call->total_ms};
    CURL *curl = http_handle_new(run->h->no_proxy, run->reason);

    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, run->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, call->body.p);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* Without it libcurl waits for a name that is being looked up when the call is cancelled. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, run);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, run);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, run);
    http_handle_set_waits(curl, &waits);
    return curl;
}

/* What could not even start is told of from the loop as well. */
static void fail_later(struct http_async_run *run, CURLcode why)
{
    run->finished = true;
    run->result = why;
    make_ready(run);
    uv_idle_start(&run->h->soon, on_soon);
}

struct http_async_run *http_async_start(struct http_async *h, const struct http_async_call *call)
{
    struct http_async_run *run = mem_calloc(1, sizeof *run);

    CHECK(call->body.p);
    run->h = h;
    run->call = *call;
    run->url = mem_strdup(call->url);
    run->head.retry_after_ms = -1;
    buf_init(&run->data);
    run->next = h->first;
    if (h->first)
        h->first->prev = run;
    h->first = run;
    if (url_check_key(call->key) < 0) {
        snprintf(run->reason, sizeof run->reason, "%s", err_text());
        fail_later(run, CURLE_URL_MALFORMAT);
        return run;
    }
    run->headers = http_handle_headers(call->key, call->accept, true, call->trace);
    run->curl = handle_for(run, call);
    if (!run->curl || curl_multi_add_handle(h->multi, run->curl) != CURLM_OK)
        fail_later(run, CURLE_FAILED_INIT);
    return run;
}

static void leave_ready(struct http_async_run *run)
{
    struct http_async *h = run->h;
    struct http_async_run *before = NULL;

    if (!run->is_ready)
        return;
    for (struct http_async_run *r = h->ready_first; r != run; r = r->ready_next)
        before = r;
    if (before)
        before->ready_next = run->ready_next;
    else
        h->ready_first = run->ready_next;
    if (h->ready_last == run)
        h->ready_last = before;
}

static void run_free(struct http_async_run *run)
{
    struct http_async *h = run->h;

    leave_ready(run);
    if (h->telling == run)
        h->telling = NULL;
    if (run->prev)
        run->prev->next = run->next;
    else
        h->first = run->next;
    if (run->next)
        run->next->prev = run->prev;
    if (run->curl) {
        curl_multi_remove_handle(h->multi, run->curl); /* closes what has not ended */
        curl_easy_cleanup(run->curl);
    }
    curl_slist_free_all(run->headers);
    buf_done(&run->data);
    mem_free(run->url);
    mem_free(run);
}

void http_async_cancel(struct http_async_run *run)
{
    run_free(run);
}

static void end_released(uv_timer_t *t)
{
    struct http_async *h = t->data;
    uint64_t now = uv_now(h->loop), until = UINT64_MAX;

    for (struct http_async_run *run = h->first, *next; run; run = next) {
        next = run->next;
        if (run->released && run->rest_until_ms <= now)
            run_free(run);
        else if (run->released && run->rest_until_ms < until)
            until = run->rest_until_ms;
    }
    if (until != UINT64_MAX)
        uv_timer_start(&h->rest, end_released, until - now, 0);
}

void http_async_release(struct http_async_run *run)
{
    struct http_async *h = run->h;

    if (run->finished) {
        run_free(run);
        return;
    }
    run->released = true;
    buf_clear(&run->data);
    if (run->paused)
        resume(run);
    run->rest_until_ms = uv_now(h->loop) + HTTP_ASYNC_REST_MS;
    if (!uv_is_active((uv_handle_t *)&h->rest))
        uv_timer_start(&h->rest, end_released, HTTP_ASYNC_REST_MS, 0);
}

/* ---- the whole ---- */

struct http_async *http_async_new(uv_loop_t *loop)
{
    struct http_async *h = mem_calloc(1, sizeof *h);

    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; safe on any thread since libcurl 7.84 */
    h->loop = loop;
    h->no_proxy = http_handle_no_proxy();
    h->multi = curl_multi_init();
    CHECK(h->multi);
    buf_init(&h->telling_data);
    uv_timer_init(loop, &h->timer);
    uv_timer_init(loop, &h->rest);
    uv_idle_init(loop, &h->soon);
    h->timer.data = h->rest.data = h->soon.data = h;
    h->n_open = 3;
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_ASYNC_IDLE_MAX);
    return h;
}

static void handle_closed(uv_handle_t *handle)
{
    struct http_async *h = handle->data;

    if (--h->n_open == 0)
        mem_free(h);
}

void http_async_free(struct http_async *h)
{
    if (!h)
        return;
    for (struct http_async_run *run = h->first, *next; run; run = next) {
        next = run->next;
        CHECK(run->released);
        run_free(run);
    }
    curl_multi_cleanup(h->multi);
    buf_done(&h->telling_data);
    mem_free(h->no_proxy);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&h->timer, handle_closed);
    uv_close((uv_handle_t *)&h->rest, handle_closed);
    uv_close((uv_handle_t *)&h->soon, handle_closed);
}
