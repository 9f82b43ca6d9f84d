-- The key that keys hashes (of e-mail addresses and of the secrets of API keys) and from which the passwords of the roles follow.
-- It must stay what it is, or nothing matches any more; so it is kept here, sealed by the master key, and outlives every master
-- key. `forebay migrate up` puts it in. Only the owner of the schema reads it: no grants.
CREATE TABLE forebay.hash_root (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    root_encrypted text NOT NULL
);
