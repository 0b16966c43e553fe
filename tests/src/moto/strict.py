"""moto's Route 53 with the rules of the real one that moto leaves out.

A provider that merges TXT values leans on exactly these, so a test against moto as it is would
prove nothing:
- DELETE must name the set as it stands, CREATE must find none, and a batch is done whole or
  not at all, one batch after the other;
- the quotas of a batch and of a set, and the form of TXT values;
- no other record beside a CNAME;
- lists are sorted by reversed labels with their dots; ListHostedZonesByName starts at a name,
  and has pages;
- a change is PENDING at first, and an unknown one does not exist.

Run as moto_server is: `strict.py -p PORT`.
"""

import itertools
import re
import threading

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.route53 import models, responses
from moto.route53.exceptions import Route53ClientError
from moto.server import main

TXT = re.compile(r'^("([^"\\]|\\[0-7]{3}|\\.){0,255}"\s*)+$')
lock = threading.Lock()
numbers = itertools.count(1)
asked = {}


def key(name):
    return "".join(label + "." for label in reversed(name.rstrip(".").split(".")))


def invalid(messages):
    return Route53ClientError("InvalidChangeBatch", "[" + ", ".join(messages) + "]")


def slot(record_set):
    return (record_set.name, record_set.type, record_set.set_identifier)


def wanted(record_set):
    values = record_set.get("ResourceRecords") or []
    record_set["ResourceRecords"] = [value["Value"] for value in values]
    record_set["Name"] = record_set["Name"].rstrip(".").lower() + "."
    return models.RecordSet(record_set)


def change_resource_record_sets(self, zoneid, change_list):
    with lock:
        zone = self.get_hosted_zone(zoneid)
        sets = {slot(record_set): record_set for record_set in zone.rrsets}
        messages, values = [], []
        for change in change_list:
            new = wanted(change["ResourceRecordSet"])
            what = f"resource record set [name='{new.name}', type='{new.type}']"
            old = sets.get(slot(new))
            values += (new.records or []) * (2 if change["Action"] == "UPSERT" else 1)
            if not ("." + new.name).endswith("." + zone.name.rstrip(".") + "."):
                messages.append(f"RRSet with DNS name {new.name} is not permitted in zone {zone.name}")
            if new.type == "TXT":
                for value in new.records or []:
                    if not TXT.match(value) or len(value) > 4000:
                        messages.append(f"Invalid Resource Record: InvalidCharacterString (Value {value[:40]})")
                if len(new.records or []) > 400:
                    messages.append(f"Maximum number of values exceeded for {what}")
            if change["Action"] == "DELETE":
                if old is None:
                    messages.append(f"Tried to delete {what} but it was not found")
                elif int(old.ttl or 0) != int(new.ttl or 0) or sorted(old.records) != sorted(new.records):
                    messages.append(
                        f"Tried to delete {what} but the values provided do not match the current values")
                else:
                    del sets[slot(new)]
                continue
            if change["Action"] == "CREATE" and old is not None:
                messages.append(f"Tried to create {what} but it already exists")
            beside = {record_set.type for record_set in sets.values() if record_set.name == new.name}
            if ("CNAME" in beside) != (new.type == "CNAME") and beside:
                messages.append(
                    f"RRSet of type {new.type} with DNS name {new.name} is not permitted as it conflicts with "
                    f"other records with the same DNS name in zone {zone.name}")
            sets[slot(new)] = new
        if len(values) > 1000:
            messages.append("Number of records limit of 1000 exceeded.")
        if sum(len(value) for value in values) > 32000:
            messages.append("Number of characters limit of 32000 exceeded.")
        if messages:
            raise invalid(messages)
        zone.rrsets = list(sets.values())


def get_record_sets(self, start_type, start_name):
    sets = sorted(self.rrsets, key=lambda record_set: (key(record_set.name), record_set.type))
    start = (key(start_name), start_type or "") if start_name else ("", "")
    return [record_set for record_set in sets if (key(record_set.name), record_set.type) >= start]


def respond_change(self):
    self.backend.change_resource_record_sets(
        self._get_param("HostedZoneId"), self._get_param("ChangeBatch.Changes"))
    change = f"C{next(numbers):013}"
    asked[change] = 0
    return ActionResult({"ChangeInfo": {"Id": "/change/" + change, "Status": "PENDING", "SubmittedAt": utcnow()}})


def respond_get_change(self):
    change = self._get_param("Id").rsplit("/", 1)[-1]
    if change not in asked:
        raise Route53ClientError("NoSuchChange", f"A change with id {change} does not exist.")
    asked[change] += 1
    status = "PENDING" if asked[change] == 1 else "INSYNC"
    return ActionResult({"ChangeInfo": {"Id": "/change/" + change, "Status": status, "SubmittedAt": utcnow()}})


def respond_list_zones(self):
    start = self._get_param("DNSName")
    first = (key(start) if start else "", self._get_param("HostedZoneId") or "")
    most = self._get_int_param("MaxItems", 100)
    zones = sorted(self.backend.zones.values(), key=lambda zone: (key(zone.name), zone.resource_id))
    zones = [zone for zone in zones if (key(zone.name), zone.resource_id) >= first]
    answer = {"DNSName": start, "HostedZones": zones[:most], "MaxItems": most, "IsTruncated": len(zones) > most}
    if len(zones) > most:
        answer |= {"NextDNSName": zones[most].name, "NextHostedZoneId": zones[most].resource_id}
    return ActionResult(answer)


models.Route53Backend.change_resource_record_sets = change_resource_record_sets
models.FakeZone.get_record_sets = get_record_sets
responses.Route53.change_resource_record_sets = respond_change
responses.Route53.get_change = respond_get_change
responses.Route53.list_hosted_zones_by_name = respond_list_zones

if __name__ == "__main__":
    main()
