"""Cloudflare's own Python SDK, unchanged, does with the double what its documentation shows."""

import os
import sys

import cloudflare
from cloudflare import Cloudflare

url, token, poor, apex_zone, other_zone = sys.argv[1:]
client = Cloudflare(api_token=token, base_url=url, max_retries=0)
records = client.dns.records


def refused(kind, code, work, *args, **named):
    try:
        work(*args, **named)
    except kind as error:
        codes = [fault.code for fault in error.errors]
        below = [link["code"] for fault in error.body["errors"] for link in fault.get("error_chain", [])]
        assert code in codes + below, f"{work}: {error}"
        return error
    raise AssertionError(f"{work} with {named} was not refused")


# the token and the zones
assert client.user.tokens.verify().status == "active"
zones = list(client.zones.list(per_page=5))
assert len(zones) == 8, zones
assert all(zone.name_servers and zone.created_on.year > 2000 for zone in zones)
(zone,) = client.zones.list(name="example.org")
assert (zone.id, zone.status, zone.plan.name) == (apex_zone, "active", "Free Website")
assert client.zones.get(zone_id=zone.id).name == "example.org"
assert list(client.zones.list(name="example.net")) == []

# one record: create, read, edit, replace, delete
made = records.create(
    zone_id=zone.id, type="TXT", name="_acme-challenge.example.org", content='"one"', ttl=60, comment="the SDK's"
)
assert (made.content, made.ttl, made.comment, made.proxied) == ('"one"', 60, "the SDK's", False)
assert records.get(made.id, zone_id=zone.id).created_on == made.created_on
address = records.create(zone_id=zone.id, type="A", name="www.example.org", content="192.0.2.1", ttl=1, proxied=True)
assert (address.name, address.proxied) == ("www.example.org", True)
edited = records.edit(made.id, zone_id=zone.id, type="TXT", name=made.name, content='"two"', ttl=120)
assert (edited.content, edited.ttl, edited.comment) == ('"two"', 120, "the SDK's")
put = records.update(made.id, zone_id=zone.id, type="TXT", name=made.name, content="bare", ttl=1)
assert (put.content, put.comment, put.created_on) == ("bare", None, made.created_on)
assert records.delete(address.id, zone_id=zone.id).id == address.id

# many at once: in order, and all or none
batch = records.batch(
    zone_id=zone.id,
    deletes=[{"id": made.id}],
    posts=[
        {"type": "TXT", "name": f"n{at}.example.org", "content": f'"value {at}"', "ttl": 60} for at in range(12)
    ],
)
assert [gone.id for gone in batch.deletes] == [made.id]
assert [post.name for post in batch.posts] == [f"n{at}.example.org" for at in range(12)]
first = batch.posts[0]
batch = records.batch(
    zone_id=zone.id,
    patches=[{"id": first.id, "ttl": 300}],
    puts=[{"id": batch.posts[1].id, "type": "TXT", "name": "n1.example.org", "content": '"put"', "ttl": 60}],
)
assert (batch.patches[0].ttl, batch.puts[0].content) == (300, '"put"')
refused(
    cloudflare.BadRequestError, 81058, records.batch, zone_id=zone.id,
    deletes=[{"id": first.id}],
    posts=[{"type": "TXT", "name": "n2.example.org", "content": '"value 2"', "ttl": 60}],
)
assert records.get(first.id, zone_id=zone.id).ttl == 300

# lists: pages and filters
assert len(list(records.list(zone_id=zone.id, per_page=5))) == 12
page = records.list(zone_id=zone.id, per_page=5, page=3)
assert (len(page.result), page.result_info.page) == (2, 3)
assert [it.name for it in records.list(zone_id=zone.id, type="TXT", name={"exact": "n3.example.org"})] == [
    "n3.example.org"
]
assert len(list(records.list(zone_id=zone.id, content={"startswith": '"value 1'}, match="all"))) == 2
assert list(records.list(zone_id=other_zone)) == []

# errors
txt = {"zone_id": zone.id, "type": "TXT", "name": "x.example.org", "content": '"x"', "ttl": 60}
refused(cloudflare.BadRequestError, 9021, records.create, **{**txt, "ttl": 59})
refused(cloudflare.BadRequestError, 9000, records.create, **{**txt, "name": "x..example.org"})
refused(cloudflare.BadRequestError, 9010, records.create, **{**txt, "content": '"x'})
refused(cloudflare.BadRequestError, 9313, records.create, **{**txt, "comment": "c" * 101})
refused(cloudflare.BadRequestError, 9300, records.create, **{**txt, "tags": ["a:b"]})
refused(cloudflare.BadRequestError, 9004, records.create, **{**txt, "proxied": True})
refused(cloudflare.BadRequestError, 81058, records.create, **{**txt, "name": "n4.example.org", "content": '"value 4"'})
refused(cloudflare.NotFoundError, 81044, records.delete, "0" * 32, zone_id=zone.id)
refused(cloudflare.NotFoundError, 1003, records.create, **{**txt, "zone_id": "0" * 32})
refused(cloudflare.BadRequestError, 7003, records.create, **{**txt, "zone_id": "example.org"})

# a token that may read one zone only
reader = Cloudflare(api_token=poor, base_url=url, max_retries=0)
assert list(reader.zones.list()) == []
assert len(list(reader.dns.records.list(zone_id=zone.id))) == 12
refused(cloudflare.PermissionDeniedError, 10000, reader.dns.records.create, **txt)
refused(cloudflare.PermissionDeniedError, 10000, reader.dns.records.list, zone_id=other_zone)
stranger = Cloudflare(api_token="x" * 40, base_url=url, max_retries=0)
refused(cloudflare.PermissionDeniedError, 9109, stranger.zones.list)
refused(cloudflare.AuthenticationError, 1000, stranger.user.tokens.verify)
malformed = Cloudflare(api_token="x" * 39, base_url=url, max_retries=0)
refused(cloudflare.BadRequestError, 6111, malformed.zones.list)
os.environ.pop("CLOUDFLARE_API_TOKEN", None)
global_key = Cloudflare(api_email="me@example.org", api_key="1" * 37, base_url=url, max_retries=0)
try:
    global_key.zones.list()
    raise AssertionError("the global key was not refused")
except cloudflare.APIStatusError as error:
    assert error.status_code == 400, error

print("the SDK", cloudflare.__version__, "is served")
