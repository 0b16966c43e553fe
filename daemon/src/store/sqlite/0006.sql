-- How long servers took to show what an instance wrote in a zone, in milliseconds; the last ones.
CREATE TABLE spread (
    id INTEGER PRIMARY KEY,
    instance TEXT NOT NULL,
    zone TEXT NOT NULL,
    took INTEGER NOT NULL
) STRICT;
CREATE INDEX spread_place ON spread(instance, zone, id);
