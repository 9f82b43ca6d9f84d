-- What a sandbox was seeded with. The generated site ends at `present`, so that a seed that is repeated, or goes on after an
-- interruption, makes the same rows.
CREATE TABLE sandbox_seeds (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- The generator's seed: an unsigned number of 64 bits, kept as a signed one.
    seed bigint NOT NULL,
    issues bigint NOT NULL,
    present timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT sandbox_seeds_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sandbox_seeds');
