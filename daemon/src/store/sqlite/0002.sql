-- Orders that share a name ask for its rows again and again while they wait for room there.
CREATE INDEX record_owner ON record(owner);
