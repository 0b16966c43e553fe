-- What is full again goes whenever an order is charged.
CREATE INDEX budget_full_at ON budget(full_at);
