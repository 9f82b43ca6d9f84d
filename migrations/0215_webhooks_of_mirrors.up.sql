-- The secret part of the address at which a site may deliver that cannot sign: Server, older Data Center, and apps of OAuth 2.0. Sealed
-- and not hashed: whoever registers the webhook by hand has to be told it.
ALTER TABLE jira_instances ADD COLUMN webhook_path_encrypted text;

-- Our webhook at the site of a mirror, as it was when it was looked at last.
CREATE TABLE site_webhooks (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- admin: without an end, made by an administrator of Jira. dynamic: of an OAuth 2.0 app, for 30 days at a time.
    kind varchar(10) NOT NULL,
    -- Its ids at the site; an app needs one for each kind of event.
    remote_ids text[] NOT NULL DEFAULT '{}',
    -- Whether there is to be one: a person may say that there is not.
    wanted boolean NOT NULL DEFAULT true,
    state varchar(12) NOT NULL,
    -- What is wrong with it, and what is to be done.
    problem text,
    -- Where this Forebay was reached then.
    origin varchar(500) NOT NULL,
    -- Whether the secret is another one by now than the site was told.
    stale boolean NOT NULL DEFAULT false,
    -- Whether somebody entered it by hand, in a way of their own.
    by_hand boolean NOT NULL DEFAULT false,
    registered_at timestamptz,
    expires_at timestamptz,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT site_webhooks_instance_fkey FOREIGN KEY (tenant_id, instance_id)
        REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT site_webhooks_kind_check CHECK (kind IN ('admin', 'dynamic')),
    CONSTRAINT site_webhooks_state_check CHECK (state IN ('registered', 'disabled', 'missing', 'refused', 'failed', 'off'))
);
SELECT forebay.protect('site_webhooks');
SELECT forebay.limit_to_whole_tenants('site_webhooks');
