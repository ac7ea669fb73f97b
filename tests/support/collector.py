"""A collector of OpenTelemetry's for tests: takes OTLP over HTTP in JSON, refuses as told.

Our JSON is read with the official messages (the package opentelemetry-proto). The protocol writes ids in hex
where protobuf's own JSON has base64: that alone is changed before.
"""
import base64
import http.server
import json
import threading
import time

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def ids_to_base64(v):
    if isinstance(v, list):
        return [ids_to_base64(x) for x in v]
    if not isinstance(v, dict):
        return v
    out = {}
    for key, value in v.items():
        if key in IDS:
            raw = bytes.fromhex(value)
            assert len(raw) == IDS[key] and value == value.lower(), (key, value)
            value = base64.b64encode(raw).decode()
        out[key] = ids_to_base64(value)
    return out


def value_of(v):
    kind = v.WhichOneof("value")
    if kind == "array_value":
        return [value_of(x) for x in v.array_value.values]
    return getattr(v, kind)


class Span:
    """One span with its attributes as a dict, and the resource it came with."""

    def __init__(self, span, resource):
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.name, self.kind, self.state, self.flags = span.name, span.kind, span.trace_state, span.flags
        self.start, self.end = span.start_time_unix_nano, span.end_time_unix_nano
        self.attributes = {a.key: value_of(a.value) for a in span.attributes}
        self.events = [(e.name, e.time_unix_nano) for e in span.events]
        self.status, self.message = span.status.code, span.status.message
        self.resource = {a.key: value_of(a.value) for a in resource.attributes}


class Collector:
    def __init__(self):
        self.lock = threading.Lock()
        self.spans, self.requests, self.headers = [], 0, []
        self.answers = []  # (status, headers, body) of the next requests; then 200
        self.delay_s = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self, body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d/v1/traces" % self.port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, handler, body):
        time.sleep(self.delay_s)
        with self.lock:
            self.requests += 1
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            status, headers, reply = self.answers.pop(0) if self.answers else (200, {}, b"{}")
            if status == 200:
                self.read(body)
        handler.send_response(status)
        for k, v in {**headers, "Content-Type": "application/json", "Content-Length": str(len(reply))}.items():
            handler.send_header(k, v)
        handler.end_headers()
        handler.wfile.write(reply)

    def read(self, body):
        m = json_format.ParseDict(ids_to_base64(json.loads(body)), ExportTraceServiceRequest())
        for of_resource in m.resource_spans:
            for of_scope in of_resource.scope_spans:
                assert of_scope.scope.name == "ragd" and of_scope.scope.version
                self.spans += [Span(s, of_resource.resource) for s in of_scope.spans]

    def trace(self, trace_id, n=1, seconds=10):
        """The spans of one trace, once there are so many and nothing more comes for a moment."""
        deadline = time.monotonic() + seconds
        while True:
            with self.lock:
                found = [s for s in self.spans if s.trace == trace_id]
            if len(found) >= n or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
