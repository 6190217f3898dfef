"""The API as such: who may call what, what a body has to be, the audit, the tokens, the page's files."""

import hashlib
import json
import re
from datetime import datetime

import pytest
from harness import admin, raw
from harness.admin import API, Admin, error, logged_in
from harness.gatehouse import ROOT
from harness.poll import until

SETTINGS = admin.SETTINGS
WWW = ROOT / "admin/www"
DOCUMENT = json.loads((ROOT / "admin/openapi.json").read_text())
METHODS = ("get", "post", "patch", "delete")
OPERATIONS = sorted((method.upper(), path.lstrip("/"), operation)
                    for path, item in DOCUMENT["paths"].items()
                    for method, operation in item.items() if method in METHODS)
"""every operation of the API, as documented; test_openapi.c sees to it that none is missing"""
OPEN = {("GET", "session"), ("POST", "session"), ("GET", "openapi.json")}
"""what needs no session"""
GUARDED = [(method, path) for method, path, _ in OPERATIONS if (method, path) not in OPEN]
SCOPES = {"admin": {"admin", "read", "metrics"}, "read": {"read", "metrics"}, "metrics": {"metrics"}}


def concrete(path):
    """An address of that form, of a thing that does not exist."""
    return re.sub(r"\{\w+\}", "no-such-thing", path)


def scope_of(operation):
    return re.search(r"Needs scope `(\w+)`", operation.get("description", "")).group(1)


@pytest.fixture(scope="module")
def client(module_house):
    admin.give(module_house)
    return logged_in(module_house)


@pytest.fixture(scope="module")
def tokens(client):
    """A client with a token of each scope."""
    return {scope: client.make_token(scope)[0] for scope in SCOPES}


# who may


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nobody_in_particular_may_do_nothing(house, method, path):
    answer = Admin(house).call(method, concrete(path), {} if method in ("POST", "PATCH") else None)
    assert answer.status == 401
    assert error(answer)["code"] == "no_session"
    assert answer.get("www-authenticate") == "Bearer"


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("cookie", ["", "x", "A" * 43])
def test_a_wrong_cookie_is_no_session(house, method, path, cookie):
    stranger = Admin(house)
    stranger.cookie, stranger.csrf = cookie, "0" * 64
    answer = stranger.call(method, concrete(path), {} if method in ("POST", "PATCH") else None)
    assert answer.status == 401
    assert error(answer)["code"] == "no_session"


@pytest.mark.parametrize(("method", "path"), [pair for pair in GUARDED if pair[0] != "GET"])
@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "another session's"])
def test_a_change_without_the_sessions_csrf_token_is_refused(house, client, method, path, csrf):
    forged = Admin(house)
    forged.cookie = client.cookie
    forged.csrf = logged_in(house).csrf if csrf == "another session's" else csrf
    answer = forged.call(method, concrete(path), {} if method in ("POST", "PATCH") else None)
    assert answer.status == 403
    assert error(answer)["code"] == "csrf"


@pytest.mark.parametrize("header", [("Origin", "https://evil.example"), ("Origin", "null"),
                                    ("Origin", "http://localhost.evil.example"), ("Origin", "https://localhost"),
                                    ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")])
def test_a_page_of_another_origin_changes_nothing(house, client, header):
    before = len(client.get("tokens")["tokens"])
    answer = client.call("POST", "tokens", {"name": "x", "scopes": ["read"]}, [header])
    assert (answer.status, error(answer)["code"]) == (403, "origin")
    assert len(client.get("tokens")["tokens"]) == before
    answer = Admin(house).call("POST", "session", {"password": admin.PASSWORD}, [header])
    assert (answer.status, error(answer)["code"]) == (403, "origin")


def test_the_own_page_may_change_things(client):
    answer = client.call("POST", "tokens", {"name": "own page", "scopes": ["read"]},
                         [("Origin", "http://localhost"), ("Sec-Fetch-Site", "same-origin")])
    assert answer.status == 201


@pytest.mark.parametrize(("method", "path", "operation"),
                         [entry for entry in OPERATIONS if entry[:2] not in OPEN and entry[:2] != ("DELETE", "sessions")])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_may_do_what_its_scope_says(tokens, scope, method, path, operation):
    answer = tokens[scope].call(method, concrete(path), {"no such field": 1} if method in ("POST", "PATCH") else None)
    if scope_of(operation) in SCOPES[scope]:
        assert answer.status not in (401, 403), answer.body
        assert answer.status != 405
    else:
        assert answer.status == 403
        assert error(answer)["code"] == "scope"


def test_a_wrong_token_is_refused_even_beside_a_good_cookie(client):
    for value in ("Bearer gha_" + "A" * 43, "Bearer x", "Basic eDp5", "Bearer", "bearer  "):
        answer = client.call("GET", "sessions", headers=[("Authorization", value)])
        assert (answer.status, error(answer)["code"]) == (401, "invalid_token")


def test_metrics_are_for_tokens_of_each_scope_and_for_sessions(house, client, tokens):
    assert Admin(house).send("GET", "/admin/metrics").status == 401
    for who in (client, *tokens.values()):
        answer = who.send("GET", "/admin/metrics", who.headers("GET"))
        assert answer.status == 200
        assert b"gatehouse_build_info" in answer.body
    assert client.send("POST", "/admin/metrics", client.headers("POST")).status == 405


# what a request has to be

BAD_BODIES = {
    "no JSON": (b"{", "invalid_json"),
    "two values": (b"{} {}", "invalid_json"),
    "a field twice": (b'{"name": "a", "name": "b", "scopes": ["read"]}', "invalid_json"),
    "no UTF-8": (b'{"name": "\xff", "scopes": ["read"]}', "invalid_json"),
    "a NUL": (b'{"name": "a\\u0000b", "scopes": ["read"]}', "invalid_json"),
    "a list": (b"[]", "not_an_object"),
    "a list of lists": (b"[" * 100000 + b"]" * 100000, "too_deep"),
    "deep objects": (b'{"a":' * 5000 + b"1" + b"}" * 5000, "too_deep"),
    "a text": (b'"x"', None),
    "null": (b"null", None),
    "an unknown field": (b'{"name": "a", "scopes": ["read"], "x\\"<b>": 1}', "unknown_field"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_body_of_another_form_is_refused(client, case):
    body, code = BAD_BODIES[case]
    answer = client.call("POST", "tokens", body)
    assert answer.status == 400, answer.body
    assert code in (None, error(answer)["code"])
    assert client.get("session")["authenticated"]


def test_an_unknown_field_is_named(client):
    answer = client.call("POST", "tokens", {"name": "a", "scopes": ["read"], 'x"<b>\u00e4': 1})
    assert error(answer)["param"] == 'x"<b>\u00e4'


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                                  "application/jsonp"])
def test_a_body_must_say_that_it_is_json(client, kind):
    headers = client.headers("POST") + ([("Content-Type", kind)] if kind else [])
    answer = client.send("POST", API + "tokens", headers, b'{"name": "a", "scopes": ["read"]}')
    assert (answer.status, error(answer)["code"]) == (415, "content_type")


def test_a_type_may_have_parameters(client):
    answer = client.send("POST", API + "tokens",
                         [*client.headers("POST"), ("Content-Type", "Application/JSON; charset=utf-8")],
                         b'{"name": "a", "scopes": ["read"]}')
    assert answer.status == 201


def test_a_body_over_a_mebibyte_is_refused(client):
    body = b'{"name": "' + b"x" * (1 << 20) + b'"}'
    answer = client.call("POST", "tokens", body)
    assert answer.status == 413
    assert error(answer)
    headers = [*client.headers("POST"), ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    with client.connect() as connection:
        connection.send(b"POST /admin/api/v1/tokens HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n"
                        + raw.chunked(body))
        answer = connection.answer()
    assert answer.status == 413
    assert error(answer)
    assert answer.get("x-content-type-options") == "nosniff"
    assert client.get("session")["authenticated"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "OPTIONS"])
def test_a_body_where_none_belongs_is_no_second_request(house, client, method):
    inner = (b"DELETE /admin/api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nX-Gatehouse-Client: 10.0.0.1\r\n"
             b"Cookie: gatehouse_session=%s\r\nX-CSRF-Token: %s\r\n\r\n" % (client.cookie.encode(), client.csrf.encode()))
    with house.connect() as connection:
        connection.send(b"%s /admin/api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                        % (method.encode(), len(inner), inner))
        assert connection.answer(method).status == 400
    assert client.get("session")["authenticated"]


@pytest.mark.parametrize(("method", "path", "allow"), [
    ("PUT", "session", {"GET", "HEAD", "POST", "DELETE"}), ("POST", "sessions", {"GET", "HEAD", "DELETE"}),
    ("PATCH", "tokens", {"GET", "HEAD", "POST"}), ("GET", "tokens/x", {"DELETE"}), ("OPTIONS", "audit", {"GET", "HEAD"}),
    ("DELETE", "audit/verify", {"GET", "HEAD"})])
def test_a_method_that_a_path_has_not_is_405(client, method, path, allow):
    answer = client.call(method, path)
    assert answer.status == 405
    assert set(answer.get("allow").split(", ")) == allow
    assert error(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["", "nothing", "tokens/", "tokens/a/b", "session/x", "tokens/%00", "tokens/%ff",
                                  "Session", "session%20"])
def test_what_does_not_exist_is_404(client, path):
    for method in ("GET", "POST"):
        answer = client.call(method, path, {} if method == "POST" else None)
        assert answer.status in ((400,) if "%" in path and "%20" not in path else (404, 405))
        assert error(answer)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "limit=1&limit=2", "before=0",
                                   "since=yesterday", "since=%zz", "a=%00", "limit=99999999999999999999",
                                   "&".join(f"a{i}=1" for i in range(40))])
def test_a_query_that_makes_no_sense_is_refused(client, query):
    answer = client.call("GET", "audit?" + query)
    assert answer.status == 400
    assert error(answer)


def test_head_is_get_without_the_body(client):
    with client.connect() as connection:
        connection.send(raw.request("HEAD", API + "session", client.headers("HEAD")))
        answer = connection.answer("HEAD")
    assert answer.status == 200
    assert answer.body == b""


def test_answers_carry_the_security_headers(house, client):
    for answer in (client.call("GET", "session"), client.call("GET", "nothing"), client.send("GET", "/admin"),
                   client.call("POST", "tokens", b"{")):
        assert answer.get("x-content-type-options") == "nosniff"
        assert answer.get("x-frame-options") == "DENY"
        policy = answer.get("content-security-policy")
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert re.fullmatch(r"[0-9a-f]{32}", answer.get("x-request-id"))


# tokens


def test_a_token_works_until_it_is_revoked_in_the_very_next_request(client):
    holder, public = client.make_token("read", name='ci "<b>" \u00e4')
    assert holder.get("session")["kind"] == "token"
    assert holder.get("session")["csrf_token"] is None
    listed = {token["id"]: token for token in client.get("tokens")["tokens"]}
    assert listed[public["id"]]["name"] == 'ci "<b>" \u00e4'
    assert listed[public["id"]]["last_used_at"] is not None
    assert listed[public["id"]]["status"] == "active"
    client.delete(f"tokens/{public['id']}")
    assert holder.call("GET", "session").status == 401
    assert client.call("DELETE", f"tokens/{public['id']}").status == 404


def test_tokens_are_kept_as_hashes_and_audited_by_id(house, client):
    holder, public = client.make_token("metrics")
    text = (house.folder / "data/admin_tokens.json").read_text()
    assert holder.token not in text
    assert hashlib.sha256(holder.token.encode()).hexdigest() in text
    assert (house.folder / "data/admin_tokens.json").stat().st_mode & 0o777 == 0o600
    record = client.get("audit?limit=1")["records"][0]
    assert record["action"] == "token.create"
    assert record["target"] == public["id"]
    assert record["actor"] == {"kind": "session", "id": client.get("session")["id"]}
    assert record["from"] == "127.0.0.1"
    assert record["detail"]["scopes"] == ["metrics"]
    house.log_never_has(holder.token)
    assert holder.token not in json.dumps(client.get("audit?limit=1000"))


@pytest.mark.parametrize(("fields", "param"), [
    ({"scopes": ["read"]}, "name"), ({"name": "", "scopes": ["read"]}, "name"),
    ({"name": "a\nb", "scopes": ["read"]}, "name"), ({"name": "x" * 129, "scopes": ["read"]}, "name"),
    ({"name": 1, "scopes": ["read"]}, "name"), ({"name": "a"}, "scopes"), ({"name": "a", "scopes": []}, "scopes"),
    ({"name": "a", "scopes": ["root"]}, "scopes"), ({"name": "a", "scopes": "read"}, "scopes"),
    ({"name": "a", "scopes": ["read"], "expires_in_days": 0}, "expires_in_days"),
    ({"name": "a", "scopes": ["read"], "expires_in_days": 1.5}, "expires_in_days"),
    ({"name": "a", "scopes": ["read"], "expires_at": "2001-01-01"}, "expires_at"),
    ({"name": "a", "scopes": ["read"], "expires_at": 5}, "expires_at"),
    ({"name": "a", "scopes": ["read"], "expires_at": "2099-01-01", "expires_in_days": 1}, "expires_in_days")])
def test_a_token_of_another_form_is_refused_by_field(client, fields, param):
    answer = client.call("POST", "tokens", fields)
    assert (answer.status, error(answer)["param"]) == (400, param)


def test_a_token_may_expire(client):
    _, public = client.make_token("read", expires_in_days=7)
    days = datetime.fromisoformat(public["expires_at"]) - datetime.fromisoformat(public["created_at"])
    assert days.days == 7


# the audit


def test_the_audit_is_told_page_by_page_newest_first(client):
    for _ in range(3):
        client.make_token("read")
    whole = client.get("audit?limit=1000")
    assert whole["next"] is None
    numbers = [record["seq"] for record in whole["records"]]
    assert numbers == list(range(len(numbers), 0, -1))
    paged, before = [], None
    while True:
        page = client.get("audit?limit=2" + (f"&before={before}" if before else ""))
        paged += page["records"]
        before = page["next"]
        if before is None:
            break
    assert paged == whole["records"]
    assert client.get("audit?since=2099-01-01T00:00:00Z") == {"records": [], "next": None}
    assert client.get("audit?limit=1000&since=2001-01-01T00:00:00Z")["records"] == whole["records"]
    verdict = client.get("audit/verify")
    assert verdict == {"whole": True, "records": len(numbers), "last_seq": len(numbers), "first_bad": None}


def test_the_command_line_tells_the_same_audit(house, client):
    done = house.run("audit", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    shown = client.get("audit?limit=1000")["records"]
    assert lines == shown[::-1][:len(lines)]
    assert len(lines) == len(shown)


# the document and the page's files


def test_the_document_is_served_to_everybody_and_its_references_lead_somewhere(house):
    answer = Admin(house).call("GET", "openapi.json")
    assert answer.status == 200
    assert answer.get("content-type") == "application/json"
    assert answer.json() == DOCUMENT

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from references(item)

    for reference in set(references(DOCUMENT)):
        found = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
         "null": type(None)}


def faults(value, schema, place="answer"):
    """Where a value is not what a schema of the document says; of JSON Schema just what the document uses."""
    if "$ref" in schema:
        return faults(value, DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]], place)
    if "oneOf" in schema:
        found = [faults(value, choice, place) for choice in schema["oneOf"]]
        return [] if [] in found else found[0]
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "boolean") for kind in kinds):
        return [f"{place}: {value!r} is not {kinds}"]
    found = []
    if isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{place} lacks {name}" for name in schema.get("required", ()) if name not in value]
        for name, item in value.items():
            if name in known:
                found += faults(item, known[name], f"{place}.{name}")
            elif rest is False:
                found.append(f"{place}.{name} is not documented")
            elif isinstance(rest, dict):
                found += faults(item, rest, f"{place}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += faults(item, schema.get("items", {}), f"{place}[{number}]")
    elif value is not None and value not in schema.get("enum", [value]):
        found.append(f"{place}: {value!r} is none of {schema['enum']}")
    return found


@pytest.mark.parametrize("path", [path for method, path, _ in OPERATIONS if method == "GET" and "{" not in path])
def test_answers_are_what_the_document_says(house, client, path):
    client.make_token("read")
    operation = DOCUMENT["paths"]["/" + path]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert faults(client.get(path), schema) == []
    refused = Admin(house).call("GET", path)
    if refused.status != 200:
        assert faults(refused.json(), DOCUMENT["components"]["schemas"]["Error"]) == []


def test_a_new_key_is_what_the_document_says(client):
    made = client.post("keys", {"description": "documented"}, 201)
    assert faults(made, DOCUMENT["components"]["schemas"]["KeyCreated"]) == []
    assert faults(client.get(f"keys/{made['key']['ref']}"), DOCUMENT["components"]["schemas"]["Key"]) == []


@pytest.mark.parametrize("target", ["/admin", "/admin/", "/admin/keys", "/admin/settings", "/admin/usage",
                                    "/admin/usage?period=7d", "/admin/live", "/admin/about", "/admin/login",
                                    "/admin/logout"])
def test_every_page_is_the_same_document_open_to_everybody(house, target):
    answer = Admin(house).send("GET", target)
    assert answer.status == 200
    assert answer.get("content-type") == "text/html; charset=utf-8"
    assert answer.get("cache-control") == "no-cache"
    assert answer.body == (WWW / "index.html").read_bytes()


def test_files_come_with_their_type_and_tag(house):
    client = Admin(house)
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
             ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml"}
    names = [path.name for path in WWW.iterdir()] + ["chart.js"]
    for name in names:
        answer = client.send("GET", f"/admin/static/{name}")
        assert answer.status == 200, name
        assert answer.get("content-type") == kinds["." + name.rpartition(".")[2]]
        assert answer.get("cache-control") == "no-cache"
        tag = answer.get("etag")
        assert re.fullmatch('"[0-9a-f]{16,64}"', tag)
        assert hashlib.sha256(answer.body).hexdigest().startswith(tag.strip('"'))
        again = client.send("GET", f"/admin/static/{name}", [("If-None-Match", tag)])
        assert (again.status, again.body) == (304, b"")
        kept = client.send("GET", f"/admin/static/{name}?v=" + tag.strip('"'))
        assert "immutable" in kept.get("cache-control")
        assert client.send("GET", f"/admin/static/{name}?v=0").get("cache-control") == "no-cache"
        assert client.send("POST", f"/admin/static/{name}").status == 405


@pytest.mark.parametrize("name", ["", "none.js", "index.html/", "../admin.c", "%2e%2e/admin.c", ".."])
def test_there_are_no_other_files(house, name):
    assert Admin(house).send("GET", f"/admin/static/{name}").status in (400, 404)


def test_the_admin_process_lives_on(house):
    """After all of the above; an admin that had died would have been started anew."""
    assert until("there is an admin process", house.admin)
    assert not [line for line in house.lines("child_exit") if "admin" in line.msg]
