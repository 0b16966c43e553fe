#!/usr/bin/env python3
"""TinyHost: a DNS host made for the examples, on this machine alone.

    python3 tinyhost.py [--http PORT] [--dns PORT] [--zone NAME] [--token TOKEN]

It prints its two addresses and serves until it is ended. Records live in its memory; its DNS server is
authoritative for the zone and shows them.

The API: POST, text in, text out. Many records go in one request, a line each; the answer has a line each,
`CODE words`, in the same order. All but /register want `Authorization: Bearer TOKEN`.

    /register                      the answer is the token of a new account
    /check    FQDN                 200 ZONE    404 no zone of this account holds the name
    /add      FQDN TTL VALUE       201 ID      200 ID: it was there    404 no zone
    /remove   ID, or FQDN VALUE    200         404 it was not there

A request as a whole fails with 401 (token), 429 (too many; Retry-After says when), or 503. For tests, names
decide: with a label `status-503` the request fails with 503, with a label `slow` it takes 20 seconds.
"""

import argparse
import http.server
import re
import secrets
import socketserver
import struct
import threading
import time

parser = argparse.ArgumentParser(description="a DNS host made for the examples")
parser.add_argument("--http", type=int, default=0, help="port of the API on 127.0.0.1; 0: a free one")
parser.add_argument("--dns", type=int, default=0, help="port of the DNS server on 127.0.0.1; 0: a free one")
parser.add_argument("--zone", default="example.test", help="the one zone")
parser.add_argument("--token", action="append", default=[], help="a token that is known from the start")
options = parser.parse_args()

lock = threading.Lock()
tokens = set(options.token)
records = {}  # id -> (fqdn, ttl, value)
last_id = 0


def in_zone(fqdn):
    return fqdn == options.zone or fqdn.endswith("." + options.zone)


def check(fqdn):
    return f"200 {options.zone}" if in_zone(fqdn) else "404 no zone of this account holds the name"


def add(fqdn, ttl, value):
    global last_id
    if not in_zone(fqdn):
        return "404 no zone of this account holds the name"
    for number, (name, _, text) in records.items():
        if (name, text) == (fqdn, value):
            return f"200 {number}"
    last_id += 1
    records[last_id] = (fqdn, int(ttl), value)
    return f"201 {last_id}"


def remove(*what):
    if len(what) == 1:
        gone = [int(what[0])] if int(what[0]) in records else []
    else:
        gone = [number for number, (name, _, text) in records.items() if (name, text) == what]
    for number in gone:
        del records[number]
    return "200 removed" if gone else "404 it was not there"


class Api(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/register":
            token = secrets.token_hex(16)
            with lock:
                tokens.add(token)
            return self.answer(201, token)
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in tokens:
            return self.answer(401, "this token is not known")
        if ".slow." in text:
            time.sleep(20)
        if found := re.search(r"\.status-(\d+)\.", text):
            return self.answer(int(found[1]), "told to fail")
        action = {"/check": check, "/add": add, "/remove": remove}.get(self.path)
        if action is None:
            return self.answer(404, "no such call")
        with lock:
            return self.answer(200, "\n".join(action(*line.split(" ")) for line in text.splitlines()))

    def answer(self, status, text):
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        try:
            self.wfile.write(text.encode())
        except OSError:
            pass  # it did not wait

    def log_message(self, *_):
        pass


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


SOA, NS, A, TXT, NOERROR, NXDOMAIN, REFUSED = 6, 2, 1, 16, 0, 3, 5


class Dns(socketserver.BaseRequestHandler):
    """One question, one datagram: all that a look at a challenge record needs."""

    def handle(self):
        query, socket = self.request
        name, at = [], 12
        while query[at]:
            name.append(query[at + 1 : at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, question = ".".join(name), query[12 : at + 5]
        (wanted,) = struct.unpack(">H", query[at + 1 : at + 3])
        server = "ns." + options.zone
        with lock:
            texts = [(ttl, value) for fqdn, ttl, value in records.values() if fqdn == name]
            names = {fqdn for fqdn, _, _ in records.values()} | {options.zone, server}
        soa = labels(server) + labels("host." + options.zone) + struct.pack(">5I", 1, 60, 60, 600, 1)
        found = []
        if wanted == TXT:
            found = [(TXT, ttl, bytes([len(value)]) + value.encode()) for ttl, value in texts]
        elif name == options.zone and wanted in (SOA, NS):
            found = [(wanted, 60, soa if wanted == SOA else labels(server))]
        elif name == server and wanted == A:
            found = [(A, 60, bytes([127, 0, 0, 1]))]
        exists = any(known == name or known.endswith("." + name) for known in names)
        code = REFUSED if not in_zone(name) else NOERROR if exists else NXDOMAIN
        answer = b"".join(
            question[:-4] + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data for kind, ttl, data in found
        )
        denial = b""
        if not found and code != REFUSED:
            denial = labels(options.zone) + struct.pack(">HHIH", SOA, 1, 1, len(soa)) + soa
        # an answer to a query, authoritative, the recursion flag as it came
        flags = 0x8400 | (query[2] & 1) << 8 | code
        counts = struct.pack(">HHHHH", flags, 1, len(found), 1 if denial else 0, 0)
        socket.sendto(query[:2] + counts + question + answer + denial, self.client_address)


class ThreadedUdp(socketserver.ThreadingUDPServer):
    daemon_threads = True


api = http.server.ThreadingHTTPServer(("127.0.0.1", options.http), Api)
dns = ThreadedUdp(("127.0.0.1", options.dns), Dns)
print(f"http 127.0.0.1:{api.server_address[1]}\ndns 127.0.0.1:{dns.server_address[1]}", flush=True)
threading.Thread(target=dns.serve_forever, daemon=True).start()
try:
    api.serve_forever()
except KeyboardInterrupt:
    pass
