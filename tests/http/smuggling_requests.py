"""Requests with which one system could be made to see what another does not: the table.

Each case is what goes over the wire and what has to become of it. The service's only honest
target is `/s/edu.payment/x`, of which the department sees `/x`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.doubles.gateway import APP_KEY

__all__ = ["CASES", "Case"]

LINE: Final = b"POST /s/edu.payment/x HTTP/1.1"
GET: Final = b"GET /s/edu.payment/x HTTP/1.1"
HOST: Final = b"Host: gateway.test"
KEY: Final = b"X-Api-Key: " + APP_KEY.encode()
CHUNKED: Final = b"Transfer-Encoding: chunked"
HIDDEN: Final = b"GET /s/edu.payment/hidden HTTP/1.1\r\nHost: gateway.test\r\n" + KEY + b"\r\n\r\n"


class Case(NamedTuple):
    """`answers` are the statuses in their order; then the connection is closed, or kept.

    `seen` is what the department has received completely: method, target and body of each.
    `ends`: the caller sends nothing after it (it half-closes).
    """

    name: str
    wire: bytes
    answers: tuple[int, ...] = (400,)
    seen: tuple[bytes, ...] = ()
    closed: bool = True
    ends: bool = False


def head(*lines: bytes, line: bytes = LINE, host: bytes = HOST) -> bytes:
    return b"\r\n".join([part for part in (line, host, KEY, *lines) if part]) + b"\r\n\r\n"


def refused(name: str, *lines: bytes, body: bytes = b"", line: bytes = LINE) -> Case:
    return Case(name, head(*lines, line=line) + body)


def taken(
    name: str, *lines: bytes, body: bytes = b"", seen: bytes = b"", line: bytes = LINE
) -> Case:
    wire = head(*lines, line=line) + body
    return Case(name, wire, (200,), (b"%b /x %b" % (line.split()[0], seen),), closed=False)


def chunks(name: str, body: bytes) -> Case:
    return refused(name, CHUNKED, body=body)


FRAMING: Final = (
    refused("length before coding", b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    refused("coding before length", CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + HIDDEN),
    refused("two lengths", b"Content-Length: 0", b"Content-Length: 3", body=b"abc"),
    refused("two equal lengths", b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
    refused("a list of equal lengths", b"Content-Length: 3, 3", body=b"abc"),
    refused("a list of lengths", b"Content-Length: 3, 4", body=b"abc"),
    refused("a length with plus", b"Content-Length: +3", body=b"abc"),
    refused("a negative length", b"Content-Length: -3", body=b"abc"),
    refused("a hexadecimal length", b"Content-Length: 0x3", body=b"abc"),
    refused("a length with a blank inside", b"Content-Length: 1 0", body=b"abc"),
    refused("a length with an underscore", b"Content-Length: 1_0", body=b"abc"),
    refused("a length with a fraction", b"Content-Length: 3.0", body=b"abc"),
    refused("an empty length", b"Content-Length:", body=b"abc"),
    refused("a length in full-width digits", "Content-Length: ３".encode(), body=b"abc"),
    refused("a length beyond 64 bits", b"Content-Length: 18446744073709551616", body=b"abc"),
    refused("a folded length", b"Content-Length:\r\n 3", body=b"abc"),
    refused("a blank before the length's colon", b"Content-Length : 3", body=b"abc"),
    refused("a tab before the length's colon", b"Content-Length\t: 3", body=b"abc"),
    refused("an unknown coding", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    refused("a coding after chunked", b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    refused("identity", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    refused("gzip before chunked", b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    refused("chunked twice", b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    refused("chunked in two lines", CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    refused("identity, then chunked", b"Transfer-Encoding: identity", CHUNKED, body=b"0\r\n\r\n"),
    refused("chunked, then identity", CHUNKED, b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    refused("an empty coding", b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    refused("a quoted coding", b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    refused("a coding with a parameter", b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n"),
    refused("a vertical tab before chunked", b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    refused("NUL after chunked", b"Transfer-Encoding: chunked\x00", body=b"0\r\n\r\n"),
    refused("a blank before the coding's colon", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    refused("a blank before the coding", b" Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    refused("a folded coding", b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    refused("an underscore twin of the coding", b"Transfer_Encoding: chunked", body=b"0\r\n\r\n"),
    refused("an underscore twin of the length", b"Content_Length: 3", body=b"abc"),
    refused("chunked in 1.0", CHUNKED, body=b"0\r\n\r\n", line=LINE[:-1] + b"0"),
    taken(
        "a tab before chunked",
        b"Transfer-Encoding:\tchunked",
        body=b"1\r\na\r\n0\r\n\r\n",
        seen=b"a",
    ),
    taken("a blank after chunked", CHUNKED + b" ", body=b"1\r\na\r\n0\r\n\r\n", seen=b"a"),
    taken("chunked in capitals", CHUNKED.upper(), body=b"1\r\na\r\n0\r\n\r\n", seen=b"a"),
    taken("a blank after the length", b"Content-Length: 3 ", body=b"abc", seen=b"abc"),
    taken(
        "Connection names the length",
        b"Connection: Content-Length",
        b"Content-Length: 3",
        body=b"abc",
        seen=b"abc",
    ),
    taken(
        "Connection names the coding",
        b"Connection: Transfer-Encoding",
        CHUNKED,
        body=b"1\r\na\r\n0\r\n\r\n",
        seen=b"a",
    ),
)

LINES: Final = (
    Case("a bare LF after the request line", LINE + b"\n" + HOST + b"\r\n" + KEY + b"\r\n\r\n"),
    refused("a bare LF after a field", b"X-A: a\nX-B: b"),
    refused("a bare CR in a field", b"X-A: a\rX-B: b"),
    refused("two CR before LF", b"X-A: a\r"),
    refused("NUL in a field", b"X-A: a\x00b"),
    refused("a control character in a field", b"X-A: a\x01b"),
    refused("DEL in a field", b"X-A: a\x7fb"),
    refused("a folded field", b"X-A: a", b"\tb"),
    refused("a field without colon", b"X-A"),
    refused("a field without name", b": a"),
    refused("a name that is no token", b"X@A: a"),
    refused("a name that is not ASCII", b"X-\xc3\xa9: a"),
    Case("a head that ends with a bare LF", head()[:-2] + b"\n"),
    refused("a version of three digits", line=LINE + b"0"),
    refused("a version that does not exist", line=b"POST /s/edu.payment/x HTTP/1.2"),
    refused("version 2 in a line of version 1", line=b"POST /s/edu.payment/x HTTP/2.0"),
    refused("version 0.9 by name", line=b"GET /s/edu.payment/x HTTP/0.9"),
    Case("version 0.9 by form", b"GET /s/edu.payment/x\r\n\r\n"),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("the version in small letters", line=b"POST /s/edu.payment/x http/1.1"),
    refused("a blank after the version", line=LINE + b" "),
    refused("a blank before the method", line=b" " + LINE),
    refused("a tab after the method", line=LINE.replace(b" ", b"\t", 1)),
    refused("a method in small letters", line=b"post /s/edu.payment/x HTTP/1.1"),
    refused("a method nobody knows", line=b"PAY /s/edu.payment/x HTTP/1.1"),
    Case("no Host", head(host=b"", line=GET)),
    refused("two Hosts", b"Host: other.test"),
    refused("two equal Hosts", HOST),
    refused("two Hosts in two spellings", b"HOST: other.test", line=GET),
    *(
        Case(f"a Host with {why}", head(host=b"Host: " + host))
        for why, host in {
            "a blank": b"a b",
            "a path": b"a/b",
            "a user": b"u@a",
            "a comma": b"a,b",
            "two colons": b"a:80:80",
            "an open bracket": b"[::1",
        }.items()
    ),
    refused(
        "absolute form with another host", line=b"GET http://other.test/s/edu.payment/x HTTP/1.1"
    ),
    Case(
        "absolute form with a user",
        head(line=b"GET http://u@gateway.test/s/edu.payment/x HTTP/1.1"),
        closed=False,
    ),
    Case(
        "absolute form with another scheme",
        head(line=b"GET ftp://gateway.test/s/edu.payment/x HTTP/1.1"),
        closed=False,
    ),
    taken("absolute form", line=b"GET http://GATEWAY.test:80/s/edu.payment/x HTTP/1.1"),
    taken("two blanks after the method", line=b"GET  /s/edu.payment/x HTTP/1.1"),
    taken("obs-text in a field", b"X-A: \xff", line=GET),
    Case(
        "an empty line before the request",
        b"\r\n" + head(line=GET),
        (200,),
        (b"GET /x ",),
        closed=False,
    ),
)

CHUNKS: Final = (
    chunks("a chunk size with 0x", b"0x2\r\nab\r\n0\r\n\r\n"),
    chunks("a negative chunk size", b"-2\r\nab\r\n0\r\n\r\n"),
    chunks("a chunk size with plus", b"+2\r\nab\r\n0\r\n\r\n"),
    chunks("a chunk size beyond 64 bits", b"10000000000000002\r\nab\r\n0\r\n\r\n"),
    chunks("a blank before the chunk size", b" 2\r\nab\r\n0\r\n\r\n"),
    chunks("a blank after the chunk size", b"2 \r\nab\r\n0\r\n\r\n"),
    chunks("no chunk size", b"\r\nab\r\n0\r\n\r\n"),
    chunks("a control character in an extension", b"2;a=\x01\r\nab\r\n0\r\n\r\n"),
    chunks("an extension that ends with a bare LF", b"2;a\nab\r\n0\r\n\r\n"),
    chunks("an extension without name", b"2;\r\nab\r\n0\r\n\r\n"),
    chunks("an extension whose quotes stay open", b'2;a="b\r\nab\r\n0\r\n\r\n'),
    chunks("a chunk size that ends with a bare LF", b"2\nab\r\n0\r\n\r\n"),
    chunks("a chunk size that ends with CR", b"2\r\rab\r\n0\r\n\r\n"),
    chunks("a chunk longer than its size", b"2\r\nabc\r\n0\r\n\r\n"),
    chunks("a chunk without its end", b"2\r\nab0\r\n\r\n"),
    chunks("a chunk that ends with a bare LF", b"2\r\nab\n0\r\n\r\n"),
    chunks("a last chunk that ends with a bare LF", b"2\r\nab\r\n0\n\r\n"),
    chunks("a length among the trailers", b"2\r\nab\r\n0\r\nContent-Length: 5\r\n\r\n"),
    chunks("a coding among the trailers", b"2\r\nab\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    chunks("a broken trailer", b"2\r\nab\r\n0\r\nX A: 5\r\n\r\n"),
    chunks("no last chunk", b"2\r\nab\r\n")._replace(ends=True),
    chunks("no end after the last chunk", b"2\r\nab\r\n0\r\n")._replace(ends=True),
    refused("a body shorter than its length", b"Content-Length: 5", body=b"abc")._replace(
        ends=True
    ),
    taken(
        "trailers are dropped",
        CHUNKED,
        body=b"2\r\nab\r\n0\r\nX-Api-Key: other\r\n\r\n",
        seen=b"ab",
    ),
    taken("extensions are dropped", CHUNKED, body=b'2;a=b;c="d"\r\nab\r\n0\r\n\r\n', seen=b"ab"),
    taken("zeros before the chunk size", CHUNKED, body=b"0002\r\nab\r\n0\r\n\r\n", seen=b"ab"),
)

CONNECTIONS: Final = (
    taken("a request in a body", b"Content-Length: %d" % len(HIDDEN), body=HIDDEN, seen=HIDDEN),
    taken(
        "a request in the body of a GET",
        b"Content-Length: %d" % len(HIDDEN),
        body=HIDDEN,
        seen=HIDDEN,
        line=GET,
    ),
    taken(
        "a request in a chunk",
        CHUNKED,
        seen=HIDDEN,
        body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
    ),
    Case(
        "two requests in one packet",
        head(line=GET) + HIDDEN,
        (200, 200),
        (b"GET /x ", b"GET /hidden "),
        closed=False,
    ),
    Case(
        "a request after the last chunk",
        head(CHUNKED) + b"0\r\n\r\n" + HIDDEN,
        (200, 200),
        (b"POST /x ", b"GET /hidden "),
        closed=False,
    ),
    Case(
        "a request after the length",
        head(b"Content-Length: 1") + b"a" + HIDDEN,
        (200, 200),
        (b"POST /x a", b"GET /hidden "),
        closed=False,
    ),
    Case(
        "a request after one that closes",
        head(b"Connection: close", line=GET) + HIDDEN,
        (200,),
        (b"GET /x ",),
    ),
    Case(
        "a request after one of version 1.0",
        head(line=GET[:-1] + b"0") + HIDDEN,
        (200,),
        (b"GET /x ",),
    ),
    Case(
        "something else after a request",
        head(line=GET) + b"\x16\x03\x01",
        (200, 400),
        (b"GET /x ",),
    ),
    Case(
        "two requests, then a broken one",
        head(line=GET) + HIDDEN + b"GET / HTTP/1.1\n\n",
        (200, 200, 400),
        (b"GET /x ", b"GET /hidden "),
    ),
    refused(
        "an upgrade with a body",
        b"Upgrade: h2c",
        b"Connection: Upgrade",
        b"Content-Length: 3",
        body=b"abc",
    ),
    refused(
        "an upgrade with chunks",
        b"Upgrade: h2c",
        b"Connection: Upgrade",
        CHUNKED,
        body=b"0\r\n\r\n",
    ),
    Case(
        "an upgrade with another protocol behind it",
        head(b"Upgrade: h2c", b"Connection: Upgrade", line=GET) + HIDDEN,
        (200,),
        (b"GET /x ",),
    ),
    Case("CONNECT", head(line=b"CONNECT other.test:443 HTTP/1.1") + HIDDEN),
    refused("an underscore twin of the key", b"X_Api_Key: other"),
    refused("an underscore twin of the service", b"X_Service_Id: other"),
    refused("two keys", KEY),
    refused("two keys in two spellings", KEY.lower().replace(b"app", b"key"), line=GET),
    refused("two services", b"X-Service-Id: edu.payment", b"X-Service-Id: edu.payment"),
    Case("another service in the header", head(b"X-Service-Id: edu.other", line=GET), closed=False),
    taken("Connection names the key", b"Connection: X-Api-Key", line=GET),
    taken(
        "Connection names the service",
        b"Connection: X-Service-Id",
        b"X-Service-Id: edu.payment",
        line=GET,
    ),
)

REFUSED_PATHS: Final = (
    b"/../x", b"/..", b"/./x", b"/.", b"/a/../../x", b"/%2e%2e/x", b"/.%2E/x", b"/%2e", b"/..;/x",
    b"/..;a=b/x", b"/a%2fb", b"/a%2Fb", b"/a%5cb", b"/a\\b", b"/..\\x", b"/a%00", b"/a%0d%0a",
    b"/%252e%252e/x", b"/a%252fb", b"/a%25%32%66", b"/a%7f", b"/a%", b"/a%2", b"/a%zz",
    b"/a%u002e", b"//x", b"/a//b", b"/a#b", b"/a?b#c",
)  # fmt: skip

BROKEN_PATHS: Final = (b"/\xc3\xa9", b"/a\x00", b"/a\tb", b"/a\x7f")
"""These are no HTTP at all: nothing that follows can be trusted."""

PATHS: Final = tuple(
    Case(
        f"the path {path.decode('latin-1')}",
        head(line=b"GET /s/edu.payment%b HTTP/1.1" % path),
        closed=path in BROKEN_PATHS,
    )
    for path in REFUSED_PATHS + BROKEN_PATHS
)

CASES: Final = FRAMING + LINES + CHUNKS + CONNECTIONS + PATHS
