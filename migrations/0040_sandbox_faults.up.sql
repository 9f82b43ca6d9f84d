-- What a sandbox does wrong, and how often it did.

CREATE TABLE sandbox_faults (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- Another one with every plan: what was counted, seen and cached belongs to it.
    revision uuid NOT NULL,
    -- NULL once the plan is cleared: what it did is still counted until the next one.
    plan jsonb,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT sandbox_faults_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sandbox_faults');

CREATE TABLE sandbox_fault_counts (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    revision uuid NOT NULL,
    kind varchar(40) NOT NULL,
    injected bigint NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, revision, kind),
    CONSTRAINT sandbox_fault_counts_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sandbox_fault_counts');

-- An instance is looked up with the revision of its plan, so that a sandbox without faults costs nothing.
CREATE FUNCTION forebay.note_faults() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM forebay.note_change(CASE WHEN TG_OP = 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END, NULL, 'r');
    RETURN NULL;
END
$$;
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON sandbox_faults FOR EACH ROW EXECUTE FUNCTION forebay.note_faults();
