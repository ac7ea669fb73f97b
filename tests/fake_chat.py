#!/usr/bin/env python3
"""An OpenAI-compatible server for tests: says a given text at a given speed, or fails as told.

    tests/fake_chat.py [--port N] [--text T] [--first-token-ms N] [--tokens-per-s N] ...

Prints its port on the first line, serves 127.0.0.1 until it is killed or its input ends (--until-eof).

    POST /v1/chat/completions   streamed (stream: true) or not; wants a model and messages
    GET  /v1/models             the one model
    GET  /counts                {"requests", "streams", "open", "open_max", "finished", "cancelled",
                                 "tokens", "cancelled_at_ms": [...], "asked_at_ms": [...], "bodies": [...],
                                 "keys": [...], "traces": [[traceparent, tracestate], ...]};
                                times are of CLOCK_MONOTONIC, bodies, keys and traces the last 64
    POST /reset                 counts begin again
    POST /set                   {"first_token_ms": 300, ...}: settings by the names of the options, with _
"""
import argparse
import asyncio
import json
import sys
import time

BODY_MAX = 16 << 20
KEPT = 64
SLICE_S = 0.002  # how soon a client that left is noticed
PHRASES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 408: "Request Timeout",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class Gone(Exception):
    """The client has left."""


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", type=int, default=0, help="0: any")
    p.add_argument("--model", default="fake-chat")
    p.add_argument("--key", default="", help="the key that is wanted; others get 401")
    p.add_argument("--text", default="The fake model says that all is well.",
                   help="the answer; {question} stands for the last user message")
    p.add_argument("--first-token-ms", type=float, default=0)
    p.add_argument("--tokens-per-s", type=float, default=0, help="0: at once")
    p.add_argument("--finish", default="stop", help="finish_reason; '' for none")
    p.add_argument("--status", type=int, default=200, help="another status than 200")
    p.add_argument("--retry-after", default="", help="header beside that status")
    p.add_argument("--fail-first", type=int, default=0,
                   help="only so many requests have the faults below, or the status; 0: all")
    p.add_argument("--cut-after", type=int, default=-1, help="hangs up after so many tokens; 0: before the first")
    p.add_argument("--hang-up", action="store_true", help="closes instead of answering")
    p.add_argument("--silent", action="store_true", help="reads, never answers")
    p.add_argument("--stall-after", type=int, default=-1, help="says nothing more after so many tokens")
    p.add_argument("--garbage", action="store_true", help="events that are not JSON")
    p.add_argument("--not-http", action="store_true", help="bytes that are not HTTP")
    p.add_argument("--wrong-types", action="store_true", help="JSON of another shape")
    p.add_argument("--error-after", type=int, default=-1, help="an error object in the stream after so many tokens")
    p.add_argument("--endless", action="store_true", help="says its text again and again")
    p.add_argument("--no-done", action="store_true", help="the stream ends without [DONE]")
    p.add_argument("--no-usage", action="store_true")
    p.add_argument("--no-stream", action="store_true", help="stream: true is ignored")
    p.add_argument("--until-eof", action="store_true")
    return p.parse_args()


class Counts:
    def __init__(self):
        self.requests = self.streams = self.open = self.open_max = 0
        self.finished = self.cancelled = self.tokens = 0
        self.cancelled_at_ms, self.asked_at_ms, self.bodies, self.keys, self.traces = [], [], [], [], []

    def asked(self, body, key, trace):
        self.requests += 1
        self.streams += body.get("stream") is True
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        self.asked_at_ms.append(now_ms())
        self.bodies = [*self.bodies[1 - KEPT:], body]
        self.keys = [*self.keys[1 - KEPT:], key]
        self.traces = [*self.traces[1 - KEPT:], trace]


def now_ms():
    return time.monotonic() * 1000


def words(text):
    """Tokens that add up to the text: a word with the white space before it."""
    out, at = [], 0
    while at < len(text):
        end = at
        while end < len(text) and text[end].isspace():
            end += 1
        while end < len(text) and not text[end].isspace():
            end += 1
        out.append(text[at:end])
        at = end
    return out


def tokens_of(messages):
    return sum(len(words(str(m.get("content")))) for m in messages)


class Exchange:
    """One request and its reply."""

    def __init__(self, server, reader, writer, body):
        self.o, self.counts = server.o, server.counts
        self.reader, self.writer, self.body = reader, writer, body
        fail_first = self.o.fail_first
        self.faulty = fail_first == 0 or server.counts.requests <= fail_first
        question = [m.get("content") for m in body["messages"] if m.get("role") == "user"]
        self.text = self.o.text.replace("{question}", str(question[-1]) if question else "")
        self.n_in = tokens_of(body["messages"])

    def fault(self, name, fine):
        return getattr(self.o, name) if self.faulty else fine

    def check(self):
        if self.reader.at_eof() or self.reader.exception() or self.writer.is_closing():
            raise Gone

    async def until(self, at):
        """Sleeps to a moment of time.monotonic(), and notices when the client leaves."""
        self.check()
        while (left := at - time.monotonic()) > 0:
            await asyncio.sleep(min(left, SLICE_S))
            self.check()

    async def send(self, data):
        self.check()
        self.writer.write(data if isinstance(data, bytes) else data.encode())
        await self.writer.drain()

    async def reply(self, status, value, headers=""):
        data = json.dumps(value).encode()
        await self.send(("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n" %
                         (status, PHRASES.get(status, "Status"), len(data), headers)).encode() + data)

    async def event(self, value):
        text = value if isinstance(value, str) else json.dumps(value)
        data = ("data: %s\n\n" % text).encode()
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def usage(self, n):
        return {"prompt_tokens": self.n_in, "completion_tokens": n, "total_tokens": self.n_in + n}

    def chunk(self, choices, **more):
        return {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1700000000,
                "model": self.body["model"], "choices": choices, **more}

    async def run(self):
        """Whether the connection goes on."""
        o = self.o
        if self.fault("hang_up", False):
            return False
        if self.fault("silent", False):
            await self.until(time.monotonic() + 3600)
        if self.fault("not_http", False):
            await self.send(b"\x01\x02 what? \xff\xfe\r\n\r\n")
            return False
        status = self.fault("status", 200)
        if status != 200:
            extra = "Retry-After: %s\r\n" % o.retry_after if o.retry_after else ""
            await self.reply(status, {"error": {"message": "fake status %d" % status, "type": "fake"}}, extra)
            return True
        if self.body.get("stream") is True and not o.no_stream:
            return await self.stream()
        return await self.whole()

    async def whole(self):
        parts = words(self.text)
        late = self.o.first_token_ms / 1000
        if self.o.tokens_per_s > 0:
            late += len(parts) / self.o.tokens_per_s
        await self.until(time.monotonic() + late)
        value = self.chunk([{"index": 0, "finish_reason": self.o.finish or None,
                             "message": {"role": "assistant", "content": self.text}}])
        value["object"] = "chat.completion"
        if not self.o.no_usage:
            value["usage"] = self.usage(len(parts))
        if self.fault("wrong_types", False):
            value["choices"] = "later"
        self.counts.tokens += len(parts)
        await self.reply(200, value)
        return self.fault("cut_after", -1) < 0

    async def stream(self):
        await self.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                        "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n")
        if self.fault("garbage", False):
            await self.event("{not JSON at all")
        if self.fault("wrong_types", False):
            await self.event({"choices": {"delta": 7}})
        n = await self.say()
        if n < 0:
            return False
        await self.event(self.chunk([{"index": 0, "delta": {}, "finish_reason": self.o.finish or None}]))
        if (self.body.get("stream_options") or {}).get("include_usage") and not self.o.no_usage:
            await self.event(self.chunk([], usage=self.usage(n)))
        if not self.o.no_done:
            await self.event("[DONE]")
        await self.send(b"0\r\n\r\n")
        return True

    async def say(self):
        """Tokens at their pace; how many, or -1 when a fault has ended the stream."""
        start = time.monotonic() + self.o.first_token_ms / 1000
        gap = 1 / self.o.tokens_per_s if self.o.tokens_per_s > 0 else 0
        n = 0
        await self.until(start)
        while True:
            for token in words(self.text):
                if await self.stopped(n):
                    return -1
                await self.until(start + n * gap)
                delta = {"content": token} if n else {"role": "assistant", "content": token}
                await self.event(self.chunk([{"index": 0, "delta": delta, "finish_reason": None}]))
                self.counts.tokens += 1
                n += 1
            if not self.text or not self.fault("endless", False):
                return -1 if await self.stopped(n) else n

    async def stopped(self, n):
        if n == self.fault("stall_after", -1):
            await self.until(time.monotonic() + 3600)
        if n == self.fault("error_after", -1):
            await self.event({"error": {"message": "the fake model broke", "type": "server_error"}})
            return True
        return n == self.fault("cut_after", -1)


class Server:
    def __init__(self, o):
        self.o, self.counts = o, Counts()

    async def read(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path = head[0].split()[:2]
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:])}
        n = int(headers.get("content-length", 0))
        if n > BODY_MAX:
            raise ValueError("body of %d bytes" % n)
        return method, path, headers, await reader.readexactly(n) if n else b""

    async def connection(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, Gone):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        method, path, headers, data = await self.read(reader)
        if (method, path) == ("POST", "/v1/chat/completions"):
            return await self.chat(reader, writer, headers, data)
        plain = Exchange(self, reader, writer, {"messages": []})
        if (method, path) == ("GET", "/counts"):
            await plain.reply(200, vars(self.counts))
        elif (method, path) == ("GET", "/v1/models"):
            await plain.reply(200, {"object": "list", "data": [{"id": self.o.model, "object": "model"}]})
        elif (method, path) == ("POST", "/reset"):
            still = self.counts.open
            self.counts = Counts()
            self.counts.open = self.counts.open_max = still
            await plain.reply(200, {})
        elif (method, path) == ("POST", "/set"):
            vars(self.o).update(json.loads(data))
            await plain.reply(200, {})
        else:
            await plain.reply(404, {"error": {"message": "no such path"}})
        return True

    async def chat(self, reader, writer, headers, data):
        key = headers.get("authorization", "").removeprefix("Bearer ")
        body = json.loads(data)
        plain = Exchange(self, reader, writer, {"messages": []})
        if not isinstance(body.get("messages"), list) or not isinstance(body.get("model"), str):
            await plain.reply(400, {"error": {"message": "model and messages are wanted"}})
            return True
        self.counts.asked(body, key, [headers.get(k, "") for k in ("traceparent", "tracestate")])
        try:
            if self.o.key and key != self.o.key:
                await plain.reply(401, {"error": {"message": "wrong key"}})
                return True
            on = await Exchange(self, reader, writer, body).run()
            self.counts.finished += 1
            return on
        except (Gone, ConnectionError):
            self.counts.cancelled += 1
            self.counts.cancelled_at_ms.append(now_ms())
            raise
        finally:
            self.counts.open -= 1


async def main():
    o = options()
    server = await asyncio.start_server(Server(o).connection, "127.0.0.1", o.port, limit=1 << 20, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    if o.until_eof:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    else:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
