"""The administration of InfluxDB 2.x on a real socket, over an instance in memory.

Paths, field names, statuses and words are those of influxdb 2.7; what the product does not ask for is not there.
"""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from functions.adapters.memory_influx_admin import MemoryInfluxAdmin
from functions.domain.store_setup import Access, Authorization, Bucket, DatabaseMapping
from functions.errors import StoreAdminError

USER, PASSWORD = "admin", "öffne dich, sésame"
UNAUTHORIZED = 401, {"code": "unauthorized", "message": "unauthorized access"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who asked did not wait for the answer
            super().handle_error(request, client_address)


class InfluxAdminServer:
    """`answers` maps a method and path to what is answered instead, once for each entry of its list."""

    def __init__(self):
        self.world = MemoryInfluxAdmin()
        self.sessions = set()
        self.answers = {}
        self.requests = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, query, headers, body):
        """Status, document, further headers."""
        self.requests.append((method, path))
        for prefix, prepared in self.answers.items():
            if f"{method} {path}".startswith(prefix) and prepared:
                given = prepared.pop(0)
                return given() if callable(given) else given
        if path == "/api/v2/signin":
            return self._sign_in(headers)
        if path in {"/write", "/query"}:
            return self._try(path, query, headers, body)
        return self._in_session(method, path, query, headers, body)

    def _in_session(self, method, path, query, headers, body):
        session = headers.get("Cookie", "").partition("=")[2]
        if session not in self.sessions:
            return UNAUTHORIZED
        if path == "/api/v2/signout":
            self.sessions.discard(session)
            return 204, None
        kind, _, identifier = path.removeprefix("/api/v2/").partition("/")
        do = getattr(self, f"_{method.lower()}_{kind}")
        try:
            return do(identifier, query, body and json.loads(body))
        except StoreAdminError as exc:
            return 422, {"code": "unprocessable entity", "message": str(exc)}

    def _sign_in(self, headers):
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("Authorization") != f"Basic {expected}":
            return UNAUTHORIZED
        session = f"session-{len(self.sessions)}=="
        self.sessions.add(session)
        return 204, None, {"Set-Cookie": f"influxdb-oss-session={session}; Path=/api/; SameSite=Strict"}

    def _try(self, path, query, headers, body):
        token = headers.get("Authorization", "").removeprefix("Token ")
        if token not in self.world.tokens:
            return UNAUTHORIZED
        works = self.world.works(token, Access.WRITE if path == "/write" else Access.READ, query["db"])
        if path == "/query":
            problem = {} if works else {"error": "database not found: telemetry"}
            return 200, {"results": [{"statement_id": 0, **problem}]}
        assert body.startswith(b"#"), "a try must not store anything"
        return (204, None) if works else (403, {"code": "forbidden", "message": "insufficient permissions for write"})

    def _get_orgs(self, _, query, __):
        name = query["org"]
        found = self.world.organization(name)
        if found is None:
            return 404, {"code": "not found", "message": f'organization name "{name}" not found'}
        return 200, {"orgs": [{"id": found, "name": name}]}

    def _get_buckets(self, _, query, __):
        return 200, {"buckets": [self._bucket(name) for name in self.world.buckets if name == query["name"]]}

    def _post_buckets(self, _, __, document):
        name = document["name"]
        self.world.make_bucket(document["orgID"], name, document["retentionRules"][0]["everySeconds"])
        return 201, self._bucket(name)

    def _patch_buckets(self, identifier, _, document):
        (rule,) = document["retentionRules"]
        if rule["shardGroupDurationSeconds"] > rule["everySeconds"]:
            message = "shard-group duration must also be updated to be smaller than new retention duration"
            return 422, {"code": "unprocessable entity", "message": message}
        self.world.keep_for(Bucket(identifier, None), rule["everySeconds"])
        return 200, {}

    def _get_dbrps(self, _, query, __):
        database = query["db"]
        made = [self._mapping(one, database) for one in self.world.mappings("", database)]
        derived = [
            {**self._mapping(DatabaseMapping(one.id, one.id, "autogen", default=not made), name), "virtual": True}
            for name, one in self.world.buckets.items()
            if name == database
        ]
        return 200, {"content": made + derived}

    def _post_dbrps(self, _, __, document):
        assert document["default"] is True
        bucket = Bucket(document["bucketID"], None)
        self.world.map_database(document["orgID"], document["database"], document["retention_policy"], bucket)
        return 201, {}

    def _patch_dbrps(self, identifier, _, document):
        assert document == {"default": True}
        self.world.make_default("", DatabaseMapping(identifier, "", "", default=True))
        return 200, {}

    def _delete_dbrps(self, identifier, _, __):
        self.world.unmap("", DatabaseMapping(identifier, "", "", default=True))
        return 204, None

    def _get_authorizations(self, *_):
        found = self.world.authorizations("")
        return 200, {"authorizations": [{"id": one.id, "description": one.description} for one in found]}

    def _post_authorizations(self, _, __, document):
        (permission,) = document["permissions"]
        assert permission["resource"]["type"] == "buckets"
        bucket = Bucket(permission["resource"]["id"], None)
        text = self.world.authorize("", bucket, Access(permission["action"]), document["description"])
        return 201, {"id": self.world.tokens[text].authorization.id, "token": text}

    def _delete_authorizations(self, identifier, _, __):
        known = {one.id for one in self.world.authorizations("")}
        if identifier not in known:
            return 404, {"code": "not found", "message": "authorization not found"}
        self.world.revoke(Authorization(identifier, ""))
        return 204, None

    def _bucket(self, name):
        bucket = self.world.buckets[name]
        rules = [{"type": "expire", "everySeconds": bucket.retention_s or 0, "shardGroupDurationSeconds": 604800}]
        return {"id": bucket.id, "name": name, "type": "user", "retentionRules": rules}

    def _mapping(self, mapping, database):
        return {
            "id": mapping.id,
            "bucketID": mapping.bucket,
            "database": database,
            "retention_policy": mapping.policy,
            "default": mapping.default,
        }

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self):
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, document, *more = server.answer(self.command, parts.path, query, self.headers, body)
                text = (
                    document
                    if isinstance(document, bytes)
                    else b""
                    if document is None
                    else json.dumps(document).encode()
                )
                self.send_response(status)
                for name, value in {**(more[0] if more else {}), "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = serve  # noqa: N815 - the names are http.server's, here and below
            do_POST = serve  # noqa: N815
            do_PATCH = serve  # noqa: N815
            do_DELETE = serve  # noqa: N815

            def log_message(self, *_):
                pass

        return Handler
