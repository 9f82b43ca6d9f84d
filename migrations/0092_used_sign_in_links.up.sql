-- Sign-in links that were used: each opens the console once. A row is of no use after the link's own end, and goes when the next
-- link is used.
CREATE TABLE used_sign_in_links (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT forebay.protect('used_sign_in_links');
